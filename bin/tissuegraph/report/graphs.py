"""Neighbours per spot in both graphs: too few or too many explain odd domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, legend

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
    return [Section("graph_degrees", "Graphs", parent, "linegraph", datasets, config=config)]
