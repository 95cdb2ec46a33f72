"""validate_samplesheet.py: problems are results, and a run that has none is described completely."""

import json

import pytest
from helpers.scripts import run_script


@pytest.fixture
def validate(root, tmp_path):
    """Run the script on a sheet and parameters; what it wrote: rows, problems and the run."""

    def run(sheet, params, *options):
        (tmp_path / "sheet.csv").write_text(sheet)
        given = {"input": "sheet.csv", "outdir": "results", "methods": "stmfg", **params}
        (tmp_path / "params.json").write_text(json.dumps(given))
        done = run_script(
            "validate_samplesheet",
            *("--input", "sheet.csv", "--schema", root / "assets" / "schema_input.json"),
            *("--params", "params.json", "--params-schema", root / "nextflow_schema.json"),
            *("--rows", "rows.json", "--problems", "problems.json", "--run", "run.json", *options),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("rows", "problems", "run")]

    return run


def test_problems_of_sheet_and_parameters_come_back_as_lines_and_the_task_succeeds(validate):
    rows, problems, _ = validate("sample,path,n_domains\nA,a.h5ad,seven\nA b,b.h5ad,3\n", {"n_sed": 1})
    assert [problem.split(" - ")[0] for problem in problems] == [
        "parameter --n_sed: '1'",
        "samplesheet row 2, column n_domains: 'seven'",
        "samplesheet row 3, column sample: 'A b'",
    ]
    assert [(row["row"], row["sample"], row["n_domains"]) for row in rows] == [(2, "A", None), (3, None, 3)]


def test_a_preset_of_a_user_reaches_the_steps_that_read_it_and_no_others(validate, tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: default\noptimiser:\n  epochs: 3\n")
    _, problems, run = validate("sample,path\nA,a.h5ad\n", {}, "--preset", "stmfg=mine.yaml")
    assert problems == []
    (method,) = run["methods"]
    assert method["train"]["optimiser"]["epochs"] == 3
    assert set(method["graph"]) == {"method", "preprocess", "spatial_graph", "feature_graph"}
    assert set(method["cluster"]) == {"method", "clustering"}
    assert "clustering" not in method["train"]


def test_notices_travel_with_the_run_and_stop_nothing(validate):
    _, problems, run = validate("sample,path,age\nA,a.h5ad,7\n", {})
    assert problems == []
    assert run["notices"] == ["samplesheet columns that are not used: age"]


def test_a_sheet_alone_can_be_checked(root, tmp_path):
    (tmp_path / "sheet.csv").write_text("sample,path\nA,a.h5ad\n")
    schema = root / "assets" / "schema_input.json"
    words = ["--input", "sheet.csv", "--schema", schema, "--rows", "rows.json", "--problems", "problems.json"]
    assert run_script("validate_samplesheet", *words, cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "problems.json").read_text()) == []
