"""Slides read by region: a tile comes from the coarsest stored level that is fine enough for it.

Coordinates are pixels of the finest level with the first pixel covering [0, 1); sizes are (width, height).
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.images import (
    MAX_DECODED,
    PILLOW_SUFFIXES,
    as_rgb,
    no_size_limit,
    plane_size,
    read_rgb,
)

CACHE_BYTES = 256 << 20  # decoded blocks kept: two rows of strips of a slide 100,000 pixels wide
BLOCK = 256  # pixels: smaller strips and tiles are fetched together
MAX_REGION = 1 << 22  # pixels read at a time; larger regions are put together from parts
_OPTICS = 1.001  # a level this much too coarse still counts as sufficient: level sizes are rounded


class Level(Protocol):
    """One stored resolution of a slide."""

    size: tuple[int, int]

    def read(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        """Pixels (bottom - top, right - left, 3) uint8 of a box inside the level."""


class ArrayLevel:
    """An image (H, W, 3) uint8 in memory."""

    def __init__(self, pixels: np.ndarray):
        self._pixels = pixels
        self.size = (pixels.shape[1], pixels.shape[0])

    def read(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        return self._pixels[top:bottom, left:right]


class TiffLevel:
    """One level of a TIFF; blocks of whole strips or tiles are decoded when needed and kept for a while."""

    def __init__(self, stored: Any, axes: str, name: str, cache: BlockCache):
        self._stored, self._axes, self._cache = stored, axes, cache
        self.size = (stored.shape[axes.index("X")], stored.shape[axes.index("Y")])
        chunk = [stored.chunks[axes.index(axis)] for axis in "XY"]
        if math.prod(chunk) > MAX_DECODED:
            raise InputError(
                f"image {name}: one piece of it has {chunk[0]} x {chunk[1]} pixels, at most {MAX_DECODED:,} "
                f"can be decoded at once; store it as a tiled, pyramidal TIFF"
            )
        self._block = tuple(side * max(1, -(-BLOCK // side)) for side in chunk)

    def read(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        pixels = np.empty((bottom - top, right - left, 3), np.uint8)
        wide, high = self._block
        for y in range(top - top % high, bottom, high):
            for x in range(left - left % wide, right, wide):
                block = self._cache.get((id(self), x, y), lambda x=x, y=y: self._decode(x, y))
                x0, x1 = max(x, left), min(x + wide, right)
                y0, y1 = max(y, top), min(y + high, bottom)
                pixels[y0 - top : y1 - top, x0 - left : x1 - left] = block[y0 - y : y1 - y, x0 - x : x1 - x]
        return pixels

    def _decode(self, x: int, y: int) -> np.ndarray:
        """The block at x, y as (h, w, 3) uint8; of further axes (stack, time) the first plane."""
        wide, high = self._block
        where = {"Y": slice(y, y + high), "X": slice(x, x + wide), "S": slice(3), "C": slice(3)}
        values = self._stored[tuple(where.get(axis, 0) for axis in self._axes)]
        axes = [axis for axis in self._axes if axis in where]
        channels = [axis for axis in axes if axis in "SC"]
        order = [axes.index(axis) for axis in ("Y", "X", *channels)]
        return as_rgb(np.transpose(values, order))


class BlockCache:
    """Decoded blocks by key, the longest unused forgotten first; may be used from several threads."""

    def __init__(self, limit: int = CACHE_BYTES):
        self._limit, self._held = limit, 0
        self._blocks: OrderedDict[Any, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()
        self.n_loaded = 0
        self.largest = 0  # bytes held at most

    def get(self, key: Any, load: Callable[[], np.ndarray]) -> np.ndarray:
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return self._blocks[key]
        block = load()  # outside the lock: two threads may decode one block, none waits for another's
        with self._lock:
            self.n_loaded += 1
            if key not in self._blocks:
                self._blocks[key] = block
                self._held += block.nbytes
            while self._held > self._limit and len(self._blocks) > 1:
                self._held -= self._blocks.popitem(last=False)[1].nbytes
            self.largest = max(self.largest, self._held)
        return block


class Slide:
    """A picture of a section with its stored levels; use it as a context manager."""

    def __init__(self, levels: Sequence[Level], name: str, resources: ExitStack | None = None):
        self.levels = sorted(levels, key=lambda level: -level.size[0])
        self.name = name
        self._resources = resources or ExitStack()

    @property
    def size(self) -> tuple[int, int]:
        return self.levels[0].size

    def __enter__(self) -> Slide:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._resources.close()

    def read_region(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        shape: tuple[int, int],
        resample: str = "bilinear",
    ) -> np.ndarray:
        """The region resampled to `shape` (width, height) pixels, as (height, width, 3) uint8.

        left, top, width, height: pixels of the finest level, fractions allowed. What lies beyond the
        border is white, as glass is. resample: nearest, box, bilinear or bicubic; all but nearest
        average over the pixels that fall together.
        """
        level = self._sufficient_level(width / shape[0], height / shape[1])
        x_scale, y_scale = level.size[0] / self.size[0], level.size[1] / self.size[1]
        if width * x_scale * height * y_scale > MAX_REGION and max(shape) > 1:
            return self._in_halves(left, top, width, height, shape, resample)
        box = (left * x_scale, top * y_scale, (left + width) * x_scale, (top + height) * y_scale)
        return _resampled(level, box, shape, resample)

    def overview(self, side: int) -> np.ndarray:
        """The whole slide, (H, W, 3) uint8, its longer side at most `side` pixels."""
        factor = min(1.0, side / max(self.size))
        shape = tuple(max(1, round(length * factor)) for length in self.size)
        return self.read_region(0, 0, *self.size, shape, "box")

    def _sufficient_level(self, x_step: float, y_step: float) -> Level:
        """The coarsest level that is not coarser than the steps (level-0 pixels per wanted pixel)."""
        wanted = min(x_step, y_step) * _OPTICS
        return [level for level in self.levels if self.size[0] / level.size[0] <= max(wanted, 1.0)][-1]

    def _in_halves(self, left, top, width, height, shape, resample) -> np.ndarray:
        columns, rows = shape
        if columns >= rows:
            first = columns // 2
            cut = width * first / columns
            parts = [
                self.read_region(left, top, cut, height, (first, rows), resample),
                self.read_region(left + cut, top, width - cut, height, (columns - first, rows), resample),
            ]
            return np.concatenate(parts, axis=1)
        first = rows // 2
        cut = height * first / rows
        parts = [
            self.read_region(left, top, width, cut, (columns, first), resample),
            self.read_region(left, top + cut, width, height - cut, (columns, rows - first), resample),
        ]
        return np.concatenate(parts, axis=0)


def _resampled(level: Level, box: tuple[float, ...], shape: tuple[int, int], resample: str) -> np.ndarray:
    from PIL import Image

    left, top = math.floor(box[0]), math.floor(box[1])
    right, bottom = max(math.ceil(box[2]), left + 1), max(math.ceil(box[3]), top + 1)
    pixels = _padded(level, left, top, right, bottom)
    inside = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    method = Image.Resampling[resample.upper()]
    return np.asarray(Image.fromarray(pixels).resize(shape, method, box=inside))


def _padded(level: Level, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """A box of a level (h, w, 3), white beyond its border."""
    x0, x1 = max(left, 0), min(right, level.size[0])
    y0, y1 = max(top, 0), min(bottom, level.size[1])
    if (x0, y0, x1, y1) == (left, top, right, bottom):
        return level.read(left, top, right, bottom)
    pixels = np.full((bottom - top, right - left, 3), 255, np.uint8)
    if x0 < x1 and y0 < y1:
        pixels[y0 - top : y1 - top, x0 - left : x1 - left] = level.read(x0, y0, x1, y1)
    return pixels


def array_slide(image: np.ndarray, name: str) -> Slide:
    """A slide of an image in memory: grey, RGB or RGBA, uint8 or float in [0, 1]."""
    return Slide([ArrayLevel(as_rgb(image))], name)


def open_slide(path: str | Path) -> Slide:
    """Open an image file for reading by region.

    JPEG and PNG are decoded whole, up to MAX_DECODED pixels. Everything else goes to tifffile: TIFF,
    BigTIFF, OME-TIFF, and the TIFF-based pyramids of slide scanners (.svs, .ndpi, .scn, .btf).
    Raises InputError for a file that is missing, damaged, of another kind or too large.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"image {path.name} does not exist; correct its path")
    if path.suffix.lower() in PILLOW_SUFFIXES:
        return _decode_whole(path)
    return _open_tiff(path)


