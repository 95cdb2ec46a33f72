"""What needs attention comes first: failed slices, then groups and slices with a warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.records import FAILED, PASSED, WARNED
from tissuegraph.report.outcomes import CohortOutcome, Outcome
from tissuegraph.report.page import SCRIPT, STYLE
from tissuegraph.report.section import Section, badge, count, html_table

_LISTED = 8  # names of slices in a cell; more are counted


def sections(
    outcomes: Sequence[Outcome], settings: Mapping[str, Any], notices: Sequence[str] = ()
) -> list[Section]:
    """One table of reasons, or one line saying that there is nothing to see.

    notices: what the samplesheet says and may not mean.
    """
    failed = [outcome for outcome in outcomes if outcome.status == FAILED]
    warned = [outcome for outcome in outcomes if outcome.status == WARNED]
    cohorts = {o.cohort.group_id: o.cohort for o in outcomes if o.cohort is not None and o.cohort.reasons}
    if failed or warned or cohorts:
        rows = [row for outcome in failed for row in _rows(outcome.sample, outcome.status, outcome.reasons)]
        for cohort in cohorts.values():
            rows += _rows(_group_name(cohort, outcomes), cohort.status, cohort.reasons)
        for outcome in warned:
            rows += _rows(outcome.sample, outcome.status, _own_reasons(outcome))
        content = _headline(len(outcomes), len(failed), len(warned), len(cohorts))
        content += html_table(["Slice", "Status", "Step", "Reason"], rows)
    else:
        everything = "The slice" if len(outcomes) == 1 else f"All {len(outcomes)} slices"
        content = (
            f'<div class="alert alert-success" role="alert">{everything} passed without a warning.</div>'
        )
    content += _notices(notices) + _notes(outcomes)
    parent = ("tissuegraph_status", "Slices that need attention", "")
    return [Section("status", "Slices that need attention", parent, "html", STYLE + content + SCRIPT)]


def _notices(notices: Sequence[str]) -> str:
    if not notices:
        return ""
    items = "".join(f"<li>{escape(notice)}</li>" for notice in notices)
    return f"<p>In the samplesheet, and perhaps not meant:</p><ul>{items}</ul>"


def _group_name(cohort: CohortOutcome, outcomes: Sequence[Outcome]) -> str:
    """The group with its slices: a warning of the group is one of each of them."""
    names = [outcome.sample for outcome in outcomes if outcome.cohort is cohort]
    return f"group {cohort.group}: {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    """Names of slices, counted where they are many."""
    return ", ".join(names) if len(names) <= _LISTED else count(len(names), "slice")


def _notes(outcomes: Sequence[Outcome]) -> str:
    """What is worth knowing and needs no look, folded; a note that several slices share stands once."""
    slices: dict[str, list[str]] = {}
    for outcome in outcomes:
        for note in outcome.notes:
            slices.setdefault(note, []).append(outcome.sample)
    if not slices:
        return ""
    rows = []
    for note, names in slices.items():
        step, _, text = note.partition(": ")
        rows.append([escape(_listed(names)), escape(step), escape(text)])
    table = html_table(["Slices", "Step", "Note"], rows)
    told = count(len(rows), "note")
    return f"<details><summary>{told} on what was done, no reason to worry</summary>{table}</details>"


def _headline(total: int, failed: int, warned: int, groups: int) -> str:
    parts = []
    if failed:
        parts.append(f"{count(failed, 'slice')} of {total} failed and left the run")
    if warned:
        parts.append(f"{count(warned, 'slice')} of {total} finished with a warning")
    if groups:
        parts.append(f"{count(groups, 'group')} with a warning, whose slices went on")
    rest = total - failed - warned
    if rest:
        parts.append(f"{rest} {PASSED}")
    kind = "danger" if failed else "warning"
    return f'<div class="alert alert-{kind}" role="alert">{"; ".join(parts)}.</div>'


def _own_reasons(outcome: Outcome) -> list[str]:
    """Reasons that the slice does not share with its whole group, of which they are told once."""
    shared = outcome.cohort.reasons if outcome.cohort is not None else ()
    return [reason for reason in outcome.reasons if reason not in shared]


def _rows(name: str, status: str, reasons: Sequence[str]) -> list[list[str]]:
    """One row per reason; the name and status stand in the first one only."""
    rows = []
    for index, line in enumerate(reasons):
        step, _, reason = line.partition(": ")
        first = [f"<strong>{escape(name)}</strong>", badge(status)] if index == 0 else ["", ""]
        rows.append([*first, escape(step), escape(reason)])
    return rows
