"""All slices of a run: what became of each one, read from the records of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tissuegraph.methods import title_of
from tissuegraph.records import FAILED, PASSED, WARNED, Record, read_record, worst

ASSEMBLED = "assemble"  # the step whose record says that a slice went all the way
EXPRESSION = "infer_expression"  # the step whose record stays apart: its slice may have been held out only
_MEASURED = ("median_counts", "median_genes", "median_mito")  # says nothing where counts are inferred


@dataclass(frozen=True)
class Outcome:
    """What became of one slice.

    row: its row of the samplesheet; status: passed, warned or failed; reasons: `step: reason` lines;
    metrics: what assembly and QC measured, with fewer entries where the slice left the run early.
    """

    sample: str
    row: Mapping[str, Any]
    status: str
    reasons: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def assembled(self) -> bool:
        return self.status != FAILED

    def score(self, key: str, name: str) -> float | None:
        """One score of one result, such as score("baseline", "ari"); None where it was not scored."""
        for row in self.metrics.get("scores", ()):
            if row["key"] == key:
                return row.get(name)
        return None


def read_outcomes(rows: Sequence[Mapping[str, Any]], summaries: Path, records: Path) -> list[Outcome]:
    """One outcome per row of the samplesheet, in its order.

    A slice without a summary has failed, whether a record says why or its task died.
    """
    assembled = {entry.sample: entry for entry in map(read_record, sorted(summaries.rglob("*.json")))}
    steps: dict[str, list[Record]] = {}
    expression: dict[str, Record] = {}
    for entry in map(read_record, sorted(records.rglob("*.json"))):
        if entry.step == EXPRESSION:
            expression[entry.sample] = entry
            entry = replace(entry, metrics={})
        steps.setdefault(entry.sample, []).append(entry)
    outcomes = [
        _finished(row, assembled[row["sample"]])
        if row["sample"] in assembled
        else _stopped(row, steps.get(row["sample"], []))
        for row in rows
    ]
    return [_with_expression(outcome, expression.get(outcome.sample)) for outcome in outcomes]


def methods_of(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """Every method that found domains, by its name in columns, with its title; in the order first seen."""
    names = (name for outcome in outcomes for name in outcome.metrics.get("methods", ()))
    return {name: title_of(name) for name in names}


def _finished(row: Mapping[str, Any], entry: Record) -> Outcome:
    return Outcome(entry.sample, row, entry.status, tuple(entry.reasons), entry.metrics)


def _with_expression(outcome: Outcome, entry: Record | None) -> Outcome:
    """Add what was inferred for the slice; a failure of that does not fail a slice with counts."""
    if entry is None:
        return outcome
    reasons = [f"{entry.step}: {reason}" for reason in entry.reasons]
    unmeasured = dict.fromkeys(_MEASURED) if entry.metrics.get("goes_on") else {}
    return replace(
        outcome,
        status=worst(outcome.status, WARNED if reasons else PASSED),
        reasons=tuple(dict.fromkeys([*outcome.reasons, *reasons])),
        metrics={**outcome.metrics, **unmeasured, "expression": entry.metrics},
    )


def _stopped(row: Mapping[str, Any], records: Sequence[Record]) -> Outcome:
    reasons = [f"{record.step}: {reason}" for record in records for reason in record.reasons]
    if worst(PASSED, *(record.status for record in records)) != FAILED:
        last = records[-1].step if records else "ingest"
        reasons.append(f"no result: a task after {last} stopped; see pipeline_info for its log")
    metrics: dict[str, Any] = {}
    for record in records:
        metrics |= record.metrics
    return Outcome(row["sample"], row, FAILED, tuple(reasons), metrics)
