"""The order of domains along a pseudotime, slice by slice, with how stable it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.characterised import figures_of, found_in, number
from tissuegraph.report.glossary import terms
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, html_table, with_spread

STEP = "trajectory"
_PARENT = (
    "tissuegraph_trajectory",
    "Trajectories",
    "How alike the domains are, as a path through them. Pseudotime is the distance of a spot from a root "
    "in what the embedding tells of its expression, from 0 to 1. It is an order by likeness: whether one "
    "domain became another, and in which direction, is not in the data of one slice.",
)
TERMS = (
    ("Pseudotime", "distance of a spot from the root, 0 to 1; of a domain the median of its spots."),
    (
        "Ranks",
        "those that a domain had where the whole was repeated on a random 80 % of the spots; rank 1 is "
        "nearest the root. Shown where they differ.",
    ),
    (
        "Stability",
        "Spearman correlation of the repeats with the answer, mean ± standard deviation: 1 is the same "
        "order, below 0.8 the order is not to be built on.",
    ),
)
_CAPTION = (
    "In the figure grey spots are not reached from the root, and lines join domains that PAGA finds "
    "connected, the thicker the more."
)


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """A table of all slices with a trajectory, and their figures."""
    found = found_in(outcomes, STEP)
    if not found:
        return []
    rows = [
        [
            escape(sample),
            escape(str(each["root_why"])),
            with_spread(each["spearman_mean"], each.get("spearman_sd"))
            if each.get("spearman_mean") is not None
            else "",
            _order(each["rows"]),
        ]
        for sample, each in found
    ]
    table = html_table(
        ["Slice", "Starts at", "Stability", "Domains in their order (median pseudotime)"], rows
    )
    body = f"{terms(TERMS)}<p>{_CAPTION}</p>{table}"
    return [
        Section(
            "trajectory", "Domains along pseudotime", _PARENT, "html", body, extra=figures_of(found, STEP)
        )
    ]


def _order(rows: Sequence[Mapping[str, Any]]) -> str:
    """`WM (0.05) → L6 (0.63)`, with the ranks of the repeats where they differ; unreached ones last."""
    reached = [row for row in rows if row.get("rank") is not None]
    told = " → ".join(_domain(row) for row in reached)
    others = [escape(str(row["domain"])) for row in rows if row.get("rank") is None]
    return told + (f"; not reached: {', '.join(others)}" if others else "")


def _domain(row: Mapping[str, Any]) -> str:
    low, high = row.get("rank_lowest"), row.get("rank_highest")
    ranks = f", ranks {low} to {high}" if low is not None and low != high else ""
    return f"{escape(str(row['domain']))} ({number(row['pseudotime_median'])}{ranks})"
