"""Regions that annotated sections taught: the name of each spot, how sure it is, how new the spot is."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tissuegraph.figures.domains import LabelPanel, colour_bar, legend_grid, panel_head
from tissuegraph.figures.palette import CONFIDENCE, SEQUENTIAL
from tissuegraph.figures.save import STYLE
from tissuegraph.figures.tissue import Tissue, draw_labels, draw_scale_bar, draw_values


def region_figure(
    tissue: Tissue, regions: LabelPanel, probability: np.ndarray, novelty: np.ndarray
) -> Figure:
    """The likeliest region of each spot beside its probability and its novelty, both (N,) in [0, 1]."""
    with matplotlib.rc_context(STYLE):
        figure, axes = legend_grid([regions], 3, tissue.aspect)
        draw_labels(axes[0], tissue, regions.numbers, marked=False)
        panel_head(axes[0], regions.title, regions.note)
        for ax, title, values, name in (
            (axes[1], "Probability", probability, CONFIDENCE),
            (axes[2], "Novelty", novelty, SEQUENTIAL),
        ):
            norm, cmap = Normalize(0, 1), matplotlib.colormaps[name]
            draw_values(ax, tissue, np.asarray(values, dtype=float), norm, cmap)
            panel_head(ax, title, f"mean {np.nanmean(values):.2f}")
            colour_bar(figure, ax, norm, cmap)
        draw_scale_bar(axes[0], tissue)
    return figure
