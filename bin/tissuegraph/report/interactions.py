"""Ligands and receptors side by side where domains meet: the leading pairs of each slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.characterised import figures_of, found_in, number
from tissuegraph.report.glossary import terms
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, count, html_table, p_text

STEP = "interactions"
_SHOWN = 10  # rows of a slice
_PARENT = (
    "tissuegraph_interactions",
    "Cell-cell interactions",
    "Which of the pairs in the user's table lie side by side where two domains meet. The score is the "
    "mean, over neighbouring spots on the two sides, of the root of ligand times receptor. What it is "
    "held against are the same genes moved along their own domains, so that high means of two domains are"
    " no finding. Side by side is not yet an interaction: spots on a border hold cells of both sides.",
)
TERMS = (
    ("Score", "mean over neighbours on the two sides of the root of ligand times receptor, from 0."),
    ("Specificity", "log2 of the score over what the tissue's means give: 0 is no more than those, 1 twice."),
    ("Effect", "how many standard deviations the score is above those of the moved genes."),
    (
        "p",
        "of moving whole patterns: small only for patterns of many parts. It says nothing about other "
        "sections or patients.",
    ),
    ("p adjusted", "the same for all tests of a slice together (Benjamini and Hochberg)."),
)
_CAPTION = "Ranked by score and by specificity alike."


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """A table of the leading pairs of all slices, and their figures."""
    found = found_in(outcomes, STEP)
    if not found:
        return []
    rows = [
        [
            escape(sample),
            escape(f"{row['sender']} → {row['receiver']}"),
            escape(f"{row['ligand']} – {row['receptor']}"),
            *(number(row.get(name)) for name in ("score", "specificity", "effect")),
            p_text(row.get("p_value")),
            p_text(row.get("p_adjusted")),
        ]
        for sample, each in found
        for row in each["rows"][:_SHOWN]
    ]
    head = ["Slice", "From → to", "Ligand – receptor", "Score", "Specificity", "Effect", "p", "p adjusted"]
    facts = "; ".join(_facts(sample, each) for sample, each in found)
    body = f"{terms(TERMS)}<p>{_CAPTION}</p><p>{facts}.</p>{html_table(head, rows)}"
    return [Section("interactions", "Leading pairs", _PARENT, "html", body, extra=figures_of(found, STEP))]


def _facts(sample: str, each: Mapping[str, Any]) -> str:
    tested = count(each["n_tested"], "test")
    below = each.get("n_below_5_percent")
    return (
        f"{escape(sample)}: {each['n_measured']:,} of {count(each['n_pairs'], 'pair')} measured, {tested}"
        + (f", {below:,} with an adjusted p of at most 0.05" if below is not None else "")
    )
