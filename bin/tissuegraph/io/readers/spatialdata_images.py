"""The image behind the cells of a SpatialData zarr, for pictures: one small version of one image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io import pixels
from tissuegraph.io.fluorescence import grey
from tissuegraph.io.images import DISPLAY_SIDE, for_display, reduced
from tissuegraph.io.readers.spatialdata_store import names_of, only
from tissuegraph.io.request import Warn

# Channels of a picture in colour by their names: numbered, or called after colours. Others are stains
_COLOURS = re.compile(r"\d+|r(ed)?|g(reen)?|b(lue)?|a(lpha)?", re.IGNORECASE)
_TOLERANCE = 1e-3  # of the scale, for turns and for unequal sides
_MOST_SHIFTED = 1.0  # pixels of the image


@dataclass(frozen=True, eq=False)
class Background:
    """picture (H, W, 3) uint8; scale: its pixels per unit of the positions; fluorescence: no histology."""

    picture: np.ndarray
    scale: float
    fluorescence: bool


def affine_matrices(element: Any) -> dict[str, np.ndarray]:
    """Coordinate system -> (3, 3) matrix that takes the element's own x, y, 1 there."""
    from spatialdata.transformations import get_transformation

    found = get_transformation(element, get_all=True)
    return {name: one.to_affine_matrix(("x", "y"), ("x", "y")) for name, one in found.items()}


def read_background(
    path: Path, systems: Mapping[str, np.ndarray], system: str, warn: Warn
) -> Background | None:
    """The image that lies behind a region: in colour before fluorescence, the larger before the smaller.

    systems: those that the region is in, see `affine_matrices`; system: that of the positions. Image and
    region have to share a system, not necessarily this one. None where no image fits; one that is turned or
    shifted against the positions is left out with a warning, as is one that cannot be read.
    """
    found = []
    for name in names_of(path / "images"):
        try:
            with only(path, "images", name) as image:
                scale = _scale(name, affine_matrices(image), systems, system)
                if scale is not None:
                    found.append(_background(image, scale))
        except InputError as error:
            warn(f"an image is not shown: {error}")
    return max(found, key=lambda one: (not one.fluorescence, one.picture.size), default=None)


def _scale(
    name: str, image: Mapping[str, np.ndarray], region: Mapping[str, np.ndarray], system: str
) -> float | None:
    """Pixels of the image per unit of the positions; None where the image is in no system of the region."""
    shared = [one for one in (system, *sorted(region)) if one in image and one in region]
    if not shared:
        return None
    try:
        to_region = region[shared[0]] @ np.linalg.inv(region[system])
        matrix = np.linalg.inv(image[shared[0]]) @ to_region
    except np.linalg.LinAlgError as error:
        raise InputError(f"{name}: its transformation cannot be inverted") from error
    scale = float(matrix[0, 0])
    upright = np.abs(matrix[:2, :2] - scale * np.eye(2)).max() <= _TOLERANCE * abs(scale)
    if scale <= 0 or not upright or np.abs(matrix[:2, 2]).max() > _MOST_SHIFTED:
        raise InputError(f"{name} is turned, stretched or shifted against the positions; give it as image")
    return scale


def _background(image: Any, scale: float) -> Background:
    levels = _levels(image)
    full, level = max(levels, key=_side), for_display(levels, _side)
    step = max(1, -(-_side(level) // (4 * DISPLAY_SIDE)))  # one without smaller versions is thinned out
    level = level.transpose("c", "y", "x")[:, ::step, ::step]
    values = np.asarray(level.data)
    names = [str(name) for name in level.coords["c"].values] if "c" in level.coords else []
    in_colour = values.shape[0] in (3, 4) and values.dtype == np.uint8 and all(map(_COLOURS.fullmatch, names))
    small = reduced(pixels.as_rgb(np.moveaxis(values, 0, -1)) if in_colour else grey(values[0]))
    return Background(small, scale * max(small.shape[:2]) / _side(full), not in_colour)


def _levels(image: Any) -> list[Any]:
    """The versions of an image as arrays with dimensions c, y, x, nothing read yet."""
    if not hasattr(image, "children"):
        return [image]
    return [next(iter(child.dataset.data_vars.values())) for child in image.children.values()]


def _side(level: Any) -> int:
    return max(level.sizes["y"], level.sizes["x"])
