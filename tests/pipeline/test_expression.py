"""What is learned once for slices without counts, and what is learned again: stub runs of several targets."""

from __future__ import annotations

import pytest

from .conftest import run_pipeline, without_counts, write_sheet
from .faults import exit_with, write_faults

pytestmark = [pytest.mark.pipeline, pytest.mark.long]
REFERENCES = ("layered", "old_layout")


@pytest.fixture(scope="module")
def rows(tmp_path_factory, slices):
    """Two generated slices with image as references, and one of them again without its matrix."""
    outs = without_counts(slices / "layered" / "outs", tmp_path_factory.mktemp("target"))
    return [
        *({"sample": name, "path": str(slices / name / "outs"), "n_domains": "4"} for name in REFERENCES),
        {"sample": "unseen", "path": outs, "role": "target", "n_domains": "4"},
    ]


@pytest.fixture(scope="module")
def planned(tmp_path_factory, rows):
    """Stub runs of two targets and two references held out: learning for the latter is lost, then resumed."""
    launch = tmp_path_factory.mktemp("planned")
    rows = [*rows, {**rows[2], "sample": "another"}]
    lost = write_faults(launch, {"group:ungrouped learn_expression without": exit_with(1)})
    words = ("--infer_expression", "--evaluate", "loso", "--characterise", "none", "-stub", "-resume")
    sheets = (write_sheet(launch / "sheet.csv", rows), write_sheet(launch / "reversed.csv", rows[::-1]))
    first = run_pipeline(launch, "-c", lost, "--input", str(sheets[0]), *words)
    assert first.code == 0, first.output
    before = first.statuses()
    second = run_pipeline(launch, "--input", str(sheets[1]), *words)
    assert second.code == 0, second.output
    return before, second


def expression_tasks(statuses) -> dict[str, str]:
    return {name: status for name, status in statuses.items() if "_EXPRESSION" in name}


def test_targets_of_the_same_references_share_what_is_learned_and_others_are_told_that_theirs_is_lost(
    planned,
):
    before, _ = planned
    assert expression_tasks(before) == {
        "LEARN_EXPRESSION (group:ungrouped)": "COMPLETED",
        "LEARN_EXPRESSION (group:ungrouped without layered)": "FAILED",
        "LEARN_EXPRESSION (group:ungrouped without old_layout)": "FAILED",
        **{f"INFER_EXPRESSION ({name})": "COMPLETED" for name in ("unseen", "another", *REFERENCES)},
    }


def test_a_resumed_run_learns_what_was_lost_and_nothing_else_whatever_the_order_of_rows(planned):
    _, second = planned
    assert expression_tasks(second.statuses()) == {
        "LEARN_EXPRESSION (group:ungrouped)": "CACHED",
        "LEARN_EXPRESSION (group:ungrouped without layered)": "COMPLETED",
        "LEARN_EXPRESSION (group:ungrouped without old_layout)": "COMPLETED",
        **{f"INFER_EXPRESSION ({name})": "CACHED" for name in ("unseen", "another")},
        **{f"INFER_EXPRESSION ({name})": "COMPLETED" for name in REFERENCES},
    }
    assert {path.name for path in (second.outdir / "slices").iterdir()} == {"unseen", "another", *REFERENCES}
