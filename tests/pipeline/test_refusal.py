"""Bad input stops the run before any slice is touched, in lines that a user can act on."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from helpers.engine import AS_TEXT, LAUNCHER, engine_environment

from .conftest import ROOT, Run, run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline


def refused(run: Run, *earlier: Path) -> str:
    """What the user saw of a run that was refused; nothing may have been published beside earlier files."""
    assert run.code != 0, run.output
    assert "INGEST" not in run.output
    found = [path for slices in run.outdir.glob("slices*") for path in (slices, *slices.rglob("*"))]
    assert [path for path in found if path.is_file()] == list(earlier)
    assert "Unexpected error" not in run.output
    assert run.output.count("Submitted process") <= 1  # the check itself: nothing goes on beside the error
    return run.output


def lines_with(output: str, *words: str) -> list[str]:
    return [line for line in output.splitlines() if all(word in line for word in words)]


def test_all_problems_of_rows_and_parameters_are_reported_at_once(tmp_path, sheet, opening):
    good = sheet[0]
    published = tmp_path / "results" / "slices" / "own" / "own.h5ad"  # this run would read and replace it
    published.parent.mkdir(parents=True)
    published.write_text("mine")
    rows = [
        good,
        {**good, "sample": "$(touch owned)"},
        {**good, "sample": "gone", "path": "/no/such/outs"},
        {**good, "sample": "count", "n_domains": "seven"},
        {**good},
        {**good, "sample": "own", "path": str(published), "platform": "h5ad"},
    ]
    (tmp_path / "params.yml").write_text("strict: yes please\nn_seeds: '5x'\ncohort: off\nmax_mito: '5'\n")
    words = ("--n_seed", "2", "--genes", "nowhere.txt", "--infer_expression", "--evaluate", "loso")
    words += ("-params-file", "params.yml", "--input", str(write_sheet(tmp_path / "sheet.csv", rows)))
    output = refused(run_pipeline(tmp_path, *words, project=opening), published)
    assert published.read_text() == "mine"
    for row, column, value in (
        (3, "sample", "$(touch owned)"),
        (4, "path", "/no/such/outs"),
        (5, "n_domains", "seven"),
        (6, "sample", good["sample"]),
        (7, "path", "expected another --outdir"),
    ):
        assert lines_with(output, f"row {row}", f"column {column}", value), output
    assert not list(tmp_path.rglob("owned"))
    # Of the file of parameters, what is no value of its type
    assert "parameter --strict: 'yes please' - expected true or false" in output
    assert "parameter --n_seeds: '5x' - expected a whole number from 1 to 100" in output
    # A parameter that is unknown, with the nearest known one
    assert lines_with(output, "--n_seed:", "did you mean --n_seeds?"), output
    assert "parameter --genes: 'nowhere.txt' - expected an existing file" in output
    assert "9 problem(s), nothing was run:" in output


def test_contradictions_of_rows_are_lines_with_row_and_column_beside_those_of_presets(
    tmp_path, sheet, opening
):
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
    output = refused(run_pipeline(tmp_path, *words, "--stmfg_preset", str(preset), project=opening))
    for row, column, value in (
        (3, "annotation", "empty"),
        (4, "group", "empty"),
        (5, "n_domains", "'4'"),
        (7, "group", "'lung_left'"),
        (8, "role", "'target' - expected --infer_expression"),
    ):
        assert len(lines_with(output, f"samplesheet row {row}, column {column}: {value}")) == 1, output
    assert lines_with(output, "--stmfg_preset", "'epoch'", "'epochs'"), output


PATHS = ("input", "outdir", "encoder_weights", "stain_reference", "multiqc_config")


def test_parameters_without_a_value_are_one_line_each_and_nothing_is_written(tmp_path, opening):
    """As engines from 26.04 on leave them; those before make `true` of an option without a value."""
    words = ("-stub", *(f"--{name}" for name in PATHS))
    run = run_pipeline(tmp_path, *words, environment=AS_TEXT, project=opening)
    assert run.code != 0
    said = [line.split()[1] for line in lines_with(run.output, "has no value")]
    assert said == [f"--{name}" for name in PATHS]
    assert "ERROR" not in run.output
    assert not (tmp_path / "true").exists()


def test_places_and_names_that_will_not_do_are_told_in_one_line(tmp_path):
    """By the functions that a run calls before any task: the directory of results, and the samplesheet.

    And the digest of code that tasks are told: another one where any file of the package is another.
    """
    outdir = tmp_path / "results"
    cases = {}  # what is asked, and what is said
    for name in ("slices", "cohort", "models"):
        taken = tmp_path / f"with_{name}"
        taken.mkdir()
        (taken / name).touch()
        cases["claimOutdir", str(taken)] = f"--outdir: '{outdir / name}' is a file - expected a directory"
    (tmp_path / "file").touch()
    cases["claimOutdir", str(tmp_path / "file")] = f"--outdir: '{outdir}' is a file - expected a directory"
    locked = tmp_path / "locked" / "pipeline_info" / ".running"
    locked.parent.mkdir(parents=True)
    locked.write_text(json.dumps({"run": "calm_euler", "host": "elsewhere", "pid": 1, "started": 0}))
    cases["claimOutdir", str(tmp_path / "locked")] = (
        f"--outdir: '{outdir}' is in use by the run calm_euler on elsewhere (process 1) - expected another "
        f"--outdir; if that run is gone, remove {outdir / 'pipeline_info' / '.running'}"
    )
    cases["sheetFile", "nowhere.csv"] = (
        "--input: 'nowhere.csv' - expected an existing samplesheet; "
        "relative paths start where the run is launched"
    )
    # Unquoted, the shell would take s[1].csv for the s1.csv beside it
    odd = tmp_path / "s[1].csv"
    odd.write_text("sample,path\n")
    # (two pieces: nf-core takes doubled braces for what a template left behind)
    pattern = "* ? [ ] " + "{ }, which are patterns to the engine; rename it, or link to it"
    cases["sheetFile", str(odd)] = f"--input: '{odd}' - expected a path without {pattern}"
    (tmp_path / "free").mkdir()
    cases["claimOutdir", str(tmp_path / "free")] = None

    asked = list(cases)
    for name, text in {"code": "one = 1\n", "same": "one = 1\n", "other": "one = 2\n"}.items():
        deep = tmp_path / name / "bin" / "tissuegraph" / "room" / "deep.py"
        deep.parent.mkdir(parents=True)
        deep.write_text(text)
        asked.append(("codeDigest", str(tmp_path / name)))

    (tmp_path / "cases.json").write_text(json.dumps(asked))
    words = ["--cases", tmp_path / "cases.json", "--outdir", outdir, "-output-dir", outdir]
    done = subprocess.run(
        [LAUNCHER, "run", ROOT / "tests" / "helpers" / "refusals.nf", "-ansi-log", "false", *words],
        cwd=tmp_path, env=engine_environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = re.search(r"^SAID (.*)$", done.stdout, re.M)
    assert said, done.stdout + done.stderr
    *refusals, code, same, other = json.loads(said[1])
    assert refusals == list(cases.values())
    assert code == same != other


@pytest.mark.long
def test_a_configuration_of_the_report_that_is_not_there_is_refused_in_one_line_before_any_task(
    tmp_path, slices
):
    """By the whole pipeline; what it refuses before it touches a slice is tried with `opening` alone."""
    words = ("--input", str(slices / "samplesheet.csv"), "--multiqc_config", "nowhere.yml")
    output = refused(run_pipeline(tmp_path, "-stub", *words))
    assert lines_with(output, "--multiqc_config") == [
        "--multiqc_config: 'nowhere.yml' - expected an existing file or directory"
    ]
    assert "Submitted" not in output
