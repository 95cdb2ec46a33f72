"""What becomes of a slice that fails, and of the files that it had begun."""

import json
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from tissuegraph import cli
from tissuegraph.errors import InputError, SettingsError


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


OutOfMemoryError.__module__ = "torch"


@pytest.fixture
def run(tmp_path):
    """Run a step that writes `table.csv` and a directory `out`, then does `then`; record and exit status."""

    def run(then=lambda record: None):
        @click.command()
        @cli.sample_option
        @click.option("--table", type=cli.output_file)
        @cli.outdir_option
        @cli.record_option
        @cli.failed_slice_is_a_result("step")
        def step(record, table, outdir):
            record.metrics["method"] = "stmfg"
            table.write_text("new")
            (outdir / "on").mkdir()
            (outdir / "on" / "slice").write_text("new")
            then(record)

        options = ["--table", "table.csv", "--outdir", "out", "--record", "step.json"]
        paths = [str(tmp_path / part) if index % 2 else part for index, part in enumerate(options)]
        outcome = CliRunner().invoke(step, ["--sample", "S", *paths])
        record = tmp_path / "step.json"
        return (json.loads(record.read_text()) if record.exists() else None), outcome

    return run


def raising(error):
    def then(record):
        raise error

    return then


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "step.json"
    }


def test_outputs_appear_where_they_belong_when_all_is_done(run, tmp_path):
    record, outcome = run()
    assert outcome.exit_code == 0, outcome.output
    assert (record["sample"], record["step"], record["status"]) == ("S", "step", "passed")
    assert record["metrics"]["seconds"] >= 0
    assert files(tmp_path) == {"out/on/slice": "new", "table.csv": "new"}


def test_a_slice_at_fault_leaves_a_record_with_its_method_and_nothing_else(run, tmp_path):
    record, outcome = run(raising(InputError("the counts are\nnegative")))
    assert outcome.exit_code == 0
    assert (record["status"], record["reasons"]) == ("failed", ["the counts are negative"])
    assert record["metrics"]["method"] == "stmfg"
    assert outcome.stderr == "S: the counts are negative\n"
    assert files(tmp_path) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["step.json"]


def test_a_record_that_the_step_failed_itself_comes_alone_too(run, tmp_path):
    record, outcome = run(lambda record: record.fail("too few"))
    assert (outcome.exit_code, record["reasons"], files(tmp_path)) == (0, ["too few"], {})


def test_a_failure_leaves_what_was_there_before(run, tmp_path):
    (tmp_path / "table.csv").write_text("old")
    run(raising(InputError("no")))
    assert files(tmp_path) == {"table.csv": "old"}
    run()
    assert files(tmp_path)["table.csv"] == "new"


def test_a_bug_is_a_failed_slice_that_says_what_and_where(run, tmp_path):
    def then(record):
        from tissuegraph.clustering.labels import align

        align(np.array([[0.5, 1]]), 2)  # labels must be whole

    record, outcome = run(then)
    assert outcome.exit_code == 0
    (reason,) = record["reasons"]
    assert reason.startswith("step broke off: TypeError at tissuegraph/clustering/labels.py:")
    assert "Traceback" in outcome.stderr
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((9,), np.dtype(float)),
        OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["python", "numpy", "torch on a GPU", "torch on a CPU"],
)
def test_a_task_without_memory_ends_as_if_killed_so_that_it_is_given_more(run, tmp_path, error):
    record, outcome = run(raising(error))
    assert (record, outcome.exit_code) == (None, 137)
    assert "out of memory" in outcome.stderr
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    "error", [SettingsError("lr must be positive"), click.UsageError("lr must be positive")]
)
def test_settings_and_usage_stop_the_run(run, tmp_path, error):
    record, outcome = run(raising(error))
    assert (record, outcome.exit_code) == (None, 2)
    assert "Error: lr must be positive" in outcome.stderr
    assert files(tmp_path) == {}


def test_the_formats_of_figures_are_those_of_the_parameter(root):
    schema = json.loads((root / "nextflow_schema.json").read_text())
    parameter = schema["$defs"]["report_options"]["properties"]["figures"]
    assert tuple(parameter["enum"]) == cli.FIGURES
    assert parameter["default"] == cli.FIGURES[0]
