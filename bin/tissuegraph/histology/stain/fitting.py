"""Fit a stain normalisation to one slide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.histology.stain.diverse import cut_crops, diverse_transfer, some_crops
from tissuegraph.histology.stain.macenko import macenko_stains
from tissuegraph.histology.stain.normaliser import Identity, Normaliser
from tissuegraph.histology.stain.pixels import TissuePixels, tissue_pixels
from tissuegraph.histology.stain.reference import GLASS, builtin_reference
from tissuegraph.histology.stain.reinhard import reinhard_transfer
from tissuegraph.histology.stain.transfer import stains_of, transfer
from tissuegraph.histology.stain.vahadane import vahadane_stains

_STAINS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "macenko": macenko_stains,
    "vahadane": vahadane_stains,
}
METHODS = ("macenko", "vahadane", "reinhard", "diverse", "none")


def fit_normaliser(
    method: str,
    overview: np.ndarray,
    mask: np.ndarray,
    reference: np.ndarray | None = None,
    tiles: np.ndarray | None = None,
) -> Normaliser:
    """A map from this slide's colours to the reference's; the same input gives the same map.

    method: one of METHODS; overview: (H, W, 3) uint8, a small picture of the whole tissue; mask: (H, W) bool,
    True on tissue; reference: (H', W', 3) uint8 picture of the wanted appearance, None = the built-in one,
    for `diverse` the slide's own crops; tiles: (M, h, w, 3) uint8, a sample of the slide's spot tiles. Where
    tiles are given the stains are estimated on them, as they are what will be normalised.

    A slide that cannot be fitted (nearly empty, one colour, covered in ink) gives an `Identity` whose
    warnings say why. Raises SettingsError for an unknown method, InputError for arrays of another form.
    """
    if method not in METHODS:
        raise SettingsError(f"stain method must be one of {', '.join(METHODS)}; got {method!r}")
    _check(overview, mask, reference, tiles)
    if method == "none":
        return Identity()
    slide = tissue_pixels(overview, mask, tiles)
    if slide.flaw:
        return Identity(warnings=(*slide.warnings, f"colours are left as they are: {slide.flaw}"))
    if method == "diverse":
        if reference is not None:
            return diverse_transfer(slide, cut_crops(reference), tissue_pixels(reference).glass)
        own = cut_crops(overview, mask) if tiles is None or not len(tiles) else some_crops(tiles)
        return diverse_transfer(slide, own, slide.glass)
    target, doubts = _target(reference)
    fitted = _fit(method, slide, target)
    return replace(fitted, warnings=(*doubts, *fitted.warnings))


def _fit(method: str, slide: TissuePixels, target: TissuePixels) -> Normaliser:
    if method == "reinhard":
        return reinhard_transfer(slide, target)
    estimate = _STAINS[method]
    stains = stains_of(slide, estimate(slide.density))
    return transfer(slide, stains, target, stains_of(target, estimate(target.density)))


def _target(reference: np.ndarray | None) -> tuple[TissuePixels, tuple[str, ...]]:
    """Tissue pixels of the reference, and what is wrong with the one given."""
    builtin = TissuePixels(builtin_reference().reshape(-1, 3), GLASS)
    if reference is None:
        return builtin, ()
    given = tissue_pixels(reference)
    if given.flaw:
        return builtin, (f"the reference image cannot be used ({given.flaw}); the built-in one was",)
    return given, ()


def _check(overview, mask, reference, tiles) -> None:
    for name, array, ndim in (("overview", overview, 3), ("reference", reference, 3), ("tiles", tiles, 4)):
        if array is None and name != "overview":
            continue
        if array.dtype != np.uint8 or array.ndim != ndim or array.shape[-1] != 3:
            raise InputError(
                f"{name} must be uint8 with {ndim} axes, the last of 3 colours; got {array.dtype} of shape "
                f"{array.shape}; convert it to 8-bit RGB"
            )
    if mask.dtype != bool or mask.shape != overview.shape[:2]:
        raise InputError(
            f"mask must be bool of the overview's shape {overview.shape[:2]}, got {mask.dtype} {mask.shape}"
        )
