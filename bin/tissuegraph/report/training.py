"""Loss curves: one tab per term, one line per slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tissuegraph.report.outcomes import Outcome, methods_of
from tissuegraph.report.section import Section


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """One line graph over all methods and terms; nothing where nothing was trained."""
    titles = methods_of(outcomes)
    datasets, labels = [], []
    for method, term in _terms(outcomes):
        lines = {}
        for outcome in outcomes:
            points = outcome.metrics.get("training", {}).get(method, {}).get(term)
            if points:
                lines[outcome.sample] = points
        title = titles.get(method, method)
        name = f"{title}: {term}" if len(titles) > 1 else term
        datasets.append(lines)
        labels.append({"name": name, "ylab": f"{term} loss" if "loss" not in term else term, "xlab": "Epoch"})
    if not datasets:
        return []
    parent = (
        "tissuegraph_training",
        "Training",
        "Mean over seeds. The last epoch counts: no label is looked at to choose one.",
    )
    config = {"title": "Training: loss per epoch", "data_labels": labels, "xlab": "Epoch", "style": "lines"}
    return [Section("training_curves", "Training", parent, "linegraph", datasets, config=config)]


def _terms(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    found = {}
    for outcome in outcomes:
        for method, terms in outcome.metrics.get("training", {}).items():
            found |= dict.fromkeys((method, term) for term in terms)
    return list(found)
