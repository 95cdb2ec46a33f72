"""Draw one value per spot on the tissue: the panel that every spatial figure is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba_array
from matplotlib.patheffects import withStroke
from matplotlib.transforms import AffineDeltaTransform
from PIL import Image

from tissuegraph.figures.geometry import SpotShape, label_positions, scale_bar, spot_shape
from tissuegraph.figures.palette import UNLABELLED, domain_colour, text_colour

_POLYGON_LIMIT = 40_000  # more than this are painted into an array: matplotlib takes seconds per panel
_RASTER_SIDE = 900  # pixels along the longer side of such an array
_IMAGE_SIDE = 900  # pixels along the longer side of the histology
_BEHIND_SIDE = 300  # likewise where spots cover most of it
_DIM = 0.55  # share of white over the histology behind coloured spots


@dataclass(frozen=True)
class Tissue:
    """Where the spots lie and what is behind them.

    position: (N, 2) full-resolution pixels; image: (H, W, 3) uint8 or None; image_scale: image pixels
    per full-resolution pixel; um_per_px: micrometres per full-resolution pixel, None when unknown.
    """

    position: np.ndarray
    image: np.ndarray | None = None
    image_scale: float = 1.0
    um_per_px: float | None = None

    @cached_property
    def shape(self) -> SpotShape:
        return spot_shape(self.position)

    @cached_property
    def limits(self) -> tuple[float, float, float, float]:
        """left, right, top, bottom in full-resolution pixels, with a margin of about one spot."""
        low, high = self.position.min(axis=0), self.position.max(axis=0)
        margin = max(self.shape.width, 0.015 * float((high - low).max()))
        return low[0] - margin, high[0] + margin, low[1] - margin, high[1] + margin

    @property
    def aspect(self) -> float:
        """Height over width of the drawn area."""
        left, right, top, bottom = self.limits
        return (bottom - top) / (right - left)


def draw_labels(ax: Axes, tissue: Tissue, numbers: np.ndarray, *, marked: bool = True) -> None:
    """Colour each spot by its number: (N,) int, counted from 1, 0 = unlabelled.

    `marked` prints each number inside its region, so that the picture does not rest on colour alone.
    """
    largest = int(numbers.max(initial=0))
    table = to_rgba_array([UNLABELLED] + [domain_colour(k) for k in range(1, largest + 1)])
    draw_spots(ax, tissue, table[numbers])
    if marked:
        _print_numbers(ax, tissue, numbers, largest)


def draw_values(ax: Axes, tissue: Tissue, values: np.ndarray, norm, cmap) -> None:
    """Colour each spot by a value: (N,) float, NaN drawn as unlabelled; norm and cmap of matplotlib."""
    rgba = cmap(norm(np.ma.masked_invalid(values)))
    rgba[~np.isfinite(values)] = to_rgba_array(UNLABELLED)[0]
    draw_spots(ax, tissue, rgba)


def draw_spots(ax: Axes, tissue: Tissue, rgba: np.ndarray) -> None:
    """Fill the panel with spots of the given colours: (N, 4) in [0, 1].

    Spots and the histology behind them are one picture in an SVG: histology that nobody sees would be in it
    once per panel.
    """
    draw_image(ax, tissue, dim=_DIM)
    if len(rgba) > _POLYGON_LIMIT:
        left, right, top, bottom = tissue.limits
        painted = paint(tissue, rgba)
        extent = (left, right, bottom, top)
        ax.imshow(painted, extent=extent, interpolation="nearest", zorder=2, rasterized=True)
    else:
        # A hair wider than the lattice's cell: anti-aliasing would leave pale seams between neighbours.
        spots = PolyCollection(
            [tissue.shape.outline * 1.04],
            offsets=tissue.position,
            offset_transform=ax.transData,
            transform=AffineDeltaTransform(ax.transData),
            facecolors=rgba,
            edgecolors="none",
            zorder=2,
            rasterized=True,  # a thousand shapes per panel make an SVG that no program likes to open
        )
        ax.add_collection(spots)
    frame(ax, tissue)


def draw_image(ax: Axes, tissue: Tissue, *, dim: float = 0.0) -> None:
    """The histology behind the spots, cropped to them; `dim` is the share of white mixed in."""
    if tissue.image is None:
        return
    left, right, top, bottom = (edge * tissue.image_scale for edge in tissue.limits)
    height, width = tissue.image.shape[:2]
    x0, x1 = max(int(left), 0), min(int(np.ceil(right)), width)
    y0, y1 = max(int(top), 0), min(int(np.ceil(bottom)), height)
    if x0 >= x1 or y0 >= y1:
        return
    crop = Image.fromarray(np.ascontiguousarray(tissue.image[y0:y1, x0:x1, :3]))
    crop = crop.reduce(max(1, max(crop.size) // (_BEHIND_SIDE if dim else _IMAGE_SIDE)))
    crop = (np.asarray(crop, dtype=np.float32) * (1 - dim) + 255 * dim).astype(np.uint8)
    extent = np.array([x0, x1, y1, y0]) / tissue.image_scale
    ax.imshow(crop, extent=tuple(extent), interpolation="bilinear", zorder=1, rasterized=dim > 0)


def frame(ax: Axes, tissue: Tissue) -> None:
    """Equal aspect, y downwards as in the image, no axes, a scale bar where the scale is known."""
    left, right, top, bottom = tissue.limits
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.set_axis_off()


def draw_scale_bar(ax: Axes, tissue: Tissue) -> None:
    """A bar below the lower left corner of the panel; nothing where micrometres are unknown."""
    if not tissue.um_per_px:
        return
    left, right, _, _ = tissue.limits
    length, label = scale_bar(right - left, tissue.um_per_px)
    share = length / (right - left)
    line = {"transform": ax.transAxes, "color": "#333333", "clip_on": False}
    ax.plot([0.02, 0.02 + share], [-0.02, -0.02], lw=2.5, solid_capstyle="butt", **line)
    ax.text(0.02 + share / 2, -0.035, label, transform=ax.transAxes, ha="center", va="top", fontsize=8)


def paint(tissue: Tissue, rgba: np.ndarray) -> np.ndarray:
    """Spots as pixels of an image over `tissue.limits`: (H, W, 4); later spots cover earlier ones.

    Linear in spots; a spot becomes a square about as wide as its share of the tissue.
    """
    left, right, top, bottom = tissue.limits
    per_px = max(right - left, bottom - top) / _RASTER_SIDE
    width, height = int(np.ceil((right - left) / per_px)), int(np.ceil((bottom - top) / per_px))
    column = ((tissue.position[:, 0] - left) / per_px).astype(np.intp)
    row = ((tissue.position[:, 1] - top) / per_px).astype(np.intp)
    picture = np.zeros((height, width, 4), dtype=np.float32)
    reach = max(int(np.ceil(tissue.shape.width / per_px)), 1)
    steps = np.arange(reach) - (reach - 1) // 2
    for dy in steps:
        for dx in steps:
            y, x = np.clip(row + dy, 0, height - 1), np.clip(column + dx, 0, width - 1)
            picture[y, x] = rgba
    return picture


def _print_numbers(ax: Axes, tissue: Tissue, numbers: np.ndarray, largest: int) -> None:
    where = label_positions(tissue.position, numbers - 1, largest)
    for number, (x, y) in enumerate(where, start=1):
        if np.isfinite(x):
            colour = text_colour(domain_colour(number))
            halo = [withStroke(linewidth=1.6, foreground=domain_colour(number))]
            ax.text(
                x, y, str(number), color=colour, fontsize=8, fontweight="bold",
                ha="center", va="center", zorder=4, path_effects=halo,
            )  # fmt: skip
