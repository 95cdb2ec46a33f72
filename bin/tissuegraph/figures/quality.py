"""Counts, genes and mitochondrial share of every spot on the tissue, dropped spots included."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from tissuegraph.figures.domains import colour_bar, panel_grid, panel_head
from tissuegraph.figures.palette import SEQUENTIAL
from tissuegraph.figures.save import STYLE
from tissuegraph.figures.tissue import Tissue, draw_labels, draw_scale_bar, draw_values


def quality_figure(
    tissue: Tissue,
    counts: np.ndarray,
    genes: np.ndarray,
    mito: np.ndarray,
    keep: np.ndarray,
    unit: str = "counts",
) -> Figure:
    """Four maps over all N spots of the slice: counts, genes, mitochondrial per cent, dropped spots.

    counts, genes, mito: (N,) float, mito all NaN where the slice has no mitochondrial genes (its map is
    then left out); keep: (N,) bool; unit: what one count is, such as UMIs or transcripts.
    """
    maps = [(f"{unit[:1].upper()}{unit[1:]} per spot", counts, True), ("Genes per spot", genes, True)]
    if np.isfinite(mito).any():
        maps.append((f"Mitochondrial {unit} (%)", mito, False))
    dropped = int((~keep).sum())
    with matplotlib.rc_context(STYLE):
        figure, axes = panel_grid(len(maps) + bool(dropped), tissue.aspect)
        for ax, (title, values, logarithmic) in zip(axes, maps, strict=False):
            norm, cmap = _norm(values, logarithmic), matplotlib.colormaps[SEQUENTIAL]
            draw_values(ax, tissue, values.astype(float), norm, cmap)
            panel_head(ax, title, f"median {np.nanmedian(values):,.4g}")
            colour_bar(figure, ax, norm, cmap)
        if dropped:
            # Number 7 is vermilion: the dropped spots stand out against the grey of the kept ones.
            draw_labels(axes[-1], tissue, np.where(keep, 0, 7), marked=False)
            panel_head(axes[-1], "Dropped spots", f"{dropped:,} of {len(keep):,}")
        draw_scale_bar(axes[0], tissue)
    return figure


def _norm(values: np.ndarray, logarithmic: bool):
    """Colour range from the 1st to the 99th percentile: one bright spot must not darken the rest."""
    low, high = np.nanpercentile(values, [1, 99])
    if logarithmic:
        low = max(low, 1.0)
        return LogNorm(low, max(high, 1.5 * low), clip=True)
    return Normalize(max(low, 0.0), max(high, low + 1e-3), clip=True)
