"""Change of genes between two conditions against how sure it is: one panel per domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tissuegraph.figures.palette import domain_colour
from tissuegraph.figures.save import STYLE

_PANEL = (3.2, 2.9)  # inches
_COLUMNS = 4
_NAMED = 6  # genes named in a panel
_REST, _UP, _DOWN = "#B0B0B0", domain_colour(7), domain_colour(1)
_LEAST_P = 1e-30  # drawn as this
_LINE = 7.5  # points from one name to the next


@dataclass(frozen=True, kw_only=True, eq=False)
class Volcano:
    """One comparison of G genes: log2 change, p and names (G,), by p; found: (G,) bool, adjusted p small."""

    title: str
    change: np.ndarray
    p: np.ndarray
    found: np.ndarray
    genes: np.ndarray


def volcano_figure(panels: Sequence[Volcano], title: str, rate: float) -> Figure:
    """All comparisons on the same axes. rate: of false findings, for the legend."""
    columns = min(len(panels), _COLUMNS)
    rows = ceil(len(panels) / columns)
    width = max(np.nanmax(np.abs(panel.change), initial=0.5) for panel in panels) * 1.35  # room for names
    height = max(np.nanmax(_minus_log(panel.p), initial=1.0) for panel in panels) * 1.12
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows + 0.6), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        for ax, panel in zip(axes, panels, strict=False):
            _draw(ax, panel, height)
            ax.set_xlim(-width, width)
            ax.set_ylim(0, height)
            ax.tick_params(labelbottom=True)  # also above an empty place
        figure.supxlabel("log2 fold change", fontsize=9)
        figure.supylabel("-log10 p", fontsize=9)
        figure.suptitle(f"{title} (coloured: adjusted p at most {rate:g})", x=0.01, ha="left", fontsize=10)
    return figure


def _draw(ax, panel: Volcano, height: float) -> None:
    up, y = panel.change > 0, _minus_log(panel.p)
    for part, colour, size in (
        (~panel.found, _REST, 6),
        (panel.found & up, _UP, 14),
        (panel.found & ~up, _DOWN, 14),
    ):
        ax.scatter(panel.change[part], y[part], s=size, c=colour, linewidths=0, rasterized=True)
    ax.axvline(0, color="#888888", lw=0.6)
    ax.set_title(panel.title, loc="left", fontsize=8.5)
    named = np.flatnonzero(panel.found)[:_NAMED]
    points = 72 * (_PANEL[1] - 0.5) / height  # of a unit of y: what is left beside title and ticks
    for side, direction in ((named[up[named]], 1), (named[~up[named]], -1)):
        side = side[np.argsort(-y[side], kind="stable")]
        for i, down in zip(side, lowered(y[side] * points, _LINE), strict=True):
            ax.annotate(
                panel.genes[i],
                (panel.change[i], y[i]),
                xytext=(direction * 4, 2 - down),
                textcoords="offset points",
                fontsize=6.5,
                ha="left" if direction > 0 else "right",
                arrowprops={"arrowstyle": "-", "lw": 0.3, "color": "#888888"} if down > 1 else None,
            )


def lowered(heights: np.ndarray, line: float) -> np.ndarray:
    """How far each name at heights (n,), highest first, moves down to lie `line` below the one above."""
    places = heights.astype(float)
    for i in range(1, len(places)):
        places[i] = min(places[i], places[i - 1] - line)
    return heights - places


def _minus_log(p: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(p, _LEAST_P))
