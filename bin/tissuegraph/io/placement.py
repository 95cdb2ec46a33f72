"""Which pixels of an image the spots lie on, told by sizes, scale factors and, in doubt, by the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tissuegraph.errors import InputError

KINDS = ("hires", "lowres")
MOST_OUTSIDE = 0.05  # share of the spots that may lie off an image
ALIKE = 0.8  # correlation of two small versions of one picture
_LOWRES_SIDE = 600  # pixels of the longer side that Space Ranger gives `lowres`
_HIRES_SIDES = (2000, 4000, 6000)  # and `hires`, by its release and the slide
_HALVINGS = (8, 4, 2, 1 / 2, 1 / 4, 1 / 8)  # sizes at which scanners and pyramids hold a picture again
_SIDE = 48  # pixels of the small versions that are compared
_FLAT = 2.0  # standard deviation of grey values below which a picture shows nothing


@dataclass(frozen=True)
class Placement:
    """scale: pixels of the image per pixel of the coordinates; kind: `full`, `hires` or `lowres`; note: "
    "what to
    warn about, or None."""

    scale: float
    kind: str
    note: str | None = None


def place_image(
    xy: np.ndarray,
    name: str,
    size: tuple[int, int],
    scalefactors: Mapping[str, float],
    images: Mapping[str, np.ndarray],
    picture: Callable[[], np.ndarray],
) -> Placement:
    """Where spots xy (N, 2) lie on an image of `size` (width, height).

    images: pictures that the slice has already; with their scale factors they tell how large the
    full-resolution image is. An image of that size is `full`; one of the size of hires or lowres is that;
    one of another size with the same sides is scaled where it shows the same. Without such pictures an image
    of 2, 4 or 8 times the size that Space Ranger's scale factors tell, or of a part of it, is scaled; else
    the first scale that puts the spots inside is taken. picture: the image, small, looked at in doubt.
    Raises InputError with the numbers.
    """
    factors = {
        kind: scalefactors[f"tissue_{kind}_scalef"]
        for kind in KINDS
        if f"tissue_{kind}_scalef" in scalefactors
    }
    known = next((kind for kind in KINDS if kind in images and kind in factors), None)
    candidates = {"full": 1.0, **factors}
    if known is None:
        return _without_pictures(xy, name, size, candidates)
    height, width = images[known].shape[:2]
    full = width / factors[known], height / factors[known]
    # A picture reduced to whole pixels tells sizes to about one of them
    unsure = [1.5 / side + 1.5 / own + 1e-3 for side, own in zip((width, height), size, strict=True)]
    ratio = [own / whole for own, whole in zip(size, full, strict=True)]
    for kind, scale in candidates.items():
        if all(abs(r / scale - 1) <= u for r, u in zip(ratio, unsure, strict=True)):
            if outside(xy * scale, size).mean() > MOST_OUTSIDE:
                raise outside_image(name, xy * scale, size)
            return Placement(scale, kind)
    sizes = (
        f"image {name} has {size[0]} x {size[1]} pixels, but the slice's {known} image ({width} x {height}, "
        f"scale "
        f"factor {factors[known]:.4g}) belongs to one of {full[0]:.0f} x {full[1]:.0f}"
    )
    if abs(ratio[0] / ratio[1] - 1) > sum(unsure) or not same_picture(picture(), images[known]):
        raise InputError(
            f"{sizes}: it is cropped, turned or another picture; give the image that Space Ranger was given"
        )
    scale = float(np.sqrt(ratio[0] * ratio[1]))
    if outside(xy * scale, size).mean() > MOST_OUTSIDE:
        raise outside_image(name, xy * scale, size)
    return Placement(scale, "full", f"{sizes}: the positions are scaled by {scale:.4g}")


def _without_pictures(
    xy: np.ndarray, name: str, size: tuple[int, int], candidates: Mapping[str, float]
) -> Placement:
    """As `place_image`, by the scale factors alone; candidates: scale of each kind."""
    whole = _told_side(candidates)
    if whole is not None:
        ratio = max(size) / whole
        unsure = 1.5 / max(size) + 1.5 / _LOWRES_SIDE
        kinds = [kind for kind, scale in candidates.items() if abs(ratio / scale - 1) <= unsure]
        for kind in kinds:
            if outside(xy * candidates[kind], size).mean() <= MOST_OUTSIDE:
                return Placement(candidates[kind], kind)
        halvings = [] if kinds else [step for step in _HALVINGS if abs(ratio / step - 1) <= unsure]
        for step in halvings:
            if outside(xy * step, size).mean() <= MOST_OUTSIDE:
                return Placement(
                    step,
                    "full",
                    f"image {name} has {size[0]} x {size[1]} pixels, but the scale factors belong to one of "
                    f"{whole:.0f} on the longer side: the positions are scaled by {step:.4g}",
                )
    for kind, scale in candidates.items():
        if outside(xy * scale, size).mean() <= MOST_OUTSIDE:
            return Placement(scale, kind)
    raise outside_image(name, xy, size)


def _told_side(factors: Mapping[str, float]) -> float | None:
    """Pixels of the longer side of the full-resolution image, where both factors are Space Ranger's own."""
    if not {"hires", "lowres"} <= set(factors) or not 0 < factors["lowres"] < factors["hires"]:
        return None
    sides = factors["hires"] / factors["lowres"] * _LOWRES_SIDE
    usual = any(abs(sides / side - 1) <= 2e-3 for side in _HIRES_SIDES)
    return _LOWRES_SIDE / factors["lowres"] if usual else None


def same_picture(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two pictures (H, W, 3) uint8 show the same at different sizes; True where one shows nothing."""
    small = [_grey(picture) for picture in (first, second)]
    if min(grey.std() for grey in small) < _FLAT:
        return True
    return float(np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1]) >= ALIKE


def _grey(picture: np.ndarray) -> np.ndarray:
    from PIL import Image

    small = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(small.convert("L"), dtype=np.float64)


def outside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which points (N, 2), in pixels of an image of `size`, lie beyond its border, bool (N,)."""
    return ((points < 0) | (points > size)).any(axis=1)


def outside_image(name: str, points: Any, size: tuple[int, int]) -> InputError:
    """The error for spots at `points` (N, 2) that an image of `size` does not contain."""
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    n_outside = int(outside(np.asarray(points), size).sum())
    return InputError(
        f"image {name}: the spots (x {low[0]:.0f} to {high[0]:.0f}, y {low[1]:.0f} to {high[1]:.0f}) fall "
        f"outside its "
        f"{size[0]} x {size[1]} pixels, {n_outside} of {len(points)} of them; expected the image in whose "
        f"pixels the "
        f"coordinates are given"
    )
