"""Parameters mean the same whichever way they arrive: as text or typed, by command line or file."""

from __future__ import annotations

import json

import pytest

from .conftest import ROOT, Run, run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline

AS_TEXT = {"NXF_DISABLE_PARAMS_TYPE_DETECTION": "true"}  # what engines from 26.04 on do by themselves


@pytest.fixture(scope="module")
def sheet(tmp_path_factory) -> str:
    row = {"sample": "a", "path": str(ROOT / "tests" / "data" / "patchy.h5ad"), "n_domains": "3"}
    return str(write_sheet(tmp_path_factory.mktemp("sheet") / "sheet.csv", [row]))


def test_text_and_types_and_a_params_file_that_is_fed_back_are_one_run(tmp_path, sheet):
    """Among them a name that is a number, which is a name."""
    outdir = tmp_path / "2024"

    def run(*words: str, **more: dict[str, str]) -> Run:
        done = run_pipeline(tmp_path, "-stub", *words, **more)
        assert done.code == 0, done.output
        return Run(done.code, done.output, outdir)

    words = ("--input", sheet, "--outdir", "2024", "--image_view", "TRUE", "--max_mito", "30")
    first = run(*words, "--seed", "0", "--strict", "False", environment=AS_TEXT)
    assert first.statuses()["ENCODE_HISTOLOGY (a)"] == "COMPLETED"  # the flag is on
    assert (outdir / "slices.csv").exists()
    written = (outdir / "pipeline_info" / "params.json").read_text()
    given = json.loads(written)
    assert (given["image_view"], given["max_mito"], given["seed"], given["genes"]) == (True, 30, 0, None)
    assert given["strict"] is False

    # The sheet, a number, a flag and what has no value come from the file, the rest is typed by the engine
    (tmp_path / "params.json").write_text(written)
    words = ("--outdir", "2024", "--image_view", "true", "--max_mito", "30")
    back = run("-resume", "-params-file", "params.json", *words)
    assert set(back.statuses().values()) == {"CACHED"}
    assert (outdir / "pipeline_info" / "params.json").read_text() == written


def test_options_without_a_value_are_told_by_engines_that_leave_text_alone(tmp_path, opening):
    words = ("-stub", "--input", "--outdir")
    run = run_pipeline(tmp_path, *words, environment=AS_TEXT, project=opening)
    assert run.code != 0
    said = [line.split()[1] for line in run.output.splitlines() if "has no value" in line]
    assert said == ["--input", "--outdir"]
    assert not (tmp_path / "true").exists()


def test_a_second_place_for_results_is_refused_in_one_line(tmp_path, sheet, opening):
    words = ("-stub", "--input", sheet, "-output-dir", "elsewhere")
    run = run_pipeline(tmp_path, *words, project=opening)
    assert run.code != 0
    (line,) = [line for line in run.output.splitlines() if "-output-dir" in line]
    assert line.startswith(f"-output-dir: '{tmp_path / 'elsewhere'}' - expected --outdir alone")
    assert not (tmp_path / "elsewhere").exists()
