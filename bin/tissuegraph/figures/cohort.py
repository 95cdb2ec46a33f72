"""Sections of a group side by side, each in its own frame: no position in one says anything about another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tissuegraph.figures.domains import LabelPanel, legend_grid, panel_head
from tissuegraph.figures.save import STYLE
from tissuegraph.figures.tissue import Tissue, draw_labels, draw_scale_bar


def cohort_figure(
    panels: Sequence[LabelPanel],
    tissues: Sequence[Callable[[], Tissue]],
    aspects: Sequence[float],
    title: str,
    head: str,
) -> Figure:
    """One panel per section under one legend.

    tissues: what reads the tissue of each section, called in turn so that one image is held at a time;
    aspects: height over width of each; head: the word before the legend.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = legend_grid(panels, len(panels), float(np.median(aspects)), title, head=head)
        for ax, panel, read in zip(axes, panels, tissues, strict=True):
            tissue = read()
            draw_labels(ax, tissue, panel.numbers, marked=not panel.names)
            panel_head(ax, panel.title, panel.note)
            draw_scale_bar(ax, tissue)
    return figure
