"""validate_samplesheet.py: problems are results, complete presets are files."""

import json

import yaml
from helpers.scripts import run_script


def test_problems_of_sheet_and_parameters_come_back_as_lines_and_the_task_succeeds(root, tmp_path):
    (tmp_path / "sheet.csv").write_text("sample,path,n_domains\nA,a.h5ad,seven\nA b,b.h5ad,3\n")
    (tmp_path / "params.json").write_text(json.dumps({"input": "sheet.csv", "outdir": "results", "n_sed": 1}))
    done = run_script(
        "validate_samplesheet",
        *("--input", "sheet.csv", "--schema", root / "assets" / "schema_input.json"),
        *("--params", "params.json", "--params-schema", root / "nextflow_schema.json"),
        *("--rows", "rows.json", "--problems", "problems.json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    problems = json.loads((tmp_path / "problems.json").read_text())
    assert [problem.split(" - ")[0] for problem in problems] == [
        "parameter --n_sed: '1'",
        "samplesheet row 2, column n_domains: 'seven'",
        "samplesheet row 3, column sample: 'A b'",
    ]
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [(row["row"], row["sample"], row["n_domains"]) for row in rows] == [(2, "A", None), (3, None, 3)]


def test_a_preset_that_extends_another_is_written_out_complete(root, tmp_path):
    (tmp_path / "sheet.csv").write_text("sample,path\nA,a.h5ad\n")
    (tmp_path / "mine.yaml").write_text("extends: default\noptimiser:\n  epochs: 3\n")
    done = run_script(
        "validate_samplesheet",
        *("--input", "sheet.csv", "--schema", root / "assets" / "schema_input.json"),
        *("--rows", "rows.json", "--problems", "problems.json", "--preset", "stmfg=mine.yaml"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "problems.json").read_text()) == []
    written = yaml.safe_load((tmp_path / "resolved" / "stmfg.yaml").read_text())
    assert written["optimiser"]["epochs"] == 3
    assert set(written) > {"method", "optimiser", "clustering"}
