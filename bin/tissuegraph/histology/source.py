"""The best picture that a slice has: the full-resolution image, else hires, else lowres."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.histology.slide import Slide, array_slide, open_slide
from tissuegraph.io.placement import place_image
from tissuegraph.io.registration import Registration, check_inside, from_scale, read_matrix
from tissuegraph.io.request import Warn
from tissuegraph.io.stored import read_images

COMPARED_SIDE = 200  # pixels of the small version of an image that is compared with the slice's own


@dataclass(frozen=True, eq=False)
class Picture:
    """A slide, where the spots lie on it, and what it is: `full`, `hires` or `lowres`."""

    slide: Slide
    registration: Registration
    kind: str


def find_picture(
    slice_path: Path, xy: np.ndarray, image: Path | None, matrix: Path | None, warn: Warn = lambda _line: None
) -> Picture | None:
    """Open the image given, else the largest one in the slice; None where there is neither.

    xy: (N, 2) spots in full-resolution pixels. A few spots off the image are warned about. Raises InputError
    where it is the wrong image.
    """
    images, scalefactors = read_images(slice_path)
    if image is not None:
        return _from_file(image, matrix, xy, images, scalefactors, warn)
    if matrix is not None:
        raise InputError(f"{matrix.name} registers an image, but no image is given; fill the column image")
    for kind in ("hires", "lowres"):
        if kind in images:
            return _from_slice(images[kind], kind, xy, scalefactors, warn)
    return None


def _from_file(
    image: Path,
    matrix: Path | None,
    xy: np.ndarray,
    images: dict[str, np.ndarray],
    scalefactors: dict[str, float],
    warn: Warn,
) -> Picture:
    with ExitStack() as on_error:
        slide = on_error.enter_context(open_slide(image))
        if matrix is None:
            place = place_image(
                xy, image.name, slide.size, scalefactors, images, lambda: slide.overview(COMPARED_SIDE)
            )
            registration, kind = from_scale(place.scale), place.kind
            check_inside(registration.apply(xy), slide.size, image.name, warn)
        else:
            registration, kind = read_matrix(matrix), "full"
            name = f"{image.name} registered by {matrix.name}"
            check_inside(registration.apply(xy), slide.size, name, warn)
        on_error.pop_all()  # the caller closes it
    return Picture(slide, registration, kind)


def _from_slice(
    pixels: np.ndarray, kind: str, xy: np.ndarray, scalefactors: dict[str, float], warn: Warn
) -> Picture:
    name = f"tissue_{kind}_scalef"
    if name not in scalefactors:
        raise InputError(
            f"the slice has an image {kind} without its scale factor {name}; add it to uns['spatial'], or "
            f"give the full-resolution image"
        )
    slide, registration = array_slide(pixels, kind), from_scale(scalefactors[name])
    check_inside(registration.apply(xy), slide.size, kind, warn)
    return Picture(slide, registration, kind)
