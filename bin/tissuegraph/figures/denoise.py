"""Genes as counted, as averaged over neighbours and as the network expects them."""

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
class Denoised:
    """One gene on N spots: counted, smoothed and expected by the network, all (N,) on one scale; the Pearson
    of the latter two with held-out counts.
    """

    gene: str
    counted: np.ndarray
    smoothed: np.ndarray
    expected: np.ndarray
    pearson_smoothing: float
    pearson_network: float


def denoise_figure(tissue: Tissue, genes: Sequence[Denoised]) -> Figure:
    """Three panels per gene, each with a colour range of its own."""
    with matplotlib.rc_context(STYLE):
        figure, axes = panel_grid(3 * len(genes), tissue.aspect)
        for row, one in enumerate(genes):
            panels = (
                ("as counted", one.counted, ""),
                ("smoothed", one.smoothed, f"r = {one.pearson_smoothing:.2f} with held-out counts"),
                ("network", one.expected, f"r = {one.pearson_network:.2f} with held-out counts"),
            )
            for ax, (title, values, note) in zip(axes[3 * row : 3 * row + 3], panels, strict=True):
                low, high = np.nanpercentile(values, [1, 99])
                norm, cmap = (
                    Normalize(low, max(high, low + 1e-3), clip=True),
                    matplotlib.colormaps[SEQUENTIAL],
                )
                draw_values(ax, tissue, values.astype(float), norm, cmap)
                panel_head(ax, f"{one.gene}, {title}", note)
                colour_bar(figure, ax, norm, cmap)
        draw_scale_bar(axes[0], tissue)
    return figure
