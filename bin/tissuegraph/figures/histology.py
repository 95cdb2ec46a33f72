"""What the encoder was given: tiles on the tissue, and the slide before and after stain normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tissuegraph.figures.domains import colour_bar, panel_grid, panel_head
from tissuegraph.figures.save import STYLE
from tissuegraph.figures.tissue import Tissue, draw_image, draw_scale_bar, draw_values, frame
from tissuegraph.histology.features import ImageFeatures

_BACKGROUND = "cividis"
_OUTLINE, _CHOSEN = "#FFFFFF", "#D55E00"
_MAX_OUTLINES = 3_000  # more squares than this are a veil over the tissue
_EXAMPLES = 9
_PAIRS = 6
_GAP = 0.06  # of a tile's side, between tiles
_LABEL = 0.24  # of a tile's side, below a tile for its caption


def tiles_figure(
    image: ImageFeatures, position: np.ndarray, side: float, um_per_px: float | None = None
) -> Figure:
    """Three panels: tile outlines on the tissue, share of background per tile, a few tiles by number.

    position: (N, 2) and side of a tile, in full-resolution pixels; um_per_px: micrometres per
    full-resolution pixel, None when unknown.
    """
    tissue = _on_overview(image, image.overview_before, position, um_per_px)
    chosen = evenly_spread(len(image.shown), _EXAMPLES)
    with matplotlib.rc_context(STYLE):
        figure, axes = panel_grid(2 + bool(len(chosen)), tissue.aspect)
        draw_image(axes[0], tissue)
        _outline(axes[0], tissue.position, image.shown[chosen], side * image.overview_scale)
        frame(axes[0], tissue)
        draw_scale_bar(axes[0], tissue)
        panel_head(axes[0], "Tiles", f"{image.n_spots:,} tiles of {image.tile_um:g} µm")

        norm, cmap = Normalize(0, 1), matplotlib.colormaps[_BACKGROUND]
        draw_values(axes[1], tissue, image.background.astype(float), norm, cmap)
        panel_head(axes[1], "Background share", f"mean {image.background.mean():.2f}")
        colour_bar(figure, axes[1], norm, cmap)

        if len(chosen):
            shares = image.background[image.shown[chosen]]
            captions = [f"{k} · {share:.0%} empty" for k, share in enumerate(shares, start=1)]
            _montage(axes[2], image.tiles_before[chosen], captions)
            panel_head(axes[2], "Examples", f"{image.tile_px:,.0f} pixels of the image wide")
    return figure


def stain_figure(
    image: ImageFeatures, position: np.ndarray, method: str, um_per_px: float | None = None
) -> Figure:
    """The tissue before and after stain normalisation, and example tiles in pairs.

    position: (N, 2) full-resolution pixels; method: name of the normalisation, for the title.
    """
    before = _on_overview(image, image.overview_before, position, um_per_px)
    after = _on_overview(image, image.overview_after, position, um_per_px)
    chosen = evenly_spread(len(image.shown), _PAIRS)
    with matplotlib.rc_context(STYLE):
        figure, axes = panel_grid(2 + bool(len(chosen)), before.aspect)
        for ax, tissue, title, note in (
            (axes[0], before, "Before", "as scanned"),
            (axes[1], after, "After", f"stain normalisation: {method}"),
        ):
            draw_image(ax, tissue)
            frame(ax, tissue)
            panel_head(ax, title, note)
        draw_scale_bar(axes[0], before)
        if len(chosen):
            _montage(axes[2], _side_by_side(image.tiles_before[chosen], image.tiles_after[chosen]))
            panel_head(axes[2], "Examples", "each tile before and after")
    return figure


def _on_overview(
    image: ImageFeatures, overview: np.ndarray, position: np.ndarray, um_per_px: float | None
) -> Tissue:
    """Spots in pixels of the overview, which is drawn as it is, turned or mirrored as the slide may be."""
    scale = um_per_px / image.overview_scale if um_per_px else None
    return Tissue(image.on_overview(position), overview, 1.0, scale)


def _outline(ax: Axes, position: np.ndarray, chosen: np.ndarray, side: float) -> None:
    """Squares around the spots; the chosen ones stand out and carry their number, counted from 1."""
    half = side / 2
    square = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    if len(position) <= _MAX_OUTLINES:
        every = PolyCollection(
            position[:, None] + square, facecolors="none", edgecolors=_OUTLINE, linewidths=0.5, alpha=0.8,
            zorder=2, rasterized=True,
        )  # fmt: skip
        ax.add_collection(every)
    marked = PolyCollection(
        position[chosen][:, None] + square, facecolors="none", edgecolors=_CHOSEN, linewidths=1.4, zorder=3
    )
    ax.add_collection(marked)
    halo = [withStroke(linewidth=1.8, foreground="white")]
    for number, (x, y) in enumerate(position[chosen], start=1):
        ax.text(
            x, y - half, str(number), color=_CHOSEN, fontsize=8, fontweight="bold", ha="center", va="bottom",
            zorder=4, path_effects=halo,
        )  # fmt: skip


def _montage(ax: Axes, tiles: np.ndarray, captions: Sequence[str] = ()) -> None:
    """Tiles (M, h, w, 3) on a grid that fills the panel as far as their shape allows, captions below."""
    box, figure = ax.get_position(), ax.figure
    width, height = box.width * figure.get_figwidth(), box.height * figure.get_figheight()  # inches
    wide, high = tiles.shape[2] / tiles.shape[1], 1 + (_LABEL if captions else _GAP)
    columns, cell = roomiest_grid(len(tiles), width, height, wide + _GAP, high)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = column * (wide + _GAP), row * high
        ax.imshow(tile, extent=(left, left + wide, top + 1, top), interpolation="bilinear")
        if captions:
            ax.text(left, top + 1.03, captions[index], fontsize=6, color="#333333", ha="left", va="top")
    ax.set(xlim=(0, width / cell), ylim=(height / cell, 0), aspect="equal")
    ax.set_axis_off()


def roomiest_grid(n_tiles: int, width: float, height: float, wide: float, high: float) -> tuple[int, float]:
    """Columns of the grid whose cells (wide x high units) are largest within width x height, and the unit."""
    units = {
        columns: min(width / (columns * wide), height / (-(-n_tiles // columns) * high))
        for columns in range(1, n_tiles + 1)
    }
    columns = max(units, key=units.__getitem__)
    return columns, units[columns]


def _side_by_side(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Pairs (M, h, w + 1 + w, 3) with a white line between."""
    line = np.full((*before.shape[:2], 1, 3), 255, dtype=np.uint8)
    return np.concatenate([before, line, after], axis=2)


def evenly_spread(available: int, wanted: int) -> np.ndarray:
    """At most `wanted` of range(available), evenly spread."""
    return np.unique(np.linspace(0, available - 1, min(available, wanted)).round().astype(int))
