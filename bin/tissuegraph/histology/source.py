"""The best picture that a slice has: the full-resolution image, else hires, else lowres."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.histology.registration import Registration, check_inside, from_scale, read_matrix
from tissuegraph.histology.slide import Slide, array_slide, open_slide
from tissuegraph.io.images import find_scale
from tissuegraph.io.stored import read_images


@dataclass(frozen=True, eq=False)
class Picture:
    """A slide, where the spots lie on it, and what it is: `full`, `hires` or `lowres`."""

    slide: Slide
    registration: Registration
    kind: str


def find_picture(slice_path: Path, xy: np.ndarray, image: Path | None, matrix: Path | None) -> Picture | None:
    """Open the image given, else the largest one in the slice; None where there is neither.

    xy: (N, 2) spots in full-resolution pixels. Raises InputError where the spots fall outside.
    """
    images, scalefactors = read_images(slice_path)
    if image is not None:
        return _from_file(image, matrix, xy, scalefactors)
    if matrix is not None:
        raise InputError(f"{matrix.name} registers an image, but no image is given; fill the column image")
    for kind in ("hires", "lowres"):
        if kind in images:
            return _from_slice(images[kind], kind, xy, scalefactors)
    return None


def _from_file(image: Path, matrix: Path | None, xy: np.ndarray, scalefactors: dict[str, float]) -> Picture:
    with ExitStack() as on_error:
        slide = on_error.enter_context(open_slide(image))
        if matrix is None:
            scale, kind = find_scale(xy, scalefactors, image.name, slide.size)
            registration = from_scale(scale)
        else:
            registration, kind = read_matrix(matrix), "full"
            check_inside(registration.apply(xy), slide.size, f"{image.name} registered by {matrix.name}")
        on_error.pop_all()  # the caller closes it
    return Picture(slide, registration, kind)


def _from_slice(pixels: np.ndarray, kind: str, xy: np.ndarray, scalefactors: dict[str, float]) -> Picture:
    name = f"tissue_{kind}_scalef"
    if name not in scalefactors:
        raise InputError(
            f"the slice has an image {kind} without its scale factor {name}; add it to uns['spatial'], or "
            f"give the full-resolution image"
        )
    slide, registration = array_slide(pixels, kind), from_scale(scalefactors[name])
    check_inside(registration.apply(xy), slide.size, kind)
    return Picture(slide, registration, kind)
