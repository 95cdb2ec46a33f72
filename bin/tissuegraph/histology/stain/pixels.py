"""The pixels that a fit may look at: stained tissue, neither glass nor ink, and the light behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

MIN_PIXELS = 300  # percentiles of fewer tissue pixels are set by dust and edges
MAX_PIXELS = 40_000  # a random sample of so many gives every percentile to about 0.1 %
MIN_DENSITY = 0.12  # mean optical density over the channels: below it is glass or empty lumen
_NO_GLASS = 120.0  # a darker "glass" is not light that passed through a slide
_PEN_NOTED = 0.01  # share of the tissue under pen marks that is worth a warning


@dataclass(frozen=True, eq=False)
class TissuePixels:
    """Colours of stained tissue.

    rgb: (P, 3) uint8 tissue pixels; glass: (3,) float, the slide's colour where nothing is;
    pen: share 0..1 of the tissue that pen marks cover; flaw: why nothing can be fitted, empty if it can.
    """

    rgb: np.ndarray
    glass: np.ndarray
    pen: float = 0.0
    flaw: str = ""

    @cached_property
    def density(self) -> np.ndarray:
        """(P, 3) optical density, natural logarithm, against the slide's own glass; not below 0."""
        return np.maximum(optical_density(self.rgb, self.glass), 0.0)

    @property
    def warnings(self) -> tuple[str, ...]:
        if self.pen < _PEN_NOTED:
            return ()
        return (f"pen marks cover {self.pen:.0%} of the tissue and were left out of the stain estimate",)


def tissue_pixels(
    overview: np.ndarray, mask: np.ndarray | None = None, tiles: np.ndarray | None = None
) -> TissuePixels:
    """Tissue pixels of a slide, from its tiles where these hold enough of them, else from its overview.

    overview: (H, W, 3) uint8; mask: (H, W) bool tissue, None = decided by optical density alone;
    tiles: (M, h, w, 3) uint8 or None. The same input gives the same sample.
    """
    mask = np.ones(overview.shape[:2], dtype=bool) if mask is None else mask
    glass = glass_colour(overview, mask)
    pen = pen_marks(overview)
    stained = mask & (optical_density(overview, glass).mean(axis=-1) > MIN_DENSITY)
    share = float((pen & stained).sum() / max(stained.sum(), 1))
    rgb = overview[stained & ~pen]
    if tiles is not None and len(tiles):
        dense = optical_density(tiles, glass).mean(axis=-1) > MIN_DENSITY
        from_tiles = tiles[dense & ~pen_marks(tiles)]
        rgb = from_tiles if len(from_tiles) >= MIN_PIXELS else rgb
    return TissuePixels(_sample(rgb), glass, share, _flaw(rgb, share))


def optical_density(rgb: np.ndarray, glass: np.ndarray) -> np.ndarray:
    """-ln(colour / glass), (..., 3) float32; 0 counts as 1, so that black stays finite."""
    table = np.log(np.maximum(np.arange(256), 1)).astype(np.float32)
    return np.log(glass).astype(np.float32) - table[rgb]


def glass_colour(overview: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(3,) float colour of the slide where nothing is; scanners differ, and some pictures are dim or tinted.

    The median outside the tissue, without padding and dirt; where the tissue fills the picture, its
    brightest per cent.
    """
    outside = overview[~mask]
    outside = outside[outside.min(axis=1) >= _NO_GLASS]
    if len(outside) >= 50:
        return np.median(outside, axis=0).astype(np.float64)
    brightest = np.percentile(overview.reshape(-1, 3), 99, axis=0) if overview.size else np.zeros(3)
    return np.maximum(brightest, _NO_GLASS)


def pen_marks(images: np.ndarray) -> np.ndarray:
    """(..., H, W) bool: blue, green and black ink in (..., H, W, 3) uint8, with its soft edge.

    Of haematoxylin and eosin, in any mixture, green light is absorbed about as much as red or more, and
    blue light passes. Ink that absorbs red far more than green is blue or green; ink that stops all three
    alike is black.
    """
    red, green, blue = np.moveaxis(optical_density(images, np.full(3, 250.0)), -1, 0)
    coloured = (red > 0.5) & (red > 1.3 * np.maximum(green, 0.0))
    black = (np.minimum(red, green) > 1.2) & (blue > 0.8 * np.maximum(red, green)) & (blue > 1.2)
    plane = np.ones((1,) * (red.ndim - 2) + (3, 3), dtype=bool)
    # Opened first: single dark pixels of compressed tissue are not ink.
    return ndimage.binary_dilation(ndimage.binary_opening(coloured | black, plane), plane, iterations=3)


def _sample(rgb: np.ndarray) -> np.ndarray:
    if len(rgb) <= MAX_PIXELS:
        return rgb
    return rgb[np.random.default_rng(0).choice(len(rgb), MAX_PIXELS, replace=False)]


def _flaw(rgb: np.ndarray, pen: float) -> str:
    if len(rgb) < MIN_PIXELS:
        why = f", pen marks cover {pen:.0%} of the tissue" if pen >= _PEN_NOTED else ""
        return f"only {len(rgb)} pixels of stained tissue, at least {MIN_PIXELS} are needed{why}"
    if rgb.std(axis=0).max() < 1.0:
        return "the tissue has one colour throughout"
    return ""
