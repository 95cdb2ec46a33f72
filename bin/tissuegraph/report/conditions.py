"""Shares of domains between the conditions of a group, and how alike its sections are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.compared import figure_of, notes_of, pair_words
from tissuegraph.report.glossary import terms
from tissuegraph.report.outcomes import CohortOutcome, Outcome, cohorts_of
from tissuegraph.report.section import Section, html_table, p_text

STEP = "composition"
_CAPTION = (
    "Each bar is a section, sorted by condition and patient; its colours are the shares of spots that each "
    "{by} takes, as in <code>cohort/{group}/composition.csv</code>."
)
TERMS = (
    (
        "Change",
        "log2 factor by which a part changed against the median part: +1 means twice as large beside it, 0 "
        "that it changed as the median one did. Shares sum to one, so that one part that grows makes all "
        "others smaller; of two parts only the ratio is known, not which of them changed.",
    ),
    ("p", "how often patients dealt to the conditions at random would differ as much."),
    ("Adjusted p", "holds the share of false findings over all rows (Benjamini and Hochberg)."),
)
_HOW = "<p>The unit is the patient: shares of its sections are averaged first.</p>"


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """A chapter per group whose shares were described; nothing where none was."""
    found = []
    for cohort in cohorts_of(outcomes):
        told = cohort.metrics.get(STEP, {})
        if told.get("sections"):
            found += _chapter(cohort, told, len(found))
    return found


def _chapter(cohort: CohortOutcome, told: Mapping[str, Any], place: int) -> list[Section]:
    by = str(told["by"])
    name = f"Composition of {cohort.group}"
    about = f"Shares of {by}s in the sections of the group {escape(cohort.group)}, between its conditions."
    parent = (f"tissuegraph_conditions_{place}", name, about)
    caption = _CAPTION.format(by=by, group=escape(cohort.group_id))
    extra = figure_of(told, STEP, f"Shares of {by}s per section", caption)
    prefix = f"conditions_{place}"
    # Where nothing is compared, a note of the step says why
    words = _verdict(told, by) + notes_of(cohort, STEP) or "<p>Nothing is compared.</p>"
    return [
        Section(f"{prefix}_shares", "Between conditions", parent, "html", words, extra=extra),
        Section(f"{prefix}_replicates", "Agreement of sections", parent, "html", _replicates(told)),
    ]


def _verdict(told: Mapping[str, Any], by: str) -> str:
    if not told.get("pairs"):
        return ""
    lines = [f"<p>{_of_pair(pair, told, by)}</p>" for pair in told["pairs"]]
    head = [by.capitalize(), "Conditions", "Patients", "Mean shares", "Change", "p", "Adjusted p"]
    rows = [
        [
            escape(str(row["domain"])),
            escape(f"{row['condition_b']} against {row['condition_a']}"),
            f"{row['n_patients_b']} and {row['n_patients_a']}",
            f"{row['mean_share_b']:.1%} and {row['mean_share_a']:.1%}",
            f"{row['effect']:+.2f}",
            p_text(row.get("p_value")),
            p_text(row.get("p_adjusted")),
        ]
        for row in told["tests"]
    ]
    return "".join(lines) + terms(TERMS) + html_table(head, rows) + _HOW


def _of_pair(pair: Mapping[str, Any], told: Mapping[str, Any], by: str) -> str:
    least = pair.get("least_p")
    rows = [
        row
        for row in told["tests"]
        if (row["condition_a"], row["condition_b"]) == (pair["condition_a"], pair["condition_b"])
    ]
    found = [row for row in rows if row.get("p_adjusted") is not None and row["p_adjusted"] <= 0.05]
    shown = ", ".join(f"{escape(str(r['domain']))} ({r['effect']:+.1f})" for r in found)
    says = (
        f"changed at an adjusted p of .05: {shown}" if found else f"no {by} changed at an adjusted p of .05"
    )
    limit = f"; no p below {p_text(least)} is possible with so many patients" if least else ""
    return pair_words(pair, f"{says}{limit}")


def _replicates(told: Mapping[str, Any]) -> str:
    agreement = told.get("agreement", {})
    names = {
        "one_patient": "two sections of one patient",
        "one_condition": "two patients (of one condition, where it is known)",
        "two_conditions": "two conditions",
    }
    known = [(text, agreement[name]) for name, text in names.items() if agreement.get(name) is not None]
    lines = []
    if known:
        listed = ", ".join(f"{value:.2f} between {text}" for text, value in known)
        lines.append(
            f"<p>Mean distance of compositions: {listed}. It is Aitchison's: 0 is the same, and every ratio "
            "of two shares counts alike. Sections of one patient should be nearer than those of different "
            "ones; where they are not, sectioning varies as much as patients do.</p>"
        )
    odd = [row for row in told["sections"] if row.get("stands_out")]
    if odd:
        rows = [[escape(str(row["sample"])), escape(str(row["stands_out"]))] for row in odd]
        lines.append("<p>Sections that stand out among those of their condition, or of the group:</p>")
        lines.append(html_table(["Section", "Why"], rows))
    else:
        lines.append("<p>No section stands out, or there are too few to tell.</p>")
    return "".join(lines)