def _decode_whole(path: Path) -> Slide:
    from PIL import Image

    try:
        with no_size_limit(), Image.open(path) as image:
            width, height = image.size
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"image {path.name} is not a readable image; copy it again") from error
    if width * height > MAX_DECODED:
        raise InputError(
            f"image {path.name} has {width} x {height} pixels, a JPEG or PNG may have at most "
            f"{MAX_DECODED:,} as it is decoded whole; store it as a tiled, pyramidal TIFF"
        )
    return Slide([ArrayLevel(read_rgb(path))], path.name)


def _open_tiff(path: Path) -> Slide:
    import tifffile
    import zarr

    resources = ExitStack()
    try:
        tiff = resources.enter_context(tifffile.TiffFile(path))
        series = tiff.series[0]
        cache = BlockCache()
        levels = []
        for number, level in enumerate(series.levels):
            if min(plane_size(level)) < 1:
                continue
            stored = zarr.open(resources.enter_context(series.aszarr(level=number)), mode="r")
            levels.append(TiffLevel(stored, level.axes, path.name, cache))
        slide = Slide(levels, path.name, resources)
        slide.levels[-1].read(0, 0, 1, 1)  # a codec that is missing shows here, not in the middle of a run
        return slide
    except InputError:
        resources.close()
        raise
    except Exception as error:  # whatever a foreign or damaged file makes the libraries stumble over
        resources.close()
        raise InputError(
            f"image {path.name} is not a readable image ({error}); expected TIFF, OME-TIFF, SVS, NDPI, JPEG "
            f"or PNG"
        ) from error
