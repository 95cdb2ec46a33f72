"""Neighbours per spot in both graphs: too few or too many explain odd domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.io.text import listed
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, legend

ONE_PIECE = 0.99  # share of the spots in the largest piece, from which the others are strays
MOST_NAMED = 8

_TITLES = {"spatial": "Spatial graph", "feature": "Feature graph"}


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """Distribution of neighbours, one line per slice and a tab per graph."""
    datasets, labels = [], []
    for name, title in _TITLES.items():
        lines = {}
        for outcome in outcomes:
            graph = outcome.metrics.get("degrees", {}).get(name)
            if graph:
                lines[outcome.sample] = graph["distribution"]
        if lines:
            datasets.append(lines)
            labels.append({"name": title, "xlab": "Neighbours", "ylab": "Spots (%)"})
    if not datasets:
        return []
    parent = (
        "tissuegraph_graphs",
        "Graphs",
        "How many neighbours each spot has: none or very "
        "few leave it to itself, very many blur what lies beside it.",
    )
    config = {
        "title": "Graphs: neighbours per spot",
        "data_labels": labels,
        "xlab": "Neighbours",
        "ylab": "Spots (%)",
        "ymin": 0,
        **legend(max(map(len, datasets))),
    }
    described = _pieces(outcomes)
    return [
        Section(
            "graph_degrees", "Graphs", parent, "linegraph", datasets, description=described, config=config
        )
    ]


def _pieces(outcomes: Sequence[Outcome]) -> str:
    """Which spatial graphs fall into pieces: only expression carries domains from one to another."""
    found = []
    for outcome in outcomes:
        graph = outcome.metrics.get("degrees", {}).get("spatial", {})
        if graph.get("largest", 1.0) < ONE_PIECE:
            found.append(
                f"{escape(outcome.sample)} ({graph['components']} pieces, the largest has "
                f"{graph['largest']:.0%} of the spots)"
            )
    if not found:
        return ""
    return f"Spatial graphs in pieces that no edge connects: {listed(found, MOST_NAMED)}."
