"""All slices of a run: what became of each one, read from the records of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tissuegraph.io.platforms import unit_of
from tissuegraph.io.text import listed
from tissuegraph.methods import title_of
from tissuegraph.records import FAILED, GROUP, PASSED, WARNED, Record, read_record, step_name, worst

ASSEMBLED = "assemble"  # the step whose record says that a slice went all the way
EXPRESSION = "infer_expression"  # the step whose record stays apart: its slice may have been held out only
EXPLORED = "explore"  # the step whose record names the page of a slice
CHARACTERISING = ("markers", "spatial_genes", "trajectory", "interactions", "enrichment", "denoise")
# Steps on the assembled slice, whose warnings its own record cannot have
AFTERWARDS = (*CHARACTERISING, "complete", EXPLORED, "export")
_NO_EXIT_STATUS = 2**31 - 1  # what the engine says of a task that it lost sight of
_NAMED = 10  # failed slices named in a sentence
_MEASURING = ("ingest", "qc")  # steps whose metrics describe a slice that was not assembled
_READ = ("control_share",)  # what only ingest knows of a slice that was assembled
_MEASURED = ("median_counts", "median_genes", "median_mito")  # says nothing where counts are inferred


@dataclass(frozen=True, eq=False)
class CohortOutcome:
    """What became of one group of slices.

    group: its name in the samplesheet, group_id: in paths; status, reasons, notes: of the steps over its
    sections; metrics: step -> what its record measured.
    """

    group_id: str
    group: str
    status: str = PASSED
    reasons: tuple[str, ...] = ()
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one slice.

    row: its row of the samplesheet; status: passed, warned or failed; reasons: `step: reason` lines;
    notes: likewise, of what is worth knowing and no reason for a status;
    metrics: what assembly and QC measured, with fewer entries where the slice left the run early;
    cohort: what became of its group, the same object for all its slices; None without a group.
    """

    sample: str
    row: Mapping[str, Any]
    status: str
    reasons: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    cohort: CohortOutcome | None = None
    notes: tuple[str, ...] = ()

    @property
    def assembled(self) -> bool:
        return self.status != FAILED

    @property
    def agreement_known(self) -> bool:
        """Whether an annotation of two regions or more was there to compare with."""
        return any(row.get("ari") is not None for row in self.metrics.get("scores") or ())

    @property
    def unit(self) -> str:
        """What one of its counts is: UMIs, transcripts or counts."""
        told = self.metrics.get("steps", {}).get("ingest", self.metrics)
        return unit_of(told.get("platform") or self.row.get("platform"))

    def score(self, key: str, name: str) -> float | None:
        """One score of one result, such as score("baseline", "ari"); None where it was not scored."""
        for row in self.metrics.get("scores", ()):
            if row["key"] == key:
                return row.get(name)
        return None


def read_outcomes(
    rows: Sequence[Mapping[str, Any]], records: Path, lost: Sequence[Mapping[str, Any]] = ()
) -> list[Outcome]:
    """`outcomes_of` the records in a directory."""
    return outcomes_of(rows, read_records(records), lost)


def read_records(folder: Path) -> list[Record]:
    """The records of all steps and slices below a directory, by path."""
    return [read_record(path) for path in sorted(folder.rglob("*.json"))]


def outcomes_of(
    rows: Sequence[Mapping[str, Any]], records: Sequence[Record], lost: Sequence[Mapping[str, Any]] = ()
) -> list[Outcome]:
    """One outcome per row of the samplesheet, in its order.

    records: of all steps and slices. lost: tasks that ended without one, see
    `_reason_of_lost`. A slice that was not assembled has failed; one that lost a part on the way is warned.
    """
    steps: dict[str, list[Record]] = {}
    for entry in records:
        steps.setdefault(entry.sample, []).append(entry)
    reasons: dict[str, list[str]] = {}
    for task in lost:
        for sample in task.get("slices") or [(task.get("tag") or "").partition(" ")[0]]:
            reasons.setdefault(sample, []).append(_reason_of_lost(task))
    cohorts = _cohorts(rows, steps, reasons)
    outcomes = [
        replace(
            _outcome(row, steps.get(row["sample"], []), reasons.get(row["sample"], [])),
            cohort=cohorts.get(row.get("group_id")),
        )
        for row in rows
    ]
    for cohort in cohorts.values():
        outcomes = _told_of_lost_teachers(outcomes, cohort)
    return outcomes


