"""Shared by all tests: package and helpers on the path, and where the development slices are."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests")]  # the package; `helpers`
# Before a library is loaded: threads for every core in each of the processes that share the tests wait for
# each other, many times longer than they compute (a test of training: 101 s, with one thread 7)
os.environ.setdefault("OMP_NUM_THREADS", "1")
# (once a parallel function of numba has run, as in scanpy, torch too has as many threads as numba)
os.environ.setdefault("NUMBA_NUM_THREADS", "1")


# Below tests/pipeline, the files that take more than a minute, longest first
SLOWEST = ("slurm", "faults", "resume", "output", "cohorts", "biology", "expression", "platforms", "domains",
           "tutorials", "batches", "store", "inputs", "refusal")  # fmt: skip


def pytest_collection_modifyitems(items):
    """Long files first, so that at the end no worker is left alone with one (`--no-loadscope-reorder`)."""
    places = {f"test_{name}.py": place for place, name in enumerate(SLOWEST)}
    pipeline = ROOT / "tests" / "pipeline"
    items.sort(key=lambda item: places[item.path.name] if item.path.parent == pipeline else len(SLOWEST))


@pytest.fixture(scope="session")
def root():
    """Root of the project."""
    return ROOT


@pytest.fixture(scope="session")
def real_data():
    """Directory of the development slices; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("TISSUEGRAPH_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the development slices are not here; set TISSUEGRAPH_DATA")
    return folder
