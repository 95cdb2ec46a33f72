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
from tissuegraph.io.images import image_kind, open_tiff, read_rgb
from tissuegraph.io.kinds import TIFF
from tissuegraph.io.pixels import Conversion, as_rgb
from tissuegraph.io.tiff import (
    channel_axis,
    channels_only,
    check_levels,
    check_piece,
    conversion,
    main_series,
    plane_size,
)

CACHE_BYTES = 256 << 20  # decoded blocks kept: two rows of strips of a slide 100,000 pixels wide
BLOCK = 256  # pixels: smaller strips and tiles are fetched together
MAX_REGION = 1 << 22  # pixels read at a time; larger regions are put together from parts
SAMPLED, SAMPLES = 1 << 24, 8  # pixels of a level that is looked at whole, else SAMPLES x SAMPLES blocks
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

    def __init__(self, stored: Any, level: Any, name: str, cache: BlockCache):
        self._stored, self._level, self._name, self._cache = stored, level, name, cache
        self._channels = channel_axis(level)
        self.conversion = Conversion()
        self.size = plane_size(level)
        check_piece(name, stored.chunks, level.axes, stored.dtype.itemsize)
        chunk = [stored.chunks[level.axes.index(axis)] for axis in "XY"]
        self._block = tuple(side * max(1, -(-BLOCK // side)) for side in chunk)

    def sample(self) -> np.ndarray:
        """Stored samples (H, W, S): all of a small level, else blocks spread over it."""
        width, height = self.size
        if width * height <= SAMPLED:
            return self.samples(0, 0, width, height)
        wide, high = (min(block, length) for block, length in zip(self._block, self.size, strict=True))
        lefts = np.linspace(0, width - wide, min(SAMPLES, -(-width // wide))).astype(int)
        tops = np.linspace(0, height - high, min(SAMPLES, -(-height // high))).astype(int)
        return np.concatenate([self.samples(x, y, wide, high) for y in tops for x in lefts])

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
        """The block at x, y as (h, w, 3) uint8."""
        return self.conversion.apply(self.samples(x, y, *self._block))

    def samples(self, x: int, y: int, wide: int, high: int) -> np.ndarray:
        """Stored samples (h, w, S) of a box; of further axes (stack, time) the first plane."""
        where = {"Y": slice(y, y + high), "X": slice(x, x + wide), self._channels: slice(None)}
        axes = self._level.axes
        try:
            values = self._stored[tuple(where.get(axis, slice(1)) for axis in axes)]
        except MemoryError:
            raise
        except Exception as error:  # whatever a damaged piece makes the codecs stumble over
            raise InputError(
                f"image {self._name} is damaged near x {x}, y {y} of its {self.size[0]} x {self.size[1]} "
                f"pixels "
                f"({error}); copy it again"
            ) from error
        return channels_only(self._level, np.asarray(values), axes)


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

    def keep_open(self, resources: ExitStack) -> None:
        """Files that are closed with the slide."""
        self._resources = resources

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
    """A slide of an image in memory: grey, RGB or RGBA, of any depth."""
    return Slide([ArrayLevel(as_rgb(image))], name)


def open_slide(path: str | Path) -> Slide:
    """Open an image file for reading by region.

    What it is, is told by its content. JPEG and PNG are decoded whole, up to a limit. TIFF, BigTIFF,
    OME-TIFF, and the TIFF-based pyramids of slide scanners (.svs, .ndpi, .scn, .btf) go to tifffile.
    Raises InputError for a file that is missing, damaged, of another kind or too large.
    """
    path = Path(path)
    if image_kind(path) == TIFF:
        return _open_tiff(path)
    return Slide([ArrayLevel(read_rgb(path))], path.name)


def _open_tiff(path: Path) -> Slide:
    import zarr

    with ExitStack() as resources:
        # Inside the stack: what goes wrong while opening is worded by open_tiff, and the file is closed
        tiff = resources.enter_context(open_tiff(path))
        series = main_series(tiff)
        check_levels(series, path.name)
        cache = BlockCache()
        levels = []
        for number, level in enumerate(series.levels):
            if min(plane_size(level)) < 1:
                continue
            stored = zarr.open(resources.enter_context(series.aszarr(level=number)), mode="r")
            levels.append(TiffLevel(stored, level, path.name, cache))
        slide = Slide(levels, path.name)
        smallest = slide.levels[-1]
        smallest.samples(0, 0, 1, 1)  # a codec that is missing shows here, not in the middle of a run
        meaning = conversion(tiff, series.levels[0], smallest.sample)
        for level in levels:
            level.conversion = meaning
        slide.keep_open(resources.pop_all())
        return slide
