"""Genes over domains: dots and a heat map of the markers, and maps of genes on the tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from tissuegraph.figures.domains import colour_bar, panel_grid, panel_head
from tissuegraph.figures.palette import SEQUENTIAL
from tissuegraph.figures.save import STYLE
from tissuegraph.figures.tissue import Tissue, draw_scale_bar, draw_values

_CELL = 0.24  # inches, of a gene and of a domain
_LARGEST = 130.0  # square points, of the dot of a gene that all spots have
_LONGEST = 24  # letters of a name


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """Means of M genes in K domains. genes: (M,) as they are called; owner: (M,) domain that a gene marks;
    mean: (K, M) log-normalised; share: (K, M) of spots that have any; names, colours: (K,) of domains.
    """

    genes: Sequence[str]
    owner: np.ndarray
    mean: np.ndarray
    share: np.ndarray
    names: Sequence[str]
    colours: Sequence[str]

    @property
    def scaled(self) -> np.ndarray:
        """(K, M) means of each gene from 0 in its lowest domain to 1 in its highest."""
        low, high = self.mean.min(axis=0), self.mean.max(axis=0)
        return (self.mean - low) / np.where(high > low, high - low, 1.0)


@dataclass(frozen=True, eq=False)
class GeneMap:
    """One gene on N spots: values (N,) log-normalised; note: a short line under its name."""

    gene: str
    values: np.ndarray
    note: str = ""


def dot_figure(panel: Panel, title: str = "") -> Figure:
    """Genes as rows, domains as columns: the size of a dot is the share of spots, its colour the mean."""
    with matplotlib.rc_context(STYLE):
        figure, ax, beside = _axes(panel, title, room=1.7)
        n_domains, n_genes = panel.mean.shape
        x, y = np.meshgrid(np.arange(n_domains), np.arange(n_genes), indexing="ij")
        cmap, norm = matplotlib.colormaps[SEQUENTIAL], Normalize(0, 1)
        ax.scatter(
            x.ravel(),
            y.ravel(),
            s=_LARGEST * panel.share.ravel(),
            c=panel.scaled.ravel(),
            cmap=cmap,
            norm=norm,
            edgecolors="#555555",
            linewidths=0.3,
        )
        sizes = [
            Line2D([], [], marker="o", ls="", color="#888888", markersize=np.sqrt(_LARGEST * share))
            for share in (0.25, 0.5, 1.0)
        ]
        beside.legend(
            sizes, ["25 %", "50 %", "100 %"], title="Share of spots", loc="upper left", frameon=False,
            bbox_to_anchor=(0.0, 1.0), labelspacing=1.0, fontsize=8, title_fontsize=8, borderpad=0.1,
        )  # fmt: skip
        _scale(figure, beside, norm, cmap, below=1.25)
    return figure


def heat_figure(panel: Panel, title: str = "") -> Figure:
    """Genes as rows, domains as columns: the colour is the mean, scaled per gene."""
    with matplotlib.rc_context(STYLE):
        figure, ax, beside = _axes(panel, title, room=1.7)
        cmap, norm = matplotlib.colormaps[SEQUENTIAL], Normalize(0, 1)
        ax.imshow(panel.scaled.T, aspect="auto", cmap=cmap, norm=norm, interpolation="nearest")
        _scale(figure, beside, norm, cmap, below=0.2)
    return figure


def gene_figure(tissue: Tissue, maps: Sequence[GeneMap], title: str = "") -> Figure:
    """A panel per gene, each with a colour range of its own: from its 1st to its 99th percentile."""
    with matplotlib.rc_context(STYLE):
        figure, axes = panel_grid(len(maps), tissue.aspect, title)
        for ax, one in zip(axes, maps, strict=True):
            low, high = np.nanpercentile(one.values, [1, 99])
            if high <= low:  # fewer spots than that have it
                high = max(float(np.nanmax(one.values)), low + 1e-3)
            norm, cmap = Normalize(low, high, clip=True), matplotlib.colormaps[SEQUENTIAL]
            draw_values(ax, tissue, one.values.astype(float), norm, cmap)
            panel_head(ax, one.gene, one.note)
            colour_bar(figure, ax, norm, cmap)
        draw_scale_bar(axes[0], tissue)
    return figure


def _axes(panel: Panel, title: str, room: float):
    """Figure, axes of genes x domains with names at their sides, and axes for what explains them."""
    n_domains, n_genes = panel.mean.shape
    names = [_short(str(name)) for name in panel.names]
    left = 0.35 + 0.072 * max(len(_short(gene)) for gene in panel.genes)
    longest = max(map(len, names))
    upright = longest > 3
    below = 0.25 + (0.072 * longest if upright else 0.15)
    top = 0.35 if title else 0.1
    wide, high = n_domains * _CELL, n_genes * _CELL
    width, height = left + wide + 0.15 + room, top + max(high, 2.4) + below
    # Eighths of an inch are whole pixels at 200 dpi
    width, height = np.ceil(width * 8) / 8, np.ceil(height * 8) / 8
    figure = Figure(figsize=(width, height))
    ax = figure.add_axes((left / width, (height - top - high) / height, wide / width, high / height))
    ax.set(xlim=(-0.5, n_domains - 0.5), ylim=(n_genes - 0.5, -0.5))
    ax.set_xticks(range(n_domains), names, rotation=90 if upright else 0, fontsize=8)
    ax.set_yticks(range(n_genes), [_short(gene) for gene in panel.genes], fontsize=8)
    ax.tick_params(length=0, pad=8)
    ax.tick_params(axis="y", pad=10)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    strip = 0.07 / _CELL  # beside genes and under domains: whose they are
    for place, owner in enumerate(panel.owner):
        box = Rectangle((-0.5 - 1.6 * strip, place - 0.5), strip, 1, color=panel.colours[owner], lw=0)
        ax.add_patch(box).set_clip_on(False)
    for place, colour in enumerate(panel.colours):
        box = Rectangle((place - 0.5, n_genes - 0.5 + 0.6 * strip), 1, strip, color=colour, lw=0)
        ax.add_patch(box).set_clip_on(False)
    if title:
        figure.text(0.1 / width, 1 - 0.08 / height, title, fontsize=10, fontweight="bold", va="top")
    x = (left + wide + 0.15) / width
    beside = figure.add_axes((x, (height - top - 2.2) / height, room / width, 2.2 / height))
    beside.set_axis_off()
    return figure, ax, beside


def _scale(figure: Figure, beside, norm, cmap, below: float) -> None:
    """A short colour bar so many inches below the top of the axes beside the picture."""
    box, width, height = beside.get_position(), figure.get_figwidth(), figure.get_figheight()
    y = box.y1 - (below + 0.3) / height
    bar = figure.colorbar(
        matplotlib.cm.ScalarMappable(norm=norm, cmap=cmap),
        cax=figure.add_axes((box.x0 + 0.1 / width, y, 1.1 / width, 0.1 / height)),
        orientation="horizontal",
    )
    bar.outline.set_visible(False)
    bar.set_ticks([0, 1], labels=["lowest", "highest"])
    bar.ax.tick_params(labelsize=7, length=2)
    figure.text(box.x0 + 0.1 / width, y + 0.15 / height, "Mean, per gene", fontsize=8)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
