"""Fluorescence images of imaging platforms, for pictures only: one channel as grey RGB."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io import pixels
from tissuegraph.io.images import for_display, open_tiff, reduced
from tissuegraph.io.request import Warn

DARKEST, BRIGHTEST = 1.0, 99.8  # percentiles that become black and white: counts of a camera have no white


def read_fluorescence(path: Path, warn: Warn) -> tuple[np.ndarray, float] | None:
    """The first channel as (H, W, 3) uint8, and its pixels per pixel of the full image.

    Only the smallest stored version that suffices for a picture is decoded, and of files that belong together
    only this one. None, with a warning, where the image cannot be shown: it is no more than a background.
    """
    try:
        with open_tiff(path, is_ome=False) as tiff:  # else its neighbours would be opened too
            page = tiff.pages[0]
            levels = [page, *(page.pages or ())]
            if any(level.samplesperpixel != 1 for level in levels):
                raise InputError("it has several colours; expected one channel")
            level = for_display(levels, lambda level: max(level.shape[:2]))
            if math.prod(level.shape) > pixels.MAX_DECODED:
                raise InputError(
                    f"it has no version of less than {pixels.MAX_DECODED:,} pixels; store it as a pyramid"
                )
            small = reduced(grey(np.squeeze(level.asarray())))
            return small, max(small.shape[:2]) / max(page.shape[:2])
    except InputError as error:
        warn(f"{path.name} is not shown: {str(error).removeprefix(f'image {path.name} ')}")
        return None


def grey(samples: np.ndarray) -> np.ndarray:
    """One channel (H, W) of any range as (H, W, 3) uint8; raises InputError where there is nothing to see."""
    if samples.ndim != 2:
        raise InputError(f"it has shape {samples.shape}; expected height x width")
    samples = samples.astype(np.float32)
    some = samples[:: max(1, samples.shape[0] // 1000)]
    some = some[np.isfinite(some)]  # registered images are NaN outside of what was scanned
    dark, bright = np.percentile(some, (DARKEST, BRIGHTEST)) if some.size else (0.0, 0.0)
    if bright <= dark:
        raise InputError("all of it is equally bright")
    samples[np.isnan(samples)] = dark
    scaled = np.clip((samples - dark) * (pixels.WHITE / (bright - dark)), 0, pixels.WHITE)
    return np.repeat(np.rint(scaled).astype(np.uint8)[:, :, None], 3, axis=2)
