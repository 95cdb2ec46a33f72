"""What a run repeats: only what changed, everything when the code changed; what a stub run reaches."""

from __future__ import annotations

import shutil

import pytest

from .conftest import ROOT, run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the pipeline that a test may edit; environment and engine are shared."""
    copy = tmp_path_factory.mktemp("project") / "tissuegraph"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".engine", ".uv", "demo", "tests", ".nextflow*", ".pytest_cache"
    )
    shutil.copytree(ROOT, copy, ignore=ignored, symlinks=True)
    for shared in (".venv", ".engine"):
        (copy / shared).symlink_to(ROOT / shared)
    return copy


def test_resume_repeats_only_the_report_for_its_configuration_and_everything_for_new_code(
    project, sheet, tmp_path
):
    rows = write_sheet(tmp_path / "sheet.csv", sheet[:2])
    arguments = ("--input", str(rows), "--n_seeds", "1")
    first = run_pipeline(tmp_path, *arguments, project=project)
    assert first.code == 0, first.output
    assert set(first.trace().values()) == {"COMPLETED"}

    with (project / "assets" / "multiqc_config.yml").open("a") as config:
        config.write("\nreport_comment: another comment\n")
    second = run_pipeline(tmp_path, *arguments, "-resume", project=project)
    assert second.code == 0, second.output
    assert {name for name, status in second.trace().items() if status == "COMPLETED"} == {"MULTIQC"}

    with (project / "bin" / "tissuegraph" / "keys.py").open("a") as module:
        module.write("\n# another comment\n")
    third = run_pipeline(tmp_path, *arguments, "-resume", project=project)
    assert third.code == 0, third.output
    assert "CACHED" not in third.trace().values()


def test_stub_run_reaches_the_report_and_every_slice(tmp_path, sheet):
    rows = write_sheet(tmp_path / "sheet.csv", sheet)
    run = run_pipeline(tmp_path, "--input", str(rows), "-stub")
    assert run.code == 0, run.output
    assert {path.name for path in (run.outdir / "slices").iterdir()} == {row["sample"] for row in sheet}
    assert (run.outdir / "multiqc" / "multiqc_report.html").exists()
