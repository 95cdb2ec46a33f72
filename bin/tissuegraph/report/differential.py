"""Genes of each domain between the conditions of a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.compared import figure_of, notes_of, pair_words
from tissuegraph.report.glossary import terms
from tissuegraph.report.outcomes import CohortOutcome, Outcome, cohorts_of
from tissuegraph.report.section import Section, html_table, p_text

STEP = "differential"
_CAPTION = (
    "One panel per {by}: each dot is a gene, to the right where it is higher in the first-named condition, "
    "and the higher the surer; coloured genes are those whose adjusted p is at most {rate:g}."
)
TERMS = (
    ("log2 fold change", "of the first-named condition over the other: 1 is twice as much, -1 half."),
    (
        "Mean counts",
        "of the gene in all patients, at the same depth: where few are counted little can be said.",
    ),
    ("p", "from Student's t, as few patients do not tell how much genes vary."),
    ("Adjusted p", "holds the share of false findings over all rows together (Benjamini and Hochberg)."),
)
_HOW = (
    "<p>Counts are summed over all spots of a patient in a {by}, so that the patient is the unit, and "
    "compared by a negative-binomial model (PyDESeq2). A patient with fewer than 10 spots in a {by} is left "
    "out there, and so is a gene without 10 counts in as many patients as the smaller condition has. A {by} "
    "is found from the same counts: a gene that changes where its border is drawn can look changed within "
    "it.</p>"
)


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """A chapter per group whose genes were compared; nothing where none was."""
    found = []
    for cohort in cohorts_of(outcomes):
        told = cohort.metrics.get(STEP, {})
        if told.get("pairs"):
            found.append(_section(cohort, told, len(found)))
    return found


def _section(cohort: CohortOutcome, told: Mapping[str, Any], place: int) -> Section:
    by, rate = str(told["by"]), float(told["rate"])
    file = f"<code>cohort/{escape(cohort.group_id)}/differential.csv</code>"
    about = (
        f"Genes within each {by} between the conditions of the group {escape(cohort.group)}; all in {file}."
    )
    parent = (f"tissuegraph_differential_{place}", f"Genes between conditions of {cohort.group}", about)
    extra = figure_of(told, STEP, f"Change of genes within each {by}", _CAPTION.format(by=by, rate=rate))
    words = [
        *(f"<p>{_of_pair(pair, by, rate)}</p>" for pair in told["pairs"]),
        terms(TERMS),
        _domains(told, by, rate),
        _top(told, by),
        notes_of(cohort, STEP),
        _HOW.format(by=by),
    ]
    return Section(
        f"differential_{place}", "Genes between conditions", parent, "html", "".join(words), extra=extra
    )


def _of_pair(pair: Mapping[str, Any], by: str, rate: float) -> str:
    return pair_words(
        pair,
        f"{pair['n_found']:,} of {pair['n_tests']:,} tests of a gene in a {by} have an adjusted p of "
        f"{rate:g} or less; about {rate:.0%} of such findings are false",
    )


def _domains(told: Mapping[str, Any], by: str, rate: float) -> str:
    rows = [
        [escape(str(row["domain"])), f"{row['n_tests']:,}", f"{row['n_found']:,}"]
        for row in told["domains"]
        if row["n_tests"]
    ]
    head = [by.capitalize(), "Tests", f"Adjusted p at most {rate:g}"]
    return html_table(head, rows) if rows else ""


def _top(told: Mapping[str, Any], by: str) -> str:
    rows = [
        [
            escape(str(row["domain"])),
            f"<em>{escape(str(row['gene']))}</em>",
            escape(f"{row['condition_b']} against {row['condition_a']}"),
            f"{row['log2_fold_change']:+.2f}",
            f"{row['base_mean']:,.0f}",
            p_text(row.get("p_value")),
            p_text(row.get("p_adjusted")),
        ]
        for row in told["top"]
        if row.get("log2_fold_change") is not None
    ]
    head = [by.capitalize(), "Gene", "Conditions", "log2 fold change", "Mean counts", "p", "Adjusted p"]
    return html_table(head, rows) if rows else ""