def _told_of_lost_teachers(outcomes: Sequence[Outcome], cohort: CohortOutcome) -> list[Outcome]:
    """The outcomes, those of a group with a word about its rows that teach and failed: no step tells of them.

    Where all failed nobody was named, which is a warning of each row that was to be.
    """
    teaching = [o for o in outcomes if o.cohort is cohort and o.row.get("teaches")]
    lost = [o.sample for o in teaching if o.status == FAILED]
    if not lost:
        return list(outcomes)
    nobody = "; nobody was left to teach, so no region was named" if len(lost) == len(teaching) else ""
    reason = f"teach: {', '.join(lost)} failed and did not teach{nobody}"
    told = replace(cohort, status=WARNED, reasons=(*cohort.reasons, reason))
    return [
        o if o.cohort is not cohort
        else _warned(replace(o, cohort=told), reason) if nobody and o.status != FAILED
        else replace(o, cohort=told)
        for o in outcomes
    ]  # fmt: skip


def _warned(outcome: Outcome, reason: str) -> Outcome:
    return replace(outcome, status=worst(outcome.status, WARNED), reasons=(*outcome.reasons, reason))


def _cohorts(
    rows: Sequence[Mapping[str, Any]], steps: Mapping[str, list[Record]], lost: Mapping[str, list[str]]
) -> dict[str | None, CohortOutcome]:
    """One outcome per group, by its id. A group's steps cost none of its slices, so it is warned at worst."""
    names = {row["group_id"]: str(row["group"]) for row in rows if row.get("group_id")}
    found: dict[str | None, CohortOutcome] = {}
    for group_id, group in names.items():
        records = steps.get(f"{GROUP}{group_id}", [])
        reasons = [f"{entry.step}: {reason}" for entry in records for reason in entry.reasons]
        reasons += lost.get(f"{GROUP}{group_id}", [])
        metrics = {step_name(entry): entry.metrics for entry in records}
        status = WARNED if reasons else PASSED
        found[group_id] = CohortOutcome(
            group_id, group, status, tuple(dict.fromkeys(reasons)), metrics, _notes(records)
        )
    return found


def _notes(records: Iterable[Record]) -> tuple[str, ...]:
    """`step: note` lines, each once."""
    return tuple(dict.fromkeys(f"{entry.step}: {note}" for entry in records for note in entry.notes))


def _outcome(row: Mapping[str, Any], records: Sequence[Record], lost: Sequence[str]) -> Outcome:
    expression = next((entry for entry in records if entry.step == EXPRESSION), None)
    done = next((entry for entry in records if entry.step == ASSEMBLED and entry.status != FAILED), None)
    others = [replace(entry, metrics={}) if entry is expression else entry for entry in records]
    outcome = _finished(row, done, others, lost) if done else _stopped(row, others, lost)
    return _with_expression(outcome, expression)


def _reason_of_lost(task: Mapping[str, Any]) -> str:
    """`step: reason` of a task that was killed or crashed.

    task: process, tag, attempt, exitStatus, said, and slices, the names of all where it had several; else the
    tag begins with the one.
    """
    step = str(task["process"]).rpartition(":")[2].lower()
    method = (task.get("tag") or "").partition(" ")[2]
    status = task.get("exitStatus")
    ended = (
        "was lost without an exit status" if status in (None, _NO_EXIT_STATUS) else f"exit status {status}"
    )
    said = " ".join(str(task.get("said") or "").split())
    several = len(task.get("slices") or ())
    which = f"the task of {several} slices" if several > 1 else "the task"
    return (
        f"{step}: {f'{method}: ' if method else ''}{which} left no result, {ended}, attempt "
        f"{task.get('attempt') or 1}" + (f"; its last line: {said}" if said else "")
    )


