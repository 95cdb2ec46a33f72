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


def lines_with(output: str, *words: str) -> list[str]:
    return [line for line in output.splitlines() if all(word in line for word in words)]


def test_all_problems_of_rows_and_parameters_are_reported_at_once(tmp_path, sheet):
    good = sheet[0]
    rows = [
        good,
        {**good, "sample": "$(touch owned)"},
        {**good, "sample": "gone", "path": "/no/such/outs"},
        {**good, "sample": "count", "n_domains": "seven"},
        {**good},
    ]
    (tmp_path / "params.yml").write_text("strict: yes please\nn_seeds: '5x'\ncohort: off\nmax_mito: '5'\n")
    words = ("--n_seed", "2", "--genes", "nowhere.txt", "--infer_expression", "--evaluate", "loso")
    words += ("-params-file", "params.yml", "--input", str(write_sheet(tmp_path / "sheet.csv", rows)))
    output = refused(run_pipeline(tmp_path, *words))
    for row, column, value in (
        (3, "sample", "$(touch owned)"),
        (4, "path", "/no/such/outs"),
        (5, "n_domains", "seven"),
        (6, "sample", good["sample"]),
    ):
        assert lines_with(output, f"row {row}", f"column {column}", value), output
    assert not list(tmp_path.rglob("owned"))
    # Of the file of parameters, what is no value of its type
    assert "parameter --strict: 'yes please' - expected true or false" in output
    assert "parameter --n_seeds: '5x' - expected a whole number from 1 to 100" in output
    # A parameter that is unknown, with the nearest known one
    assert lines_with(output, "--n_seed:", "did you mean --n_seeds?"), output
    assert "parameter --genes: 'nowhere.txt' - expected an existing file" in output
    assert "8 problem(s), nothing was run:" in output


def test_contradictions_of_rows_are_lines_with_row_and_column_beside_those_of_presets(tmp_path, sheet):
    """Of groups and teachers, and of a target without the parameter that infers its expression."""
    preset = tmp_path / "mine.yaml"
    preset.write_text("extends: default\noptimiser:\n  epoch: 3\n")
    good = {**sheet[0], "group": "x", "n_domains": "3", "annotation": "", "teaches": "", "role": ""}
    rows = [
        good,
        {**good, "sample": "untold", "teaches": "true"},
        {**good, "sample": "alone", "group": "", "teaches": "TRUE", "annotation": "layer"},
        {**good, "sample": "more", "n_domains": "4"},
        {**good, "sample": "left", "group": "lung left"},
        {**good, "sample": "same", "group": "lung_left"},
        {**good, "sample": "unseen", "role": "target"},
    ]
    words = ("--input", str(write_sheet(tmp_path / "sheet.csv", rows)), "--cohort", "joint")
    output = refused(run_pipeline(tmp_path, *words, "--stmfg_preset", str(preset)))
    for row, column, value in (
        (3, "annotation", "empty"),
        (4, "group", "empty"),
        (5, "n_domains", "'4'"),
        (7, "group", "'lung_left'"),
        (8, "role", "'target' - expected --infer_expression"),
    ):
        assert len(lines_with(output, f"samplesheet row {row}, column {column}: {value}")) == 1, output
    assert lines_with(output, "--stmfg_preset", "'epoch'", "'epochs'"), output


def test_missing_samplesheet_is_one_line(tmp_path):
    output = refused(run_pipeline(tmp_path, "--input", "nowhere.csv"))
    assert "nowhere.csv" in output


PATHS = ("input", "outdir", "encoder_weights", "stain_reference", "multiqc_config")


def test_parameters_without_a_value_are_one_line_each_and_nothing_is_written(tmp_path):
    run = run_pipeline(tmp_path, "-stub", *(f"--{name}" for name in PATHS))
    assert run.code != 0
    said = [line.split()[1] for line in lines_with(run.output, "has no value")]
    assert said == [f"--{name}" for name in PATHS]
    assert "ERROR" not in run.output
    assert not (tmp_path / "true").exists()


def test_a_name_that_is_a_pattern_is_refused(tmp_path):
    """Unquoted, the shell would take s[1].csv for the s1.csv beside it."""
    row = {"sample": "a", "path": str(ROOT / "tests" / "data" / "patchy.h5ad"), "n_domains": "3"}
    odd = write_sheet(tmp_path / "s[1].csv", [row])
    output = refused(run_pipeline(tmp_path, "-stub", "--input", str(odd)))
    # (two pieces: nf-core takes doubled braces for what a template left behind)
    assert f"--input: '{odd}' - expected a path without * ? [ ] " + "{ }" in output


def test_a_configuration_of_the_report_that_is_not_there_is_refused(tmp_path, slices):
    words = ("--input", str(slices / "samplesheet.csv"), "--multiqc_config", "nowhere.yml")
    output = refused(run_pipeline(tmp_path, "-stub", *words))
    assert "--multiqc_config: 'nowhere.yml' - expected an existing file or directory" in output
