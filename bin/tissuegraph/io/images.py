"""Histology images of a slice: read by what they are, reduced for pictures, and held against the spots."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io import pixels
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.kinds import JPEG, PNG, TIFF, first_bytes, kind_of
from tissuegraph.io.pixels import as_rgb, check_pixels
from tissuegraph.io.placement import KINDS, MOST_OUTSIDE, outside, place_image
from tissuegraph.io.request import Warn
from tissuegraph.io.tiff import channels_only, check_piece, conversion, main_series, plane_size

DISPLAY_SIDE = 2000  # pixels of the longer side, as Space Ranger's hires image


def image_kind(path: Path) -> str:
    """PNG, JPEG or TIFF by content, whatever the name says; raises InputError for anything else."""
    if not path.is_file():
        raise InputError(f"image {path.name} does not exist; correct its path")
    kind = kind_of(path)
    if kind not in (PNG, JPEG, TIFF):
        what = f"it is {kind}" if kind.startswith("a") or kind in ("empty", "text") else "its kind is unknown"
        raise InputError(
            f"image {path.name} is not a readable image ({what}); expected TIFF, OME-TIFF, SVS, NDPI, JPEG "
            f"or PNG"
        )
    return kind


def read_rgb(path: Path) -> np.ndarray:
    """Read a whole image file, TIFF or other, as (H, W, 3) uint8; raises InputError."""
    if image_kind(path) == TIFF:
        return _read_tiff(path, None)
    with open_picture(path) as image:
        return picture_to_rgb(image, path)


@contextmanager
def open_picture(path: Path) -> Iterator[Any]:
    """A PNG or JPEG as Pillow's Image, nothing decoded yet, its size within the limit; raises InputError."""
    with _header(path) as image:
        check_pixels(f"image {path.name}", image.size)
        yield image


@contextmanager
def _header(path: Path) -> Iterator[Any]:
    """A PNG or JPEG as Pillow's Image of whatever size; what Pillow stumbles over becomes an InputError."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = (
        Image.MAX_IMAGE_PIXELS,
        None,
    )  # Pillow's own is for the web; slides are large
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            yield image
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, OverflowError) as error:
        raise InputError(f"image {path.name} is not a readable image ({error}); copy it again") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def picture_to_rgb(image: Any, path: Path) -> np.ndarray:
    """Decode a PNG or JPEG as (H, W, 3) uint8: transparent parts are white, 16 bits become 8 by their "
    "range."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        return as_rgb(np.asarray(image))
    if image.format == "PNG" and image.mode in ("RGB", "RGBA") and first_bytes(path)[24] == 16:
        deep = _decode_16_bits(path)
        return as_rgb(deep if deep is not None else np.asarray(image))
    if "A" in image.mode or "transparency" in image.info:
        return as_rgb(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def _decode_16_bits(path: Path) -> np.ndarray | None:
    """A PNG of 16 bits per channel, of which Pillow keeps the upper 8 only; None without the codec."""
    try:
        import imagecodecs
    except ImportError:
        return None
    try:
        return imagecodecs.png_decode(path.read_bytes())
    except Exception as error:  # whatever a damaged file makes the codec stumble over
        raise InputError(f"image {path.name} is damaged: {error}; copy it again") from error


def add_image(raw: RawSlice, path: Path, warn: Warn) -> np.ndarray:
    """Add a small version of a histology image to a slice (inplace), as its `hires` image.

    Which image it is, is told by `place_image`. A hires image that the slice already has stays. Returns
    which spots (N,) lie off the image. Raises InputError with the numbers where it is the wrong one.
    """
    size = image_size(path)
    small: list[np.ndarray | None] = []  # read at most once

    def picture() -> np.ndarray | None:
        if not small:
            small.append(_read_small(path, warn))
        return small[0]

    def to_compare() -> np.ndarray:
        found = picture()
        return np.zeros((1, 1, 3), np.uint8) if found is None else found

    place = place_image(raw.xy, path.name, size, raw.scalefactors, raw.images, to_compare)
    raw.image_px = place.scale if place.kind == "full" else None
    if place.note:
        warn(place.note)
    name = "lowres" if place.kind == "lowres" else "hires"
    if name not in raw.images and (found := picture()) is not None:
        raw.images[name] = found
        raw.scalefactors[f"tissue_{name}_scalef"] = place.scale * max(found.shape[:2]) / max(size)
    return outside(raw.xy * place.scale, size)


def check_images(raw: RawSlice, warn: Warn) -> np.ndarray:
    """Leave out (inplace) images that contradict the slice or each other, with a warning.

    Returns which spots (N,) lie off the largest image that is left.
    """
    off = {}
    for name in [name for name in KINDS if name in raw.images]:
        scale = raw.scalefactors.get(f"tissue_{name}_scalef")
        height, width = raw.images[name].shape[:2]
        if scale is None or not 0 < scale < 100:
            warn(f"image left out: {name} has no usable scale factor tissue_{name}_scalef")
            del raw.images[name]
            continue
        off[name] = outside(raw.xy * scale, (width + 1, height + 1)) if len(raw.xy) else np.zeros(0, bool)
        if off[name].any() and off[name].mean() > MOST_OUTSIDE:
            warn(
                f"image left out: {int(off[name].sum())} of {len(raw.xy)} spots fall outside the {width} x "
                f"{height} "
                f"pixels of {name} with its scale factor {scale:.4g}"
            )
            del raw.images[name]
    if len(raw.images) == 2:
        sizes = {name: np.array(raw.images[name].shape[1::-1]) for name in KINDS}
        whole = {name: sizes[name] / raw.scalefactors[f"tissue_{name}_scalef"] for name in KINDS}
        unsure = 2 / sizes["hires"] + 2 / sizes["lowres"] + 1e-2
        if (np.abs(whole["hires"] / whole["lowres"] - 1) > unsure).any():
            told = " and ".join(f"{name} to {whole[name][0]:.0f} x {whole[name][1]:.0f}" for name in KINDS)
            warn(f"images left out: their sizes and scale factors contradict each other, {told} pixels")
            raw.images.clear()
    largest = next((name for name in KINDS if name in raw.images), None)
    return off[largest] if largest else np.zeros(len(raw.xy), bool)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header only."""
    if image_kind(path) != TIFF:
        with _header(path) as image:
            return image.size
    with open_tiff(path) as tiff:
        return plane_size(main_series(tiff).levels[0])


@contextmanager
def open_tiff(path: Path, **options: Any) -> Iterator[Any]:
    """A TIFF of tifffile, with its options; whatever a foreign or damaged file makes the library stumble over
    is an InputError.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path, **options) as tiff:
            yield tiff
    except InputError as error:
        message = str(error)
        raise (
            error if message.startswith("image ") else InputError(f"image {path.name}: {message}")
        ) from error
    except MemoryError:
        raise
    except Exception as error:
        raise InputError(
            f"image {path.name} is not a readable image ({error}); expected TIFF, OME-TIFF, SVS, NDPI, JPEG "
            f"or PNG"
        ) from error


