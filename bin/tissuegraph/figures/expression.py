"""Maps of genes on the tissue: inferred expression, beside measured expression where there is any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tissuegraph.figures.domains import colour_bar, panel_grid, panel_head
from tissuegraph.figures.palette import SEQUENTIAL
from tissuegraph.figures.save import STYLE
from tissuegraph.figures.tissue import Tissue, draw_scale_bar, draw_values


@dataclass(frozen=True)
class GeneMap:
    """One gene on N spots: predicted and, where known, measured (N,) log-normalised; note: a short line."""

    gene: str
    predicted: np.ndarray
    measured: np.ndarray | None = None
    note: str = ""


def expression_figure(tissue: Tissue, maps: Sequence[GeneMap]) -> Figure:
    """A panel per gene, or a pair of panels (measured, inferred) where any gene was measured.

    Each panel has a colour range of its own: inferred expression varies less than measured, and on one
    range its pattern would not be seen.
    """
    paired = any(one.measured is not None for one in maps)
    with matplotlib.rc_context(STYLE):
        figure, axes = panel_grid(len(maps) * (2 if paired else 1), tissue.aspect)
        free = iter(axes)
        for one in maps:
            if paired:
                _panel(figure, next(free), tissue, one.measured, f"{one.gene}, measured", "")
            _panel(figure, next(free), tissue, one.predicted, f"{one.gene}, inferred", one.note)
        draw_scale_bar(axes[0], tissue)
    return figure


def _panel(figure: Figure, ax, tissue: Tissue, values: np.ndarray | None, title: str, note: str) -> None:
    if values is None or not np.isfinite(values).any():
        ax.set_axis_off()
        panel_head(ax, title, "not in this slice")
        return
    low, high = np.nanpercentile(values, [1, 99])
    norm, cmap = Normalize(low, max(high, low + 1e-3), clip=True), matplotlib.colormaps[SEQUENTIAL]
    draw_values(ax, tissue, values.astype(float), norm, cmap)
    panel_head(ax, title, note)
    colour_bar(figure, ax, norm, cmap)
