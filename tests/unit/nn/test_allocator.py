"""Freed memory: kept for the next epoch, given back when asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[3] / "bin"
CODE = """
import ctypes
import numpy as np
from tissuegraph.nn.allocator import keep_freed_memory, return_freed_memory

def resident():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096 / 1e6

assert keep_freed_memory()
before = resident()
large, wall = np.ones(50_000_000), np.ones(1000)  # 400 MB, and what keeps it from the end of the heap
del large
kept = resident() - before
assert return_freed_memory()
print(kept, resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_freed_memory_is_kept_until_it_is_given_back():
    environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
    finished = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False
    )
    if "AssertionError" in finished.stderr:
        pytest.skip("another C library than glibc")
    kept, left = map(float, finished.stdout.split())
    assert kept > 350
    assert left < 50
