"""Distributions of the QC metrics, one line per slice, failed ones included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10, sqrt
from typing import Any

from tissuegraph.report.outcomes import Outcome, shared_unit
from tissuegraph.report.section import Section, legend

_PARENT = (
    "tissuegraph_quality",
    "Quality control",
    "Every spot under tissue, before any was dropped; slices that failed are shown too. Maps of the same "
    "values are under Tissue domains.",
)
# metric, title with the unit of counts, whether QC binned it on a logarithmic scale
_PLOTS = (
    ("counts", "{unit} per spot", True),
    ("genes", "Genes per spot", True),
    ("mito", "Mitochondrial share of {unit} per spot (%)", False),
)


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """One line graph per metric that any slice has."""
    found = []
    shared = shared_unit(outcomes)
    for name, words, logarithmic in _PLOTS:
        title = words.format(unit=shared)
        title = title[:1].upper() + title[1:]
        lines = {o.sample: density(o.metrics.get("histograms", {}).get(name), logarithmic) for o in outcomes}
        lines = {sample: points for sample, points in lines.items() if points}
        if lines:
            unit = "tenth of a decade" if logarithmic else "percentage point"
            config = {"xlab": title, "ylab": f"Spots (%) per {unit}", "xlog": logarithmic, "ymin": 0}
            config |= {"style": "lines", "height": 380, **legend(len(lines))}
            found.append(Section(f"qc_{name}", title, _PARENT, "linegraph", lines, config=config))
    return found


def density(histogram: Mapping[str, Sequence[float]] | None, logarithmic: bool) -> list[list[float]]:
    """[[bin centre, per cent of spots per unit], ...] from bin edges (B + 1) and counts (B).

    The unit, a tenth of a decade or 1, makes slices comparable whose bins differ in width.
    """
    if not histogram or not sum(histogram["counts"]):
        return []
    edges, counts = histogram["edges"], histogram["counts"]
    points = []
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        width = 10 * log10(high / low) if logarithmic else high - low
        centre = sqrt(low * high) if logarithmic else (low + high) / 2
        if width > 0:
            points.append([float(f"{centre:.4g}"), float(f"{100 * count / sum(counts) / width:.4g}")])
    return points
