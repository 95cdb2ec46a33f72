"""Small versions of histology images for pictures of the tissue, and what every reader of images needs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.request import Warn

DISPLAY_SIDE = 2000  # pixels of the longer side, as Space Ranger's hires image
MAX_DECODED = 400_000_000  # pixels that may be decoded at once: 1.2 GB as RGB
PILLOW_SUFFIXES = (".png", ".jpg", ".jpeg")


def read_rgb(path: Path) -> np.ndarray:
    """Read a whole small image as (H, W, 3) uint8; raises InputError."""
    from PIL import Image

    try:
        with no_size_limit(), Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{path.name} is not a readable image; copy it again") from error


def as_rgb(image: Any) -> np.ndarray:
    """Grey, RGB or RGBA image, uint8 or float in [0, 1], as (H, W, 3) uint8."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise InputError(f"an image has shape {image.shape}; expected height x width x 3")
    image = image[:, :, :3]
    if image.dtype.kind == "f":
        image = np.rint(np.clip(np.nan_to_num(image), 0, 1) * 255)
    elif image.dtype == np.uint16:
        image = image >> 8
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)).astype(np.uint8))


def add_image(raw: RawSlice, path: Path, warn: Warn) -> None:
    """Add a small version of a histology image to a slice (inplace), as its `hires` image.

    The image is taken for the full-resolution one, or for Space Ranger's hires or lowres version where
    only their scale factors put the spots inside it. A hires image that the slice already has stays.
    Raises InputError with the numbers where the spots fall outside the image.
    """
    width, height = _size(path)
    scale, found = find_scale(raw.xy, raw.scalefactors, path.name, (width, height))
    name = "lowres" if found == "lowres" else "hires"
    if name in raw.images:
        return
    if name == "lowres":
        raw.images["lowres"] = read_rgb(path)
        return
    small = _read_small(path, warn)
    if small is None:
        return
    raw.images["hires"] = small
    raw.scalefactors["tissue_hires_scalef"] = scale * max(small.shape[:2]) / max(width, height)


def find_scale(
    xy: Any, scalefactors: Mapping[str, float], name: str, size: tuple[int, int]
) -> tuple[float, str]:
    """Scale from full-resolution pixels to pixels of an image of `size` (width, height), and what it is.

    xy: (N, 2) spots in full-resolution pixels. The image is `full`, or `hires` or `lowres` where only the
    scale factors of Space Ranger put all spots inside it. Raises InputError where nothing does.
    """
    xy = np.asarray(xy, dtype=np.float64)
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    candidates = [(1.0, "full")]
    for kind in ("hires", "lowres"):
        if f"tissue_{kind}_scalef" in scalefactors:
            candidates.append((scalefactors[f"tissue_{kind}_scalef"], kind))
    for scale, kind in candidates:
        if (low * scale >= 0).all() and (high * scale <= size).all():
            return scale, kind
    raise outside_image(name, low, high, size)


def outside_image(name: str, low: np.ndarray, high: np.ndarray, size: tuple[int, int]) -> InputError:
    """The error for spots between `low` and `high` (x, y) that an image of `size` does not contain."""
    return InputError(
        f"image {name}: the spots (x {low[0]:.0f} to {high[0]:.0f}, y {low[1]:.0f} to {high[1]:.0f}) "
        f"fall outside its {size[0]} x {size[1]} pixels; expected the image in whose pixels the coordinates "
        f"are given"
    )


def _size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header only."""
    if not path.is_file():
        raise InputError(f"image {path.name} does not exist")
    try:
        if path.suffix.lower() in PILLOW_SUFFIXES:
            from PIL import Image

            with no_size_limit(), Image.open(path) as image:
                return image.size
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            return plane_size(tiff.series[0].levels[0])
    except (OSError, ValueError, SyntaxError, IndexError) as error:
        raise InputError(f"image {path.name} is not a readable image; copy it again") from error


def _read_small(path: Path, warn: Warn) -> np.ndarray | None:
    """The image reduced to DISPLAY_SIDE, or None (with a warning) where that would need too much memory."""
    from PIL import Image

    try:
        with no_size_limit():
            if path.suffix.lower() in PILLOW_SUFFIXES:
                with Image.open(path) as image:
                    image.draft("RGB", (DISPLAY_SIDE, DISPLAY_SIDE))  # JPEG decodes to a fraction of its size
                    if math.prod(image.size) > MAX_DECODED:
                        return _too_large(path, image.size, warn)
                    return _reduced(image.convert("RGB"))
            import tifffile

            with tifffile.TiffFile(path) as tiff:
                level = _smallest_sufficient_level(tiff)
                if math.prod(plane_size(level)) > MAX_DECODED:
                    return _too_large(path, plane_size(level), warn)
                return _reduced(Image.fromarray(as_rgb(_channels_last(level))))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"image {path.name} is damaged: {error}; copy it again") from error


def _reduced(image: Any) -> np.ndarray:
    if max(image.size) > DISPLAY_SIDE:
        image.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE))
    return np.asarray(image)


def _too_large(path: Path, size: tuple[int, int], warn: Warn) -> None:
    warn(
        f"image {path.name} ({size[0]} x {size[1]} pixels) is not shown: it has no smaller version inside; "
        f"store it as a pyramidal TIFF"
    )


def _smallest_sufficient_level(tiff: Any) -> Any:
    """The smallest level of a TIFF pyramid that is still as large as the picture wanted."""
    levels = list(tiff.series[0].levels)
    large = [level for level in levels if max(plane_size(level)) >= DISPLAY_SIDE]
    return min(large or levels[:1], key=lambda level: max(plane_size(level)))


def plane_size(level: Any) -> tuple[int, int]:
    """Width and height of a TIFF level, whatever the order of its axes."""
    return level.shape[level.axes.index("X")], level.shape[level.axes.index("Y")]


def _channels_last(level: Any) -> np.ndarray:
    """Pixels of a TIFF level as (H, W, C); of further axes (stack, time) the first plane."""
    values, axes = level.asarray(), level.axes
    for axis in [axis for axis in axes if axis not in "YXSC"]:
        values, axes = values.take(0, axis=axes.index(axis)), axes.replace(axis, "")
    channels = next((axis for axis in "SC" if axis in axes), None)
    if channels is None:
        return values
    return np.moveaxis(values, axes.index(channels), -1)[:, :, :3]


@contextmanager
def no_size_limit() -> Iterator[None]:
    """Pillow refuses large images as possible attacks; slides are large. The limit is put back."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
