"""Inputs are only read, whatever they are called."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from .conftest import ROOT, run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline

QUICK = "extends: default\noptimiser:\n  epochs: 2\n"


def digests(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A run whose inputs and samples bear the names of our own files; digests before, the run, the inputs."""
    folder = tmp_path_factory.mktemp("hostile")
    inputs = folder / "inputs"
    given = ROOT / "tests" / "data"
    rows = []
    for sample, name in (
        ("slice", "slice.h5ad"),
        ("baseline", "baseline.h5ad"),
        ("assemble", "assemble.h5ad"),
        ("spots", "slice.h5ad"),
    ):
        path = inputs / sample / name
        path.parent.mkdir(parents=True)
        shutil.copy(given / "patchy.h5ad", path)
        rows.append({"sample": sample, "path": str(path), "n_domains": "3"})
    shutil.copytree(given / "layered" / "outs", inputs / "ingest" / "outs")
    # an annotation and a samplesheet that bear the names of results
    shutil.copy(given / "layered" / "annotation.csv", inputs / "ingest" / "slices.csv")
    rows.append(
        {
            "sample": "ingest.json",
            "path": str(inputs / "ingest" / "outs"),
            "n_domains": "3",
            "annotation": str(inputs / "ingest" / "slices.csv"),
        }
    )
    sheet = write_sheet(inputs / "rows.csv", rows)
    preset = inputs / "settings.yaml"
    preset.write_text(QUICK)
    before = digests(inputs)
    arguments = ("--input", str(sheet), "--stmfg_preset", str(preset), "--n_seeds", "1", "--figures", "png")
    return before, run_pipeline(folder, *arguments), inputs


def test_inputs_are_the_same_bytes_after_the_run(hostile):
    before, run, inputs = hostile
    assert run.code == 0, run.output
    assert digests(inputs) == before


def test_every_slice_is_whole_under_its_own_name(hostile):
    _, run, _ = hostile
    table = run.table()
    assert {row["status"] for row in table.values()} <= {"passed", "warned"}
    for sample in table:
        assert (run.outdir / "slices" / sample / f"{sample}.h5ad").stat().st_size > 10_000