def shared_unit(outcomes: Iterable[Outcome]) -> str:
    """The unit of the counts of all slices, `counts` where they differ."""
    units = {outcome.unit for outcome in outcomes}
    return units.pop() if len(units) == 1 else "counts"


def cohorts_of(outcomes: Iterable[Outcome]) -> list[CohortOutcome]:
    """Every group once, in the order first seen."""
    return list({o.cohort.group_id: o.cohort for o in outcomes if o.cohort is not None}.values())


def methods_of(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """Every method that found domains, by its name in columns, with its title; in the order first seen."""
    names = (name for outcome in outcomes for name in outcome.metrics.get("methods", ()))
    return {name: title_of(name) for name in names}


def _finished(
    row: Mapping[str, Any], done: Record, records: Sequence[Record], lost: Sequence[str]
) -> Outcome:
    """A slice that was assembled, with the reasons of steps that it went on without or that came after."""
    told = [entry for entry in records if entry.status == FAILED or entry.step in AFTERWARDS]
    others = [f"{entry.step}: {reason}" for entry in told for reason in entry.reasons]
    reasons = tuple(dict.fromkeys([*done.reasons, *others, *lost]))
    ingested = next((entry.metrics for entry in records if entry.step == "ingest"), {})
    metrics = {name: ingested[name] for name in _READ if name in ingested} | done.metrics
    explored = next((entry for entry in records if entry.step == EXPLORED and entry.status != FAILED), None)
    if explored is not None and "page" in explored.metrics:
        metrics["page"] = explored.metrics["page"]
    found = {
        entry.step: entry.metrics
        for entry in records
        if entry.step in CHARACTERISING and entry.status != FAILED
    }
    if found:
        metrics["characterised"] = found
    status = WARNED if reasons else done.status
    notes = (*done.notes, *_notes(entry for entry in records if entry.step in AFTERWARDS))
    return Outcome(row["sample"], row, status, reasons, metrics, notes=notes)


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
        notes=(*outcome.notes, *(note for note in _notes([entry]) if note not in outcome.notes)),
    )


def _stopped(row: Mapping[str, Any], records: Sequence[Record], lost: Sequence[str]) -> Outcome:
    reasons = [f"{entry.step}: {reason}" for entry in records for reason in entry.reasons]
    reasons += lost
    if not lost and worst(PASSED, *(entry.status for entry in records)) != FAILED:
        last = records[-1].step if records else "ingest"
        reasons.append(f"no result: a task after {last} stopped; see pipeline_info for its log")
    metrics: dict[str, Any] = {}
    for entry in records:
        if entry.step in _MEASURING:
            metrics |= entry.metrics
    return Outcome(row["sample"], row, FAILED, tuple(dict.fromkeys(reasons)), metrics, notes=_notes(records))


def verdict_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How the run ends, for the workflow: numbers of slices, and one sentence."""
    failed = [outcome.sample for outcome in outcomes if outcome.status == FAILED]
    n_warned = sum(outcome.status == WARNED for outcome in outcomes)
    total = len(outcomes)
    names = listed(failed, _NAMED)
    if len(failed) == total:
        sentence = f"No slice is left: all {total} failed; slices.csv and the report say why"
    elif failed:
        sentence = f"{len(failed)} of {total} slices failed ({names}); slices.csv and the report say why"
    else:
        sentence = f"All {total} slices finished, {n_warned} of them with a warning"
    return {
        "n_slices": total,
        "n_finished": total - len(failed),
        "n_failed": len(failed),
        "sentence": sentence,
    }
