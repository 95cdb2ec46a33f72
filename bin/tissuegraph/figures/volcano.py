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
    width = max(np.nanmax(np.abs(panel.change), initial=0.5) for panel in panels) * 1.1
    height = max(np.nanmax(_minus_log(panel.p), initial=1.0) for panel in panels) * 1.12
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows + 0.6), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        for ax, panel in zip(axes, panels, strict=False):
            _draw(ax, panel)
            ax.set_xlim(-width, width)
            ax.set_ylim(0, height)
            ax.tick_params(labelbottom=True)  # also above an empty place
        figure.supxlabel("log2 fold change", fontsize=9)
        figure.supylabel("-log10 p", fontsize=9)
        figure.suptitle(f"{title} (coloured: adjusted p at most {rate:g})", x=0.01, ha="left", fontsize=10)
    return figure


def _draw(ax, panel: Volcano) -> None:
    up = panel.change > 0
    for part, colour, size in (
        (~panel.found, _REST, 6),
        (panel.found & up, _UP, 14),
        (panel.found & ~up, _DOWN, 14),
    ):
        ax.scatter(
            panel.change[part], _minus_log(panel.p[part]), s=size, c=colour, linewidths=0, rasterized=True
        )
    ax.axvline(0, color="#888888", lw=0.6)
    for i in np.flatnonzero(panel.found)[:_NAMED]:
        ax.annotate(
            panel.genes[i],
            (panel.change[i], _minus_log(panel.p[i])),
            xytext=(3, 2),
            textcoords="offset points",
            fontsize=6.5,
        )
    ax.set_title(panel.title, loc="left", fontsize=8.5)


def _minus_log(p: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(p, _LEAST_P))