def _read_small(path: Path, warn: Warn) -> np.ndarray | None:
    """The image reduced to DISPLAY_SIDE, or None (with a warning) where that would need too much memory."""
    if image_kind(path) == TIFF:
        return _read_tiff(path, warn)
    size = image_size(path)
    if math.prod(size) > pixels.MAX_DECODED:
        return _too_large(path, size, warn)
    with open_picture(path) as image:
        if image.mode == "RGB":
            image.draft("RGB", (DISPLAY_SIDE, DISPLAY_SIDE))  # JPEG decodes to a fraction of its size
        return reduced(picture_to_rgb(image, path))


def _read_tiff(path: Path, warn: Warn | None) -> np.ndarray | None:
    """A level of a TIFF as (H, W, 3) uint8: the first without `warn`, else the smallest that suffices, "
    "reduced."""
    with open_tiff(path) as tiff:
        levels = list(main_series(tiff).levels)
        level = for_display(levels, lambda level: max(plane_size(level))) if warn else levels[0]
        if (
            math.prod(level.shape) > 4 * pixels.MAX_DECODED
            or math.prod(plane_size(level)) > pixels.MAX_DECODED
        ):
            if warn:
                return _too_large(path, plane_size(level), warn)
            check_piece(path.name, level.shape, level.axes, level.dtype.itemsize)
        samples = channels_only(level, level.asarray(), level.axes)
        rgb = conversion(tiff, level, lambda: samples).apply(samples)
        return reduced(rgb) if warn else rgb


def for_display(levels: Sequence[Any], side: Callable[[Any], int]) -> Any:
    """The smallest stored version of an image that suffices for a picture, the largest where none does.

    side: pixels along the longer side of a version.
    """
    large = [level for level in levels if side(level) >= DISPLAY_SIDE]
    return min(large, key=side) if large else max(levels, key=side)


def reduced(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 with at most DISPLAY_SIDE pixels on its longer side."""
    from PIL import Image

    image = Image.fromarray(rgb)
    if max(image.size) > DISPLAY_SIDE:
        image.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE))
    return np.asarray(image)


def _too_large(path: Path, size: tuple[int, int], warn: Warn) -> None:
    warn(
        f"image {path.name} ({size[0]} x {size[1]} pixels) is not shown: it has no smaller version inside; "
        f"store it as a pyramidal TIFF"
    )
