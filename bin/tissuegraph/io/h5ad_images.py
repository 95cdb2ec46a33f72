"""Images and scale factors of an AnnData file, in uns['spatial'] as Space Ranger's readers put them there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.hdf5 import values
from tissuegraph.io.pixels import as_rgb, check_pixels
from tissuegraph.io.placement import KINDS
from tissuegraph.io.planes import several_slices
from tissuegraph.io.request import Warn

_IMAGE_NAME = re.compile(r"_?(full|hires|lowres|cytassist)(_image)?$")
_FACTOR_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def read_images(
    file: Any, sample: str, groups: Mapping[str, np.ndarray], warn: Warn
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Images (H, W, 3) uint8 by name, and scale factors; what cannot be used is left out with a warning.

    groups: columns of obs (N,) that may name a library. Raises InputError for several libraries.
    """
    spatial = file.get(f"uns/{keys.SPATIAL}")
    if not hasattr(spatial, "keys"):
        return {}, {}
    library = _library(spatial, sample, groups)
    if library is None:
        return {}, {}
    scalefactors = _scalefactors(library, warn)
    images = {}
    for name in KINDS:
        node = library.get(f"images/{name}")
        if node is None:
            continue
        if f"tissue_{name}_scalef" not in scalefactors:
            warn(f"image left out: {name} has no usable scale factor tissue_{name}_scalef")
            continue
        try:
            check_pixels(name, getattr(node, "shape", None) or ())
            rgb = as_rgb(values(node))
            if not is_blank(rgb):
                images[name] = rgb
        except InputError as error:  # a slice without its picture is still a slice
            warn(f"image left out: {name}: {error}")
    return images, scalefactors


def is_blank(rgb: np.ndarray) -> bool:
    """Whether a picture is white all over: what our own results have where there is none."""
    return int(rgb.min(initial=255)) == 255


def pictures_of(libraries: Any) -> Iterator[tuple[np.ndarray, float]]:
    """Pictures (H, W, 3) uint8 of one of our own files, each with its pixels per full-resolution pixel.

    Of every library hires before lowres; those without a scale factor are left out.
    """
    for library in libraries.values():
        images, factors = library.get("images", {}), library.get("scalefactors", {})
        for size in ("hires", "lowres"):
            name = f"tissue_{size}_scalef"
            factor = float(factors[name][()]) if name in factors else 0.0
            if size in images and factor:
                image = np.asarray(images[size][()])
                if image.dtype != np.uint8:  # some tools store 0 to 1
                    image = (np.clip(image, 0, 1) * 255).astype(np.uint8)
                if image.ndim == 2:
                    image = np.repeat(image[:, :, None], 3, axis=2)
                yield image[..., :3], factor


def _library(spatial: Any, sample: str, groups: Mapping[str, np.ndarray]) -> Any:
    """The one library that the spots belong to; None where there is none."""
    if "images" in spatial or "scalefactors" in spatial:
        return spatial
    names = [name for name in spatial if hasattr(spatial[name], "keys")]
    names = [name for name in names if "images" in spatial[name] or "scalefactors" in spatial[name]]
    for found in groups.values():
        used = sorted(set(found.tolist()) & set(names))
        if len(used) > 1:
            raise several_slices("the libraries of uns['spatial']", used, by_column=True)
        if used and len(set(found.tolist())) == 1:
            return spatial[used[0]]
    if sample in names:
        return spatial[sample]
    if len({_IMAGE_NAME.sub("", name) for name in names}) > 1:
        raise several_slices("the libraries of uns['spatial']", names)
    return spatial[names[0]] if names else None


def _scalefactors(library: Any, warn: Warn) -> dict[str, float]:
    group = library.get("scalefactors")
    found = {}
    for name in group if hasattr(group, "keys") else ():
        node = group[name]
        if getattr(node, "shape", None) not in ((), (1,)) or node.dtype.kind not in "iuf":
            continue
        value = float(np.ravel(values(node))[0])
        if not _FACTOR_NAME.fullmatch(name):
            continue
        if not np.isfinite(value) or not 0 <= value < 1e6:
            warn(f"scale factor {name} was left out: expected a positive number, found {value:g}")
            continue
        found[name] = value
    return found
