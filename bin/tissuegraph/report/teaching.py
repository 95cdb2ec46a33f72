"""What was taught within a group: by whom, by which members, and how well on left-out teachers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.regions.members import member_title
from tissuegraph.report.glossary import scores_explained
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import count, html_table
from tissuegraph.scores.transfer import LEAST_CARRIED

_BY_PATIENT = ("within", "across")
_MEASURES = {
    "macro_f1": "Macro-F1",
    "accuracy": "Accuracy",
    "ari": "ARI",
    "ece": "Calibration error",
    "coverage": "Called",
    "accuracy_called": "Accuracy where called",
}
_SIDES = {
    "within": "another section of the same patient",
    "across": "a section of another patient",
    "sections": "another section, as patients are not known",
}


def guard_of(taught: Mapping[str, Any], sections: Sequence[Outcome] = ()) -> tuple[str, str]:
    """The guard and its sentence, of the teaching or else of the first section that was named."""
    told = [taught, *(outcome.metrics.get("regions", {}) for outcome in sections)]
    found = next((each for each in told if each.get("guard")), {})
    return str(found.get("guard", "")), str(found.get("sentence") or "")


def teaching_words(taught: Mapping[str, Any], sections: Sequence[Outcome]) -> str:
    """Who taught whom how many regions, the members with their weights, and the figures of left-out teachers.

    taught: metrics of the record of TEACH, empty where a model from disk named the regions; without names
    where teaching failed. Empty where nothing was taught.
    """
    named = [outcome for outcome in sections if outcome.metrics.get("regions")]
    if not taught.get("names") and not named:
        return ""
    teachers = [str(name) for name in taught.get("teachers") or named[0].metrics["regions"]["teachers"]]
    names = [str(name) for name in taught.get("names") or named[0].metrics["regions"]["names"]]
    whom = ", ".join(f"<strong>{escape(name)}</strong>" for name in teachers) or "A model from an earlier run"
    lines = [
        f"<p>{whom} taught {count(len(names), 'region')} "
        f"({', '.join(escape(name) for name in names)}) to {count(len(named), 'section')}.</p>"
    ]
    if taught.get("spelling"):
        alike = "; ".join(" / ".join(map(str, names)) for names in taught["spelling"])
        lines.append(f"<p>Spelt alike, yet counted as different regions: {escape(alike)}.</p>")
    if taught.get("too_small"):
        small = ", ".join(map(str, taught["too_small"]))
        lines.append(f"<p>Too few spots to be taught: {escape(small)}.</p>")
    if taught.get("members"):
        lines.append(_members(taught["members"]))
    left_out = taught.get("left_out") or (named[0].metrics["regions"].get("left_out") if named else None)
    if left_out:
        lines.append(_left_out(left_out))
    if named:
        lines.append(_targets(named))
    lines.append(
        scores_explained(
            ("Macro-F1", "Accuracy", "ARI", "Called", *(["Calibration error"] if left_out else []))
        )
    )
    return "".join(lines)


def _members(members: Sequence[Mapping[str, Any]]) -> str:
    shown = [name for name in ("macro_f1", "accuracy", "ari") if any(name in each for each in members)]
    rows = [
        [
            escape(member_title(str(each["name"]))),
            _share(each.get("weight")),
            *(_number(each.get(name)) for name in shown),
        ]
        for each in sorted(members, key=lambda each: -(each.get("weight") or 0))
    ]
    if shown:
        note = "Members of the ensemble; each weighs what it adds where a teacher is left out."
    else:
        note = "Members of the ensemble; all weigh the same, as nothing could be left out to judge them by."
    return f"<p>{note}</p>" + html_table(["Member", "Weight", *(_MEASURES[name] for name in shown)], rows)


def _left_out(left_out: Mapping[str, Mapping[str, Any]]) -> str:
    """One row per side that could be tried; a side without any left-out teacher is told in words."""
    tried = {side: figures for side, figures in left_out.items() if figures}
    shown = [name for name in _MEASURES if any(figures.get(name) is not None for figures in tried.values())]
    rows = [
        [
            escape(_SIDES.get(side, side)),
            *(_number(figures.get(name)) for name in shown),
            str(figures.get("n_sections") or ""),
        ]
        for side, figures in tried.items()
    ]
    untried = [] if "sections" in tried else [_SIDES[side] for side in _BY_PATIENT if side not in tried]
    note = f" Not tried, as no teacher could be left out: {' and '.join(untried)}." if untried else ""
    head = ["Taught to", *(_MEASURES[name] for name in shown), "Sections left out"]
    table = html_table(head, rows) if rows else ""
    tried_how = "Each teacher left out in turn and named by the others; no label of a target is used."
    return f"<p>{tried_how}{note}</p>{table}"


def _targets(named: Sequence[Outcome]) -> str:
    rows = []
    for outcome in named:
        regions = outcome.metrics["regions"]
        scores = regions.get("scores") or {}
        figures = [_number(scores.get(name)) for name in ("macro_f1", "accuracy", "ari")]
        shares = [_share(regions.get(name)) for name in ("coverage", "carried")]
        rows.append([escape(outcome.sample), *shares, *figures])
    note = (
        "<p>Sections that were named; scores only where a section has an annotation of its own. "
        f"<em>Carried</em> is the share of what varies over the section that lies in what the teachers "
        f"showed: below {LEAST_CARRIED:.0%} it may be another tissue.</p>"
    )
    return note + html_table(["Section", "Called", "Carried", "Macro-F1", "Accuracy", "ARI"], rows)


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.2f}"


def _share(value: Any) -> str:
    return "" if value is None else f"{value:.0%}"
