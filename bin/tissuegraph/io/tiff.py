"""TIFF images: what their tags say about the meaning of the samples."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io import pixels
from tissuegraph.io.pixels import Conversion, full_value

_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _INKS, _YCBCR = 0, 1, 2, 3, 5, 6
_PLAIN = {1, 5, 8, 32773, 32946, 34925, 50000}  # compressions that know nothing of colour
_PREMULTIPLIED, _STRAIGHT = 1, 2
# What scanners keep beside the section, as tifffile names it: none of it is the image, however large
_ASIDE = re.compile(r"(label|macro|map|overview|thumbnail)( image)?$", re.IGNORECASE)
MOST_FLAT = 20_000_000_000  # pixels of the smallest stored version: all of them are read once


def plane_size(level: Any) -> tuple[int, int]:
    """Width and height of a TIFF level, whatever the order of its axes."""
    if "X" not in level.axes or "Y" not in level.axes:
        raise InputError(f"the image has axes {level.axes!r}; expected a picture")
    return level.shape[level.axes.index("X")], level.shape[level.axes.index("Y")]


def main_series(tiff: Any) -> Any:
    """The series of a TIFF that is the image: the largest plane, the first of equals.

    Scanners store labels, thumbnails and overviews beside it, in any order; they are taken only where the
    file has nothing else. Raises InputError where there is no picture.
    """
    pictures = [series for series in tiff.series if {"X", "Y"} <= set(series.axes)]
    if not pictures:
        axes = ", ".join(repr(series.axes) for series in tiff.series) or "none"
        raise InputError(f"the image has axes {axes}; expected a picture")
    wanted = [series for series in pictures if not _ASIDE.match(series.name.strip())]
    return max(wanted or pictures, key=lambda series: math.prod(plane_size(series)))


def check_levels(series: Any, name: str) -> None:
    """Raise InputError where even the smallest stored version is too large to look at once."""
    width, height = plane_size(series.levels[-1])
    if width * height > MOST_FLAT:
        raise InputError(
            f"image {name} ({width} x {height} pixels) has no smaller version inside; store it as a tiled, "
            f"pyramidal TIFF"
        )


def channel_axis(level: Any) -> str | None:
    """The axis of a TIFF level that holds its channels: samples, else channels, else none.

    Three planes that the file says nothing about (axes I and Q of tifffile) are red, green and blue.
    """
    sizes = dict(zip(level.axes, level.shape, strict=True))
    named = next((axis for axis in "SC" if sizes.get(axis, 1) > 1), None)
    return named or next((axis for axis in "IQ" if sizes.get(axis) == 3), None)


def channels_only(level: Any, values: np.ndarray, axes: str) -> np.ndarray:
    """Pixels `values` with `axes` of a TIFF level as (H, W, S); of further axes (stack, time) the first "
    "plane."""
    channels = channel_axis(level)
    for axis in [axis for axis in axes if axis not in ("Y", "X", channels)]:
        values, axes = values.take(0, axis=axes.index(axis)), axes.replace(axis, "", 1)
    order = [axes.index(axis) for axis in ("Y", "X", *((channels,) if channels else ()))]
    values = np.transpose(values, order)
    return values if channels else values[:, :, None]


def conversion(tiff: Any, level: Any, sample: Callable[[], np.ndarray]) -> Conversion:
    """How the samples of a TIFF become RGB, by its tags; raises InputError where they say nothing that is "
    "known.

    sample: pixels of the image (H, W, S), read only where the range of the values is not in the tags.
    """
    page = level.keyframe
    photometric = int(page.photometric)
    axis = channel_axis(level)
    n_channels = level.shape[level.axes.index(axis)] if axis else 1
    extra = [int(kind) for kind in page.extrasamples] if axis == "S" else []
    n_colours = {_PALETTE: 1, _INKS: 4, _RGB: 3, _YCBCR: 3}.get(photometric, 3 if n_channels >= 3 else 1)
    if photometric not in (_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _INKS, _YCBCR):
        raise InputError(f"its colours are stored as {page.photometric.name}; save it as RGB")
    if photometric == _YCBCR and int(page.compression) in _PLAIN:
        raise InputError("its colours are stored as YCbCR without JPEG; save it as RGB")
    if n_channels - len(extra) != n_colours:
        raise InputError(
            f"it has {n_channels} channels; expected grey or RGB: export it in bright-field colours"
        )
    if photometric == _PALETTE:
        return Conversion(palette=_palette(page))
    alpha = "none"
    if len(extra) == 1 and extra[0] in (_PREMULTIPLIED, _STRAIGHT):
        alpha = "straight" if extra[0] == _STRAIGHT else "premultiplied"
    elif len(extra) == 1 and photometric == _RGB and _hides(sample()):
        alpha = "straight"
    told = {"inverted": photometric == _WHITE_IS_0, "inks": photometric == _INKS, "alpha": alpha}
    if alpha != "straight":  # colours that were multiplied by alpha have its range
        return Conversion(full=_full(tiff, page, sample), **told)
    full = _full(tiff, page, lambda: sample()[:, :, :-1])
    return Conversion(
        full=full, full_alpha=_full(tiff, page, lambda: sample()[:, :, -1:], colours=False), **told
    )


def _hides(samples: np.ndarray) -> bool:
    """Whether a last channel without a stated meaning is alpha: parts have none and one colour."""
    clear = samples[:, :, -1] == 0
    return bool(clear.any() and not clear.all() and np.ptp(samples[clear], axis=0).max() == 0)


def _palette(page: Any) -> np.ndarray:
    if page.colormap is None:
        raise InputError("it lacks the colours that its pixels are numbers of; save it as RGB")
    colours = np.asarray(page.colormap).T
    return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)


def _full(tiff: Any, page: Any, sample: Callable[[], np.ndarray], colours: bool = True) -> float:
    """Full light: by the bits of a sample, by what OME says is significant of colours, else by the values."""
    bits = page.bitspersample if isinstance(page.bitspersample, int) else page.bitspersample[0]
    if page.dtype == np.uint8 or (page.dtype.kind in "bu" and bits < 16):
        return float(2 ** min(bits, 8 * page.dtype.itemsize) - 1)
    seen = full_value(sample())
    said = (
        re.search(r'SignificantBits="(\d{1,2})"', tiff.ome_metadata or "")
        if tiff.is_ome and colours
        else None
    )
    if said and page.dtype.kind == "u" and 2 ** int(said[1]) - 1 >= seen:
        return float(2 ** int(said[1]) - 1)
    return seen


def check_piece(name: str, chunks: tuple[int, ...], axes: str, item: int) -> None:
    """Raise InputError where one strip or tile is too large to be decoded at once."""
    sides = [chunks[axes.index(axis)] for axis in "XY"]
    if math.prod(sides) > pixels.MAX_DECODED or math.prod(chunks) * item > 8 * pixels.MAX_DECODED:
        raise InputError(
            f"image {name}: one piece of it has {sides[0]} x {sides[1]} pixels, at most "
            f"{pixels.MAX_DECODED:,} can be "
            f"decoded at once; store it as a tiled, pyramidal TIFF"
        )
