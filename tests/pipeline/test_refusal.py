"""Bad input stops the run before any slice is touched, in lines that a user can act on."""

from __future__ import annotations

import pytest

from .conftest import ROOT, run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline


def refused(run) -> str:
    """What the user saw of a run that was refused; nothing may have been published."""
    assert run.code != 0, run.output
    assert "INGEST" not in run.output
    assert not list(run.outdir.glob("slices*"))
    assert "Unexpected error" not in run.output
    assert run.output.count("Submitted process") <= 1  # the check itself: nothing goes on beside the error
    return run.output


def test_all_problems_are_reported_at_once_with_row_and_column(tmp_path, sheet):
    good = sheet[0]
    rows = [
        good,
        {**good, "sample": "$(touch owned)"},
        {**good, "sample": "gone", "path": "/no/such/outs"},
        {**good, "sample": "count", "n_domains": "seven"},
        {**good},
    ]
    output = refused(run_pipeline(tmp_path, "--input", str(write_sheet(tmp_path / "sheet.csv", rows))))
    lines = [line for line in output.splitlines() if "row" in line]
    assert any("row 3" in line and "column sample" in line and "$(touch owned)" in line for line in lines)
    assert any("row 4" in line and "column path" in line and "/no/such/outs" in line for line in lines)
    assert any("row 5" in line and "column n_domains" in line and "seven" in line for line in lines)
    assert any("row 6" in line and "column sample" in line for line in lines)
    assert not list(tmp_path.rglob("owned"))


def test_groups_and_teachers_that_contradict_themselves_are_lines_with_row_and_column(tmp_path, sheet):
    good = {**sheet[0], "group": "x", "n_domains": "3", "annotation": "", "teaches": ""}
    rows = [
        good,
        {**good, "sample": "untold", "teaches": "true"},
        {**good, "sample": "alone", "group": "", "teaches": "TRUE", "annotation": "layer"},
        {**good, "sample": "more", "n_domains": "4"},
        {**good, "sample": "left", "group": "lung left"},
        {**good, "sample": "same", "group": "lung_left"},
    ]
    written = str(write_sheet(tmp_path / "sheet.csv", rows))
    output = refused(run_pipeline(tmp_path, "--input", written, "--cohort", "joint"))
    lines = [line for line in output.splitlines() if "samplesheet row" in line]
    for row, column, value in (
        (3, "annotation", "empty"),
        (4, "group", "empty"),
        (5, "n_domains", "'4'"),
        (7, "group", "'lung_left'"),
    ):
        assert sum(f"row {row}, column {column}: {value}" in line for line in lines) == 1, output


def test_a_model_of_regions_that_is_none_is_one_line(tmp_path, slices):
    sheet = str(slices / "samplesheet.csv")
    output = refused(run_pipeline(tmp_path, "--input", sheet, "--region_model", "nowhere"))
    assert "parameter --region_model: 'nowhere' - expected a directory with model.json" in output
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    output = refused(run_pipeline(tmp_path, "--input", sheet, "--region_model", "model"))
    assert "it has no model.safetensors" in output


def test_a_list_of_genes_that_is_not_there_is_one_line(tmp_path, slices):
    words = ("--input", str(slices / "samplesheet.csv"), "--infer_expression", "--evaluate", "loso")
    output = refused(run_pipeline(tmp_path, *words, "--genes", "nowhere.txt"))
    assert "parameter --genes: 'nowhere.txt' - expected an existing file" in output


def test_unknown_parameter_names_the_nearest_known_one(tmp_path, slices):
    output = refused(run_pipeline(tmp_path, "--input", str(slices / "samplesheet.csv"), "--n_seed", "2"))
    assert "n_seed" in output
    assert "n_seeds" in output


def test_misspelt_preset_key_is_refused_before_any_slice(tmp_path, slices):
    preset = tmp_path / "mine.yaml"
    preset.write_text("extends: default\noptimiser:\n  epoch: 3\n")
    sheet = str(slices / "samplesheet.csv")
    output = refused(run_pipeline(tmp_path, "--input", sheet, "--stmfg_preset", str(preset)))
    assert "'epoch'" in output
    assert "'epochs'" in output


def test_missing_samplesheet_is_one_line(tmp_path):
    output = refused(run_pipeline(tmp_path, "--input", "nowhere.csv"))
    assert "nowhere.csv" in output


def test_run_fails_when_no_slice_is_left(tmp_path):
    broken = tmp_path / "broken.h5ad"
    broken.write_bytes(b"not HDF5")
    rows = [{"sample": "broken", "path": str(broken), "n_domains": "3"}]
    run = run_pipeline(tmp_path, "--input", str(write_sheet(tmp_path / "sheet.csv", rows)))
    assert run.code != 0
    assert "broken" in run.output


PATHS = ("input", "outdir", "encoder_weights", "stain_reference", "multiqc_config")


@pytest.mark.parametrize("names", [["outdir"], PATHS])
def test_parameters_without_a_value_are_one_line_each_and_nothing_is_written(tmp_path, names):
    run = run_pipeline(tmp_path, "-stub", *(f"--{name}" for name in names))
    assert run.code != 0
    said = [line for line in run.output.splitlines() if "has no value" in line]
    assert [line.split()[1] for line in said] == [f"--{name}" for name in names]
    assert "ERROR" not in run.output
    assert not (tmp_path / "true").exists()


def test_a_name_that_is_a_number_is_a_name_and_one_that_is_a_pattern_is_refused(tmp_path):
    """Unquoted, the shell would take s[1].csv for the s1.csv beside it."""
    row = {"sample": "a", "path": str(ROOT / "tests" / "data" / "patchy.h5ad"), "n_domains": "3"}
    sheet = write_sheet(tmp_path / "s.csv", [row])
    run = run_pipeline(tmp_path, "-stub", "--input", str(sheet), "--outdir", "2024")
    assert run.code == 0, run.output
    assert (tmp_path / "2024" / "slices.csv").exists()
    odd = write_sheet(tmp_path / "s[1].csv", [row])
    run = run_pipeline(tmp_path, "-stub", "--input", str(odd))
    # (two pieces: nf-core takes doubled braces for what a template left behind)
    assert f"--input: '{odd}' - expected a path without * ? [ ] " + "{ }" in run.output
    run = run_pipeline(tmp_path, "-stub", "--input", str(sheet), "--multiqc_config", "nowhere.yml")
    assert "--multiqc_config: 'nowhere.yml' - expected an existing file or directory" in run.output
