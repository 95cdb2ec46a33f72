"""Faults injected into single tasks of real runs: a slice that fails is a result, at every step."""

from __future__ import annotations

import re
from pathlib import Path

import anndata
import numpy as np
import pytest

from .conftest import Run
from .faults import (
    STEPS,
    UNFORESEEN,
    exit_with,
    raising,
    rows,
    rows_with_images,
    run_with_faults,
    with_line,
    with_unreadable_image,
)

pytestmark = pytest.mark.pipeline

PER_METHOD = ("graph", "train", "cluster")
EARLY = ("ingest", "qc", "baseline")


def unfit(folder: Path) -> list[dict[str, str]]:
    """Slices that fail by what they hold."""
    broken, normalised, few = rows("broken", "normalised", "few")
    slice_ = anndata.read_h5ad(normalised["path"])
    slice_.X = np.log1p(slice_.X)
    slice_.write_h5ad(folder / "normalised.h5ad")
    (folder / "broken.h5ad").write_bytes(b"not HDF5")
    return [
        broken | {"path": str(folder / "broken.h5ad")},
        normalised | {"path": str(folder / "normalised.h5ad")},
        few | {"min_counts": "1000000"},
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run of all faults that leave a slice whole, cost it a method or its image, or cost that slice.

    A slice that fails in a step of each method does so in two ways: one task ends with 1, the other raises.
    The slice whose machine is taken back has a cut image too, and no other fault: it ends whole. Slices that
    fail in a step of no method have lost one method before, which costs less than to train it.
    """
    folder = tmp_path_factory.mktemp("faults")
    unforeseen = raising(folder / "unforeseen", UNFORESEEN)
    on_gpu = raising(folder / "on_gpu", "__import__('torch').OutOfMemoryError('CUDA out of memory')")
    faults = {
        "half train multist": exit_with(1),
        "half encode_histology": unforeseen,
        "crashed ingest": exit_with(139),
        "killed ingest": exit_with(137),
        "large train stmfg": raising(folder / "large", "MemoryError"),
        "large train multist": on_gpu,
        "reclaimed cluster": (exit_with(143), 3),
        **{f"bad_{step} {step}": exit_with(1) for step in STEPS},
        **{f"bad_{step} {step} multist": unforeseen for step in PER_METHOD},
        **{f"bad_{step} graph multist": exit_with(3) for step in ("baseline", "assemble")},
    }
    half, reclaimed, *others = rows(
        "half", "reclaimed", "crashed", "killed", "large", *(f"bad_{step}" for step in STEPS)
    )
    sheet = [*(with_unreadable_image(folder, row) for row in (half, reclaimed)), *others, *unfit(folder)]
    return run_with_faults(folder, sheet, faults, "--methods", "stmfg,multist")


def test_the_run_ends_well_and_says_how_many_slices_failed(finished):
    assert finished.code == 0, finished.output
    assert "13 of 15 slices failed" in finished.output
    assert "No slice is left" not in finished.output


@pytest.mark.parametrize("step", STEPS)
def test_a_slice_broken_at_any_step_says_where_and_how(finished, step):
    row = finished.table()[f"bad_{step}"]
    assert row["status"] == "failed"
    lost = (
        rf"{step}: (?:\w+: )?the task left no result, exit status 1[;,][^;]*; its last line: injected fault"
    )
    assert re.search(lost, row["reason"])
    assert not list((finished.outdir / "slices").glob(f"bad_{step}/*.h5ad"))


@pytest.mark.parametrize("step", PER_METHOD)
def test_an_unforeseen_exception_is_told_with_step_type_and_place_and_leaves_a_traceback(finished, step):
    reason = finished.table()[f"bad_{step}"]["reason"]
    assert re.search(rf"{step} broke off: KeyError at {step}\.py:[0-9]+: 'unforeseen'", reason)
    assert raised_in(finished, f"{step}.py")


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        ("broken", "ingest: .*broken.h5ad"),
        ("normalised", "ingest: .*normalised"),
        ("few", "qc: no spot is left after quality control: 380 of 380"),
    ],
)
def test_a_slice_that_cannot_be_used_says_why(finished, sample, reason):
    assert re.search(reason, finished.table()[sample]["reason"])


def raised_in(run: Run, script: str) -> bool:
    """Whether a task's own log holds the traceback of the exception that was put into a script."""
    logs = (path.read_text() for path in (run.outdir.parent / "work").glob("*/*/.command.err"))
    return any("Traceback" in log and f'{script}", line' in log and "KeyError: 'unf" in log for log in logs)


def test_a_task_killed_twice_says_its_attempts_and_status(finished):
    reason = finished.table()["killed"]["reason"]
    assert "exit status 137, attempt 2" in reason


@pytest.mark.parametrize("method", ["stmfg", "multist"])  # without memory, and without a GPU's
def test_a_task_that_finds_no_memory_is_tried_again_with_more(finished, method):
    reason = finished.table()["large"]["reason"]
    assert (
        f"train: {method}: the task left no result, exit status 137, attempt 2; its last line: large"
        in reason
    )
    assert "out of memory in train" in reason


def test_a_crash_of_a_library_costs_its_own_slice_only(finished):
    reason = finished.table()["crashed"]["reason"]
    assert "exit status 139" in reason


def test_a_task_whose_machine_was_taken_back_three_times_costs_nothing(finished):
    row = finished.table()["reclaimed"]
    assert row["status"] != "failed"
    assert "exit status" not in row["reason"]


@pytest.mark.parametrize(
    ("sample", "reason"),
    [("reclaimed", r"encode_histology: image cut\.png"), ("half", r"encode_histology broke off: KeyError")],
)
def test_an_image_that_fails_costs_the_image_and_not_the_slice(finished, sample, reason):
    row = finished.table()[sample]
    assert row["status"] == "warned"
    assert re.search(reason, row["reason"])
    slice_ = anndata.read_h5ad(finished.outdir / "slices" / sample / f"{sample}.h5ad")
    assert slice_.obs["domain_stmfg"].notna().all()
    assert "X_histology" not in slice_.obsm


def test_a_method_that_reads_the_image_goes_on_by_genes_where_the_image_fails(finished):
    obs = anndata.read_h5ad(finished.outdir / "slices" / "reclaimed" / "reclaimed.h5ad").obs
    assert obs["domain_multist"].notna().all()


def test_losing_one_of_two_methods_keeps_the_slice(finished):
    row = finished.table()["half"]
    assert row["status"] == "warned"
    assert "multist" in row["reason"]
    assert "exit status 1" in row["reason"]
    obs = anndata.read_h5ad(finished.outdir / "slices" / "half" / "half.h5ad").obs
    assert "domain_stmfg" in obs
    assert "domain_multist" not in obs


def test_the_report_names_every_failed_slice_and_shows_what_tasks_said_as_text(finished):
    report = (finished.outdir / "multiqc" / "multiqc_report.html").read_text()
    for step in STEPS:
        assert f"bad_{step}" in report
    assert "and <b>" not in report


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A strict run: a training diverges, an assembly and the steps before a method raise, a chapter cannot be
    made.

    Of slices with an image, the task that encodes it is lost, or the one that infers expression fails. Of the
    group that they are, the tasks over its sections are lost.
    """
    folder = tmp_path_factory.mktemp("strict")
    chapter = ("raise ValueError('<no> numbers')", "sections", ["tissuegraph/report/quality.py"])
    infinite = (
        "result.losses['total'][-1] = float('inf')",
        "refuse_divergence",
        ["tissuegraph/nn/result.py"],
    )
    unforeseen = raising(folder / "unforeseen", UNFORESEEN)
    faults = {
        "diverging train": with_line(folder / "infinite", *infinite),
        "unforeseen assemble": unforeseen,
        **{f"raises_{step} {step}": unforeseen for step in EARLY},
        "summarise": with_line(folder / "chapter", *chapter),
        "unencoded encode_histology": exit_with(1),
        "unencoded_target encode_histology": exit_with(1),
        "uninferred infer_expression": exit_with(1),
        "raises_inferred infer_expression": unforeseen,
        "raises_target infer_expression": unforeseen,
        # (what would be learned for references held out, which fail before they look at it)
        "group:lost learn_expression without": exit_with(1),
        "group:lost cohort": exit_with(1),
        "group:lost teach": exit_with(1),
    }
    raising_early = (f"raises_{step}" for step in EARLY)
    sheet = [*rows("diverging", "unforeseen", *raising_early), *rows_with_images(folder, "lost")]
    return run_with_faults(folder, sheet, faults, "--strict", "--infer_expression", "--evaluate", "loso")


@pytest.mark.long
@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        ("unencoded", "encode_histology: the task left no result, exit status 1"),
        ("uninferred", "infer_expression: the task left no result, exit status 1"),
        ("raises_inferred", r"infer_expression broke off: KeyError at infer_expression\.py:[0-9]+"),
    ],
)
def test_a_slice_with_counts_keeps_its_domains_where_its_image_or_expression_is_lost(strict, sample, reason):
    row = strict.table()[sample]
    assert row["status"] == "warned"
    assert re.search(reason, row["reason"])
    slice_ = anndata.read_h5ad(strict.outdir / "slices" / sample / f"{sample}.h5ad")
    assert slice_.obs["domain_stmfg"].notna().all()
    assert ("X_histology" in slice_.obsm) == (sample != "unencoded")


@pytest.mark.long
@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        ("unencoded_target", "encode_histology: the task left no result, exit status 1"),
        ("raises_target", r"infer_expression broke off: KeyError at infer_expression\.py:[0-9]+"),
    ],
)
def test_a_slice_without_counts_fails_where_its_image_or_expression_is_lost(strict, sample, reason):
    row = strict.table()[sample]
    assert row["status"] == "failed"
    assert re.search(reason, row["reason"])
    assert not list((strict.outdir / "slices").glob(f"{sample}/*"))


@pytest.mark.long
def test_losing_the_tasks_over_a_group_costs_none_of_its_sections_and_is_told_of_the_group(strict):
    for sample in ("uninferred", "raises_inferred"):  # the first teaches
        assert strict.table()[sample]["status"] != "failed"
        obs = anndata.read_h5ad(strict.outdir / "slices" / sample / f"{sample}.h5ad").obs
        assert obs["domain_stmfg"].notna().all()
        assert "region" not in obs
    report = (strict.outdir / "multiqc" / "multiqc_report.html").read_text()
    for step in ("cohort", "teach"):
        assert f"{step}: the task left no result, exit status 1" in report


@pytest.mark.long
def test_a_strict_run_publishes_everything_and_ends_with_an_error(strict):
    assert strict.code != 0
    assert "7 of 10 slices failed" in strict.output
    assert strict.table()["raises_inferred"]["status"] != "failed"
    assert (strict.outdir / "slices" / "raises_inferred" / "raises_inferred.h5ad").exists()
    assert (strict.outdir / "multiqc" / "multiqc_report.html").exists()


@pytest.mark.long
def test_a_training_that_diverges_is_a_failed_slice_in_one_line(strict):
    row = strict.table()["diverging"]
    assert row["status"] == "failed"
    assert row["reason"].startswith("train: stMFG diverged with seed 0: its loss is inf in epoch 2 of 2")


@pytest.mark.long
@pytest.mark.parametrize("step", EARLY)
def test_an_unforeseen_exception_before_any_method_is_told_with_its_place(strict, step):
    reason = strict.table()[f"raises_{step}"]["reason"]
    assert re.search(rf"{step} broke off: KeyError at {step}\.py:[0-9]+", reason)


@pytest.mark.long
def test_an_unforeseen_exception_in_assembly_costs_that_slice(strict):
    row = strict.table()["unforeseen"]
    assert row["status"] == "failed"
    assert re.search(r"assemble broke off: KeyError at assemble\.py:[0-9]+: 'unforeseen'", row["reason"])
    assert raised_in(strict, "assemble.py")
    assert not list((strict.outdir / "slices").glob("unforeseen/*"))


@pytest.mark.long
def test_a_chapter_that_cannot_be_made_says_so_in_its_place_and_costs_no_other(strict):
    report = (strict.outdir / "multiqc" / "multiqc_report.html").read_text()
    assert "This chapter could not be made (ValueError: &lt;no&gt; numbers)" in report
    for chapter in ("status", "overview", "maps", "training", "parameters"):
        assert f"tissuegraph_{chapter}" in report


@pytest.fixture(scope="module")
def none_left(tmp_path_factory):
    """A run of which no slice is left after its first step."""
    folder = tmp_path_factory.mktemp("none_left")
    return run_with_faults(folder, rows("one"), {"one ingest": exit_with(1)})


def test_a_run_without_any_slice_left_says_so_and_publishes_the_table(none_left):
    assert none_left.code != 0
    assert "No slice is left" in none_left.output
    assert {row["status"] for row in none_left.table().values()} == {"failed"}
    assert (none_left.outdir / "multiqc" / "multiqc_report.html").exists()
