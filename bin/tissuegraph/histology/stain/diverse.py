"""MultiST's own scheme: bring a slide to the colours of its most informative and most different crops.

arXiv:2601.13331 and the released code: score every crop, keep the best 30 %, cluster these by colour and
texture, take the crop nearest each centre, match mean and spread of red, green and blue. With crops of
the same slide it evens out contrast and does not make slides alike; with a reference image it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tissuegraph.histology.stain.lab import rgb_to_lab
from tissuegraph.histology.stain.normaliser import Identity, Normaliser, stained_share
from tissuegraph.histology.stain.pixels import MIN_PIXELS, TissuePixels, pen_marks

_TISSUE_SUM = 600  # red + green + blue below this is tissue, on a slide as bright as the authors'
_BRIGHT = 3 * 245.0  # that brightness
_BEST = 0.30
_GROUPS = (5, 0.05)  # at least five, else 5 % of the crops
_MAX_CROPS = 400
_CROP = 48  # pixels of a crop cut from a picture, where no tiles are given
_SCALE = (1 / 3, 3.0)


@dataclass(frozen=True, eq=False)
class ChannelScaling(Normaliser):
    """An affine map of each channel: scale and offset (3,) float32; glass (sum glass_sum) stays as it is."""

    scale: np.ndarray
    offset: np.ndarray
    glass_sum: float

    def _convert(self, pixels: np.ndarray) -> np.ndarray:
        own = pixels.astype(np.float32)
        shift = own * (self.scale - 1) + self.offset
        moved = own + stained_share(pixels, self.glass_sum) * shift
        return np.clip(moved + 0.5, 0, 255).astype(np.uint8)


def diverse_transfer(slide: TissuePixels, crops: np.ndarray, glass: np.ndarray) -> Normaliser:
    """Match mean and standard deviation of the slide's tissue pixels to those of diverse crops.

    crops: (M, h, w, 3) uint8 of the same slide, or of a reference image; glass: (3,) their empty colour.
    """
    chosen = crops[diverse_crops(crops, glass)] if len(crops) else crops
    tissue = chosen[tissue_of(chosen, glass) & ~pen_marks(chosen)] if len(chosen) else chosen.reshape(-1, 3)
    if len(tissue) < MIN_PIXELS:
        reason = f"colours are left as they are: only {len(tissue)} tissue pixels in the reference crops"
        return Identity(warnings=(*slide.warnings, reason))
    own = slide.rgb.astype(np.float64)
    scale = np.clip(tissue.std(axis=0) / np.maximum(own.std(axis=0), 1.0), *_SCALE)
    offset = tissue.mean(axis=0) - own.mean(axis=0) * scale
    parts = (part.astype(np.float32) for part in (scale, offset))
    return ChannelScaling(*parts, float(slide.glass.sum()), warnings=slide.warnings)


def diverse_crops(crops: np.ndarray, glass: np.ndarray) -> np.ndarray:
    """Indices of good crops that differ from one another: at least one, at most max(5, 5 %)."""
    from sklearn.cluster import KMeans

    score = crop_scores(crops, glass)
    best = np.argsort(-score, kind="stable")[: max(int(np.ceil(_BEST * len(crops))), 1)]
    features = _colour_texture(crops[best])
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)
    groups = min(max(_GROUPS[0], round(_GROUPS[1] * len(crops))), len(np.unique(features, axis=0)))
    centres = KMeans(groups, n_init=4, random_state=0).fit(features).cluster_centers_
    distance = ((features[:, None] - centres) ** 2).sum(axis=2)  # (best, groups)
    return np.unique(best[distance.argmin(axis=0)])


def crop_scores(crops: np.ndarray, glass: np.ndarray) -> np.ndarray:
    """(M,) score of each crop: tissue, contrast, stain, edges and colour in fixed shares (released code)."""
    from scipy import ndimage
    from skimage.color import rgb2hsv

    grey = crops @ np.array([0.299, 0.587, 0.114])
    hue, saturation, _ = np.moveaxis(rgb2hsv(crops), -1, 0)
    hue, saturation = 180 * hue, 255 * saturation  # the scale of 8-bit OpenCV, in which the limits are given
    vivid = saturation > 50
    blue = vivid & (hue >= 100) & (hue <= 140)
    pink = vivid & ((hue >= 150) | (hue <= 20))
    stained = np.minimum((blue | pink).mean(axis=(1, 2)), 1.0)
    stain = 0.7 * stained + 0.3 * (1 - 2 * np.abs(saturation.mean(axis=(1, 2)) / 255 - 0.5))
    edges = np.hypot(*(_sobel(grey, axis, ndimage) for axis in (1, 2)))
    return (
        0.30 * tissue_of(crops, glass).mean(axis=(1, 2))
        + 0.20 * grey.std(axis=(1, 2)) / 255
        + 0.25 * stain
        + 0.15 * edges.mean(axis=(1, 2)) / 255
        + 0.10 * crops.std(axis=(1, 2)).mean(axis=1) / 255
    )


def tissue_of(crops: np.ndarray, glass: np.ndarray) -> np.ndarray:
    """(M, h, w) bool: darker than glass by the authors' rule, scaled to the brightness of this slide."""
    return crops.sum(axis=-1, dtype=np.int32) < _TISSUE_SUM * float(glass.sum()) / _BRIGHT


def cut_crops(picture: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """(M, 48, 48, 3) crops on a grid over a picture, those with most tissue first; smaller pictures whole."""
    side = min(_CROP, *picture.shape[:2])
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    trimmed = picture[: rows * side, : columns * side]
    crops = trimmed.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    if mask is not None:
        inside = mask[: rows * side, : columns * side].reshape(rows, side, columns, side).mean(axis=(1, 3))
        order = np.argsort(-inside.ravel(), kind="stable")
        crops = crops[order[inside.ravel()[order] > 0.5]]
    return crops[:_MAX_CROPS]


def some_crops(tiles: np.ndarray) -> np.ndarray:
    """At most 400 of the tiles (M, h, w, 3), evenly spread: scoring more changes nothing but the time."""
    return tiles[:: -(-len(tiles) // _MAX_CROPS)]


def _colour_texture(crops: np.ndarray) -> np.ndarray:
    """(M, 10): means and spreads of red, green, blue, means of L, a, b, spread of grey."""
    lab = rgb_to_lab(crops).mean(axis=(1, 2))
    grey = (crops @ np.array([0.299, 0.587, 0.114])).std(axis=(1, 2))
    return np.column_stack([crops.mean(axis=(1, 2)), crops.std(axis=(1, 2)), lab, grey])


def _sobel(grey: np.ndarray, axis: int, ndimage) -> np.ndarray:
    smooth = ndimage.correlate1d(grey, [1, 2, 1], axis=3 - axis)
    return ndimage.correlate1d(smooth, [-1, 0, 1], axis=axis)
