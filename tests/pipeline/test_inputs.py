"""Inputs are only read, whatever they are called, and what a user's environment holds does not matter."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from .conftest import ROOT, run_pipeline, write_sheet
from .faults import QUICK

pytestmark = pytest.mark.pipeline


def digests(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def adverse(folder: Path) -> dict[str, str]:
    """Other programs of our names first on the PATH, a PYTHONPATH with a broken numpy, no locale at all."""
    for name in ("qc.py", "ingest.py", "train.py", "versions.py"):
        program = folder / "theirs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\necho not ours >&2; exit 3\n")
        program.chmod(0o755)
    (folder / "packages" / "numpy").mkdir(parents=True)
    (folder / "packages" / "numpy" / "__init__.py").write_text("raise ImportError('not ours')\n")
    return {
        "PATH": f"{folder / 'theirs'}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "packages"),
        "PYTHONHOME": str(folder / "packages"),
        "LANG": "C", "LC_ALL": "C", "NXF_SYNTAX_PARSER": "v2",
    }  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A run whose inputs and samples bear the names of our own files, in an adverse environment, with a
    configuration of the report that is no YAML; digests before, the run, the inputs.
    """
    folder = tmp_path_factory.mktemp("hostile")
    launch = folder / "launch dir"
    inputs = launch / "my inputs"
    given = ROOT / "tests" / "data"
    rows = []
    for sample, name in (("slice", "slice.h5ad"), ("baseline", "assemble.h5ad")):
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
    sheet = write_sheet(inputs / "slices.csv", rows)
    preset = inputs / "settings.yaml"
    preset.write_text(QUICK)
    (inputs / "broken.yml").write_text("title: [\n")
    before = digests(inputs)
    words = ("--input", str(sheet), "--stmfg_preset", str(preset), "--n_seeds", "1", "--figures", "png")
    words += ("--multiqc_config", str(inputs / "broken.yml"), "--slices_per_task", "3")
    return before, run_pipeline(launch, *words, environment=adverse(folder)), inputs


def test_inputs_are_the_same_bytes_after_the_run(hostile):
    before, run, inputs = hostile
    assert run.code == 0, run.output
    assert digests(inputs) == before


def test_every_slice_is_whole_under_its_own_name(hostile):
    """Made by our programs and packages, as the user's end with an error."""
    _, run, _ = hostile
    table = run.table()
    assert set(table) == {"slice", "baseline", "ingest.json"}
    assert {row["status"] for row in table.values()} <= {"passed", "warned"}
    for sample in table:
        assert (run.outdir / "slices" / sample / f"{sample}.h5ad").stat().st_size > 10_000


def test_a_report_that_cannot_be_made_leaves_table_and_slices(hostile):
    _, run, _ = hostile
    assert run.code == 0, run.output
    assert not (run.outdir / "multiqc" / "multiqc_report.html").exists()
    assert "MULTIQC" in run.output
    # (it is the configuration that stopped it, and nothing of the environment)
    logs = (path.read_text() for path in (run.outdir.parent / "work").glob("*/*/.command.err"))
    assert any("broken.yml" in log for log in logs)
