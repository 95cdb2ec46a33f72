"""Which part of a picture is tissue, judged at low resolution by how much light it takes."""

from __future__ import annotations

import numpy as np

from tissuegraph.io.registration import Registration

LEAST_DENSITY, MOST_DENSITY = 0.04, 0.15  # optical density above glass: bounds of the threshold
BLACK = 20  # brightest channel of what scanners and stitching leave black
_WHITE_PERCENTILE = 99.0
_DARKEST_GLASS = 150.0  # a picture without any glass keeps a white point no darker than this


def tissue_mask(picture: np.ndarray) -> np.ndarray:
    """Tissue of a small picture (H, W, 3) uint8, as bool (H, W).

    The strongest of the three channels' optical densities above that of the glass is cut by Otsu's
    threshold (IEEE Trans. SMC 9, 1979), kept within bounds: on a picture that is all tissue or all glass
    the threshold would fall inside the one class. Black fill is no tissue.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.filters import threshold_otsu

    smooth = gaussian_filter(picture.astype(np.float32), sigma=(1, 1, 0))
    filled = picture.max(axis=2) < BLACK
    seen = smooth[~filled]
    if not len(seen):
        return np.zeros(picture.shape[:2], dtype=bool)
    glass = np.maximum(np.percentile(seen, _WHITE_PERCENTILE, axis=0), _DARKEST_GLASS)
    density = np.log10(glass / np.maximum(smooth, 1.0)).max(axis=2)
    values = np.clip(density[~filled], 0, 1)
    cut = threshold_otsu(values) if np.ptp(values) > 0 else MOST_DENSITY
    return (density > np.clip(cut, LEAST_DENSITY, MOST_DENSITY)) & ~filled


def background_share(mask: np.ndarray, xy: np.ndarray, side: float, to_mask: Registration) -> np.ndarray:
    """Share of each tile that is no tissue, float32 (N,) in [0, 1]; beyond the picture there is none.

    mask: bool (H, W); xy: (N, 2) and side: centres and side of the tiles in full-resolution pixels.
    """
    total = np.pad(mask.astype(np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    centre, half = to_mask.apply(xy), side * to_mask.scale / 2
    left, top = (centre - half).T
    right, bottom = (centre + half).T
    tissue = (
        _at(total, right, bottom) - _at(total, left, bottom) - _at(total, right, top) + _at(total, left, top)
    )
    return np.clip(1 - tissue / (2 * half) ** 2, 0, 1).astype(np.float32)


def _at(total: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The integral image between its corners: linear there, since the mask is constant in each pixel."""
    from scipy.ndimage import map_coordinates

    height, width = total.shape
    where = np.stack([np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)])
    return map_coordinates(total, where, order=1)
