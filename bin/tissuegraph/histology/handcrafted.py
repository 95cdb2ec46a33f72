"""Colour, stain, texture and nuclear statistics of tiles: features that need no weights and no GPU.

Every statistic is symmetric under quarter turns and mirroring, as tissue has no upright position, and is
computed tile by tile, so that no tile's features depend on what else is in its batch.

| names | what | unaffected by |
|---|---|---|
| red_ .. blue_, l_, a_, b_ | mean, sd, 10th, 50th, 90th percentile, 8-bit and CIELAB | |
| haematoxylin_, eosin_ | optical density: mean, sd, skewness, 95th percentile | sd, skewness: exposure |
| stain_correlation | of both stains over pixels | exposure |
| share_ | glass, nuclei, dark nuclei, strong eosin | |
| entropy | of lightness | |
| <plane>_gradient_, _lines, _dots | edges; stationary Haar details, 1, 2, 4 px | added brightness |
| grey_coherence | do edges share a direction (fibres), 0 to 1 | brightness and contrast |
| <plane>_lag | correlation of pixels 1, 2, 4, 8 apart | brightness and contrast |
| grey_lbp | rotation-invariant uniform local binary patterns at 1 and 2 px | any monotone change of grey |
| nuclei_ | peaks of haematoxylin per 1,000 pixels, outline, contrast | |

Local binary patterns: Ojala et al. (2002), IEEE TPAMI 24. Stain directions: see stain.reference.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.histology.stain.lab import rgb_to_lab
from tissuegraph.histology.stain.reference import EOSIN, HAEMATOXYLIN

MIN_SIDE = 16  # pixels; two halvings leave 4, the least that has a neighbourhood
_PIXELS = 1 << 17  # pixels worked on at a time: about what a processor's cache holds
_LEVELS = 3
_QUANTILES = (0.1, 0.5, 0.9)
_GLASS = 244.0
_NUCLEUS, _DARK, _EOSIN, _EMPTY = 0.45, 0.8, 0.5, 0.1  # optical density, natural logarithm
_DENSITY_STEP, _DENSITY_LOW = 0.01, -0.25  # optical densities in 256 bins, -0.25 to 2.3
_PEAK = 0.01  # how far a peak rises above its neighbours' mean: flat areas have none
_BLURS = (1.0, 2.5)  # pixels
_SMALL = 1e-6

_LOG = np.log(np.maximum(np.arange(256), 1) / _GLASS).astype(np.float32)
_UNMIX = -np.linalg.pinv(np.stack([HAEMATOXYLIN, EOSIN])).astype(np.float32)  # (3, 2)
_GREY = np.array([77, 150, 29], dtype=np.uint16)  # parts of 256: integers make ties of patterns exact

Columns = dict[str, np.ndarray]


def handcrafted_features(tiles: np.ndarray) -> np.ndarray:
    """Features (B, F) float32, in the order of FEATURE_NAMES, of tiles (B, h, w, 3) uint8.

    Finite for any tile. Texture is per pixel: tiles are comparable when their pixels are of one size in
    micrometres. Raises InputError for arrays of another form and for tiles below 16 pixels.
    """
    if tiles.dtype != np.uint8 or tiles.ndim != 4 or tiles.shape[3] != 3 or min(tiles.shape[1:3]) < MIN_SIDE:
        raise InputError(
            f"tiles must be uint8 (tiles, height, width, 3) of at least {MIN_SIDE} x {MIN_SIDE} pixels, got "
            f"{tiles.dtype} of shape {tiles.shape}; resample them first"
        )
    features = np.empty((len(tiles), len(FEATURE_NAMES)), dtype=np.float32)
    batch = max(_PIXELS // (tiles.shape[1] * tiles.shape[2]), 1)
    for start in range(0, len(tiles), batch):
        columns = _describe(tiles[start : start + batch])
        features[start : start + batch] = np.stack(list(columns.values()), axis=1)
    return features


def _describe(tiles: np.ndarray) -> Columns:
    shape = tiles.shape[:3]
    grey = ((tiles @ _GREY) >> 8).astype(np.float32)  # (B, h, w)
    pixels = tiles.reshape(len(tiles), -1, 3)
    density = np.ascontiguousarray((_LOG[pixels] @ _UNMIX).transpose(0, 2, 1))  # (B, 2, P)
    haematoxylin, eosin = (density[:, index].reshape(shape) for index in (0, 1))
    columns = _distributions(pixels, density)
    columns |= _shares(density)
    for plane, values in (("grey", grey), ("haematoxylin", 100 * haematoxylin), ("eosin", 100 * eosin)):
        columns |= _texture(plane, values)
    columns |= _lags("grey", grey) | _lags("haematoxylin", haematoxylin)
    columns |= _binary_patterns("grey_lbp1", grey) | _binary_patterns("grey_lbp2", _halved(grey))
    return columns | _nuclei(haematoxylin)


def _distributions(pixels: np.ndarray, density: np.ndarray) -> Columns:
    """Moments and percentiles from one histogram of 256 bins per tile and channel."""
    lab = rgb_to_lab(pixels) * np.float32([2.55, 1, 1]) + np.float32([0.5, 128.5, 128.5])
    amounts = (density - _DENSITY_LOW) / _DENSITY_STEP + 0.5
    planes = np.concatenate(
        [pixels.transpose(0, 2, 1), _bytes(lab.transpose(0, 2, 1)), _bytes(amounts)], axis=1
    )  # (B, 8, P)
    n_tiles, n_channels, n_pixels = planes.shape
    offset = 256 * np.arange(n_tiles * n_channels, dtype=np.int32).reshape(n_tiles, n_channels, 1)
    counts = np.bincount((planes + offset).ravel(), minlength=256 * offset.size)
    share = counts.reshape(n_tiles, n_channels, 256) / n_pixels
    level = np.arange(256.0)
    mean = share @ level
    second, third = share @ level**2, share @ level**3
    variance = np.maximum(second - mean**2, 0.0)
    sd = np.sqrt(variance)
    central = third - 3 * mean * second + 2 * mean**3
    skew = np.where(sd > 0.1, central / np.maximum(sd, 0.1) ** 3, 0.0)
    cumulative = share.cumsum(axis=2) + 1e-9

    columns: Columns = {}
    units = {
        "red": (1, 0),
        "green": (1, 0),
        "blue": (1, 0),
        "l": (1 / 2.55, 0),
        "a": (1, -128),
        "b": (1, -128),
    }
    for index, (name, (scale, shift)) in enumerate(units.items()):
        columns[f"{name}_mean"] = mean[:, index] * scale + shift
        columns[f"{name}_sd"] = sd[:, index] * scale
        for quantile in _QUANTILES:
            found = (cumulative[:, index] >= quantile).argmax(axis=1)
            columns[f"{name}_q{100 * quantile:.0f}"] = found * scale + shift
    for index, name in ((6, "haematoxylin"), (7, "eosin")):
        columns[f"{name}_mean"] = mean[:, index] * _DENSITY_STEP + _DENSITY_LOW
        columns[f"{name}_sd"] = sd[:, index] * _DENSITY_STEP
        columns[f"{name}_skew"] = skew[:, index]
        high = (cumulative[:, index] >= 0.95).argmax(axis=1)
        columns[f"{name}_q95"] = high * _DENSITY_STEP + _DENSITY_LOW
    coarse = share[:, 3].reshape(n_tiles, 32, 8).sum(axis=2)
    columns["entropy"] = -(coarse * np.log2(np.maximum(coarse, 1e-12))).sum(axis=1)
    return columns


def _shares(density: np.ndarray) -> Columns:
    """Shares of pixels by their stains, and how the stains go together. density: (B, 2, P)."""
    haematoxylin, eosin = density[:, 0], density[:, 1]
    centred = density - density.mean(axis=2, keepdims=True)
    moments = centred @ centred.transpose(0, 2, 1) / density.shape[2]  # (B, 2, 2)
    scale = np.sqrt(moments[:, 0, 0] * moments[:, 1, 1])
    flat = scale < 1e-5
    return {
        "stain_correlation": np.where(flat, 0.0, moments[:, 0, 1] / np.where(flat, 1.0, scale)),
        "share_empty": (density.sum(axis=1) < _EMPTY).mean(axis=1),
        "share_nuclei": (haematoxylin > _NUCLEUS).mean(axis=1),
        "share_dark_nuclei": (haematoxylin > _DARK).mean(axis=1),
        "share_eosin": (eosin > _EOSIN).mean(axis=1),
    }


def _texture(plane: str, values: np.ndarray) -> Columns:
    """Gradients and Haar details of (B, h, w) at three scales; directions are summed, not told apart."""
    columns: Columns = {}
    for level in range(_LEVELS):
        scale = 1 << level
        columns |= _haar(f"{plane}_lines{scale}", f"{plane}_dots{scale}", values)
        if plane != "eosin":
            columns |= _gradients(plane, scale, values)
        values = _halved(values)
    return columns


def _gradients(plane: str, scale: int, values: np.ndarray) -> Columns:
    across = _flat(values[:, 1:-1, 2:] - values[:, 1:-1, :-2])
    down = _flat(values[:, 2:, 1:-1] - values[:, :-2, 1:-1])
    xx, yy, xy = _mean_product(across, across), _mean_product(down, down), _mean_product(across, down)
    size = np.sqrt(across * across + down * down)
    mean = size.mean(axis=1)
    columns = {
        f"{plane}_gradient{scale}_mean": mean,
        f"{plane}_gradient{scale}_sd": np.sqrt(np.maximum(xx + yy - mean**2, 0.0)),
    }
    if plane == "grey":
        for bound in (8, 24, 64):
            columns[f"grey_gradient{scale}_over{bound}"] = (size > bound).mean(axis=1)
        energy = np.maximum(xx + yy, _SMALL)
        columns[f"grey_coherence{scale}"] = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / energy
    return columns


def _haar(lines: str, dots: str, values: np.ndarray) -> Columns:
    """Root mean square of the Haar details in every 2 x 2 window: both line directions together, and dots."""
    right, below = values[:, :, 1:] - values[:, :, :-1], values[:, 1:] - values[:, :-1]
    vertical = _flat(right[:, 1:] + right[:, :-1])
    horizontal = _flat(below[:, :, 1:] + below[:, :, :-1])
    diagonal = _flat(right[:, 1:] - right[:, :-1])
    energy = _mean_product(vertical, vertical) + _mean_product(horizontal, horizontal)
    return {lines: np.sqrt(energy) / 2, dots: np.sqrt(_mean_product(diagonal, diagonal)) / 2}


def _lags(plane: str, values: np.ndarray) -> Columns:
    """Correlation of pixels 1, 2, 4 and 8 apart, over both axes; 0 for a constant tile."""
    variance = _flat(values).var(axis=1, dtype=np.float64)
    columns: Columns = {}
    for lag in (1, 2, 4, 8):
        across = _flat(values[:, :, lag:] - values[:, :, :-lag])
        down = _flat(values[:, lag:] - values[:, :-lag])
        pixels = across.shape[1] + down.shape[1]
        apart = _mean_product(across, across) * (across.shape[1] / pixels)
        apart += _mean_product(down, down) * (down.shape[1] / pixels)
        flat = variance < 1e-5
        columns[f"{plane}_lag{lag}"] = np.where(flat, 0.0, 1 - apart / (2 * np.where(flat, 1.0, variance)))
    return columns


def _binary_patterns(name: str, grey: np.ndarray) -> Columns:
    """Shares of the ten rotation-invariant uniform patterns of the 8 neighbours, riu2 of Ojala et al."""
    height, width = grey.shape[1] - 2, grey.shape[2] - 2
    centre = grey[:, 1:-1, 1:-1]
    ring = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    higher = [grey[:, y : y + height, x : x + width] >= centre for y, x in ring]
    ones = np.zeros(centre.shape, dtype=np.uint8)
    changes = np.zeros(centre.shape, dtype=np.uint8)
    for index, bit in enumerate(higher):
        ones += bit
        changes += bit ^ higher[index - 1]
    pattern = np.where(changes <= 2, ones, np.uint8(9)).reshape(len(grey), -1)
    offset = 10 * np.arange(len(grey), dtype=np.int32)[:, None]
    counts = np.bincount((pattern + offset).ravel(), minlength=10 * len(grey)).reshape(-1, 10)
    share = counts / pattern.shape[1]
    return {f"{name}_{index if index < 9 else 'other'}": share[:, index] for index in range(10)}


def _nuclei(haematoxylin: np.ndarray) -> Columns:
    """What can be said of nuclei without segmenting them. haematoxylin: (B, h, w) optical density."""
    columns: Columns = {}
    pixels = haematoxylin[0].size
    for blur in _BLURS:
        smooth = _blurred(haematoxylin, blur)
        padded = np.pad(smooth, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
        rows = np.maximum(np.maximum(padded[:, :-2], padded[:, 2:]), padded[:, 1:-1])
        beside = np.maximum(rows[:, :, :-2], rows[:, :, 2:])
        around = np.maximum(beside, np.maximum(padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]))
        wide = _blurred(smooth, 2 * blur)
        peaks = (smooth > around) & (smooth > wide + _PEAK) & (smooth > _NUCLEUS / 2)
        columns[f"nuclei_peaks{blur:g}"] = 1000 * peaks.sum(axis=(1, 2)) / pixels
        columns[f"nuclei_contrast{blur:g}"] = np.sqrt(_mean_product(*[_flat(smooth - wide)] * 2))
    inside = haematoxylin > _NUCLEUS
    edges = (inside[:, 1:] ^ inside[:, :-1]).sum(axis=(1, 2))
    edges += (inside[:, :, 1:] ^ inside[:, :, :-1]).sum(axis=(1, 2))
    columns["nuclei_outline"] = edges / pixels
    return columns


def _halved(values: np.ndarray) -> np.ndarray:
    """Half as many pixels along both axes, by area; odd sides round up."""
    height, width = values.shape[1:]
    if height % 2 == 0 and width % 2 == 0:
        rows = values[:, ::2] + values[:, 1::2]
        return (rows[:, :, ::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return _area_matrix(height) @ values @ _area_matrix(width).T


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    height, width = values.shape[1:]
    return _blur_matrix(height, sigma) @ values @ _blur_matrix(width, sigma).T


@cache
def _area_matrix(size: int) -> np.ndarray:
    """(ceil(size / 2), size) rows that average the old pixels under each new one."""
    new = -(-size // 2)
    edges = np.linspace(0, size, new + 1)[:, None]
    overlap = np.minimum(edges[1:], np.arange(1, size + 1)) - np.maximum(edges[:-1], np.arange(size))
    return (np.maximum(overlap, 0) * new / size).astype(np.float32)


@cache
def _blur_matrix(size: int, sigma: float) -> np.ndarray:
    """(size, size) Gaussian weights whose rows sum to one: borders are not darkened."""
    place = np.arange(size)
    weight = np.exp(-0.5 * ((place[:, None] - place) / sigma) ** 2)
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _mean_product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.einsum("bp,bp->b", one, other) / one.shape[1]


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


FEATURE_NAMES: tuple[str, ...] = tuple(_describe(np.zeros((1, MIN_SIDE, MIN_SIDE, 3), dtype=np.uint8)))
