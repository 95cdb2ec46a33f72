"""Pseudotime on the tissue, beside the graph of the domains that it runs through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tissuegraph.figures.domains import colour_bar, panel_grid, panel_head
from tissuegraph.figures.palette import SEQUENTIAL
from tissuegraph.figures.save import STYLE
from tissuegraph.figures.tissue import Tissue, draw_scale_bar, draw_values

LEAST_DRAWN = 0.05  # connectivity below which an edge is left out
_LONGEST_NAME = 16


def trajectory_figure(
    tissue: Tissue,
    pseudotime: np.ndarray,
    root: int,
    names: Sequence[str],
    colours: Mapping[str, str],
    medians: np.ndarray,
    sizes: np.ndarray,
    connectivities: np.ndarray,
    note: str = "",
) -> Figure:
    """pseudotime (N,), NaN drawn grey; root: its spot; medians (K,) of the K domains, NaN for one that is not
    reached, which stands at the right; sizes (K,) spots; connectivities (K, K); note: stability, in words.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = panel_grid(2, tissue.aspect)
        norm, cmap = Normalize(0, 1), matplotlib.colormaps[SEQUENTIAL]
        draw_values(axes[0], tissue, pseudotime.astype(float), norm, cmap)
        axes[0].plot(*tissue.position[root], marker="*", ms=12, mfc="#D55E00", mec="white", mew=1, zorder=5)
        panel_head(axes[0], "Pseudotime", f"from the star; {note}" if note else "from the star")
        colour_bar(figure, axes[0], norm, cmap)
        draw_scale_bar(axes[0], tissue)
        _graph(axes[1], names, colours, medians, sizes, connectivities)
        panel_head(axes[1], "Domains along pseudotime", "lines: connectivity of PAGA")
    return figure


def _graph(
    ax,
    names: Sequence[str],
    colours: Mapping[str, str],
    medians: np.ndarray,
    sizes: np.ndarray,
    connectivities: np.ndarray,
) -> None:
    x, y = np.where(np.isfinite(medians), medians, 1.1), _heights(medians)
    for one, other in zip(*np.nonzero(np.triu(connectivities, 1) >= LEAST_DRAWN), strict=True):
        width = 0.6 + 4 * connectivities[one, other]
        ax.plot(x[[one, other]], y[[one, other]], color="#777777", lw=width, zorder=1, solid_capstyle="round")
    area = 60 + 540 * np.sqrt(sizes / max(sizes.max(), 1))
    ax.scatter(x, y, s=area, c=[colours[name] for name in names], edgecolors="white", lw=1.2, zorder=2)
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for name, *place in zip(names, x, y, strict=True):
        text = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        ax.annotate(text, place, ha="center", va="center", fontsize=8, fontweight="bold", zorder=3,
                    path_effects=halo)  # fmt: skip
    ax.set(xlim=(-0.1, 1.2 if np.isnan(medians).any() else 1.1), ylim=(-0.25, 1.25), yticks=[])
    ax.set_xticks([0, 0.5, 1])
    ax.tick_params(labelsize=7, length=2)
    ax.spines["left"].set_visible(False)
    ax.annotate("median pseudotime", (0.5, 0), (0, -18), xycoords="axes fraction", fontsize=8, ha="center",
                textcoords="offset points", annotation_clip=False)  # fmt: skip


def _heights(medians: np.ndarray) -> np.ndarray:
    """(K,) in 0 to 1: domains that follow each other stand at different heights, to tell lines apart."""
    steps = np.array([0.5, 1.0, 0.0, 0.75, 0.25])
    heights = np.empty(len(medians))
    heights[np.argsort(medians, kind="stable")] = steps[np.arange(len(medians)) % len(steps)]
    return heights
