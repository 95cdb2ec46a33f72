"""Parameters mean the same whichever way they arrive: as text or typed, by command line or file."""

from __future__ import annotations

import json

import pytest

from .conftest import ROOT, run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline

AS_TEXT = {"NXF_DISABLE_PARAMS_TYPE_DETECTION": "true"}  # what engines from 26.04 on do by themselves


@pytest.fixture(scope="module")
def sheet(tmp_path_factory) -> str:
    row = {"sample": "a", "path": str(ROOT / "tests" / "data" / "patchy.h5ad"), "n_domains": "3"}
    return str(write_sheet(tmp_path_factory.mktemp("sheet") / "sheet.csv", [row]))


def test_text_and_types_and_a_params_file_that_is_fed_back_are_one_run(tmp_path, sheet):
    first = run_pipeline(tmp_path, "-stub", "--input", sheet, "--image_view", "true", "--max_mito", "30")
    assert first.code == 0, first.output
    assert first.trace()["ENCODE_HISTOLOGY (a)"] == "COMPLETED"  # the flag is on
    written = (first.outdir / "pipeline_info" / "params.json").read_text()
    given = json.loads(written)
    assert (given["image_view"], given["max_mito"], given["seed"], given["genes"]) == (True, 30, 0, None)

    words = ("--image_view", "TRUE", "--max_mito", "30", "--seed", "0", "--strict", "False")
    text = run_pipeline(tmp_path, "-stub", "-resume", "--input", sheet, *words, environment=AS_TEXT)
    assert text.code == 0, text.output
    assert set(text.trace().values()) == {"CACHED"}
    assert (text.outdir / "pipeline_info" / "params.json").read_text() == written

    (tmp_path / "params.json").write_text(written)
    back = run_pipeline(tmp_path, "-stub", "-resume", "-params-file", "params.json")
    assert back.code == 0, back.output
    assert set(back.trace().values()) == {"CACHED"}


def test_what_is_no_value_of_its_type_is_refused_before_any_slice(tmp_path, sheet):
    (tmp_path / "params.yml").write_text("strict: yes please\nn_seeds: '5x'\ncohort: off\nmax_mito: '5'\n")
    run = run_pipeline(tmp_path, "-stub", "--input", sheet, "-params-file", "params.yml")
    assert run.code != 0
    assert "2 problem(s), nothing was run:" in run.output
    assert "parameter --strict: 'yes please' - expected true or false" in run.output
    assert "parameter --n_seeds: '5x' - expected a whole number from 1 to 100" in run.output


def test_options_without_a_value_are_told_by_engines_that_leave_text_alone(tmp_path):
    run = run_pipeline(tmp_path, "-stub", "--input", "--outdir", environment=AS_TEXT)
    assert run.code != 0
    said = [line.split()[1] for line in run.output.splitlines() if "has no value" in line]
    assert said == ["--input", "--outdir"]
    assert not (tmp_path / "true").exists()


def test_a_second_place_for_results_is_refused_in_one_line(tmp_path, sheet):
    run = run_pipeline(tmp_path, "-stub", "--input", sheet, "-output-dir", "elsewhere")
    assert run.code != 0
    (line,) = [line for line in run.output.splitlines() if "-output-dir" in line]
    assert line.startswith(f"-output-dir: '{tmp_path / 'elsewhere'}' - expected --outdir alone")
    assert not (tmp_path / "elsewhere").exists()
