"""How the number of domains was estimated, for the slices whose row does not give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section

_TITLES = {"criterion": "Both together", "stability": "Stability", "gain": "Gain in likelihood"}


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """One line per slice and a tab per measure; nothing where every number was given."""
    datasets, labels = [], []
    for name, title in _TITLES.items():
        lines = {}
        for outcome in outcomes:
            values = (outcome.metrics.get("n_domains_evidence") or {}).get(name)
            if values:
                lines[outcome.sample] = [[int(k), round(float(value), 4)] for k, value in values.items()]
        if lines:
            datasets.append(lines)
            labels.append({"name": title, "xlab": "Number of domains", "ylab": title})
    if not datasets:
        return []
    parent = (
        "tissuegraph_n_domains",
        "Number of domains",
        "Where the samplesheet gives no number, it is estimated without labels: do the same domains come out "
        "of random halves of the slice (stability), and do more domains explain the spots better than chance "
        "(gain)? The smallest number within 5 % of the best product is taken. Flat and low curves mean that "
        "the slice does not tell; give the number yourself.",
    )
    config = {
        "title": "Number of domains: evidence",
        "data_labels": labels,
        "xlab": "Number of domains",
        "ymin": 0,
    }
    return [Section("n_domains_evidence", "Evidence", parent, "linegraph", datasets, config=config)]
