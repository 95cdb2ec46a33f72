"""What every stain normalisation is in the end: a map from colour to colour, small enough for any worker."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tissuegraph.errors import InputError

_BLOCK = 1 << 15  # pixels converted at a time: intermediate floats stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Maps the colours of one slide to those of the reference.

    warnings: why the map is weaker than asked for, or cannot be trusted; empty where all is well.
    """

    warnings: tuple[str, ...] = field(default=(), kw_only=True)

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Normalised copy of uint8 images of any shape (..., 3); raises InputError for other arrays."""
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[-1:] != (3,):
            raise InputError(
                f"stain normalisation takes uint8 arrays of shape (..., 3), got {images.dtype} of shape "
                f"{images.shape}; convert the image to 8-bit RGB first"
            )
        pixels = images.reshape(-1, 3)
        converted = np.empty_like(pixels)
        for start in range(0, len(pixels), _BLOCK):
            converted[start : start + _BLOCK] = self._convert(pixels[start : start + _BLOCK])
        return converted.reshape(images.shape)

    def _convert(self, pixels: np.ndarray) -> np.ndarray:
        """Colours (P, 3) uint8 to (P, 3), uint8 or convertible to it without loss."""
        raise NotImplementedError


def stained_share(pixels: np.ndarray, glass_sum: float) -> np.ndarray:
    """(P, 1) float32 from 0 on glass to 1 where at least a tenth of the light is absorbed.

    Methods that shift mean colours use it as a weight: without it they paint the empty slide.
    glass_sum: red + green + blue of the slide's glass.
    """
    light = pixels @ np.float32([1, 1, 1])
    return np.clip((1 - light / np.float32(glass_sum)) / np.float32(0.1), 0, 1)[:, None]


@dataclass(frozen=True, eq=False)
class Identity(Normaliser):
    """Leaves every colour as it is: no normalisation was asked for, or none is possible."""

    def _convert(self, pixels: np.ndarray) -> np.ndarray:
        return pixels
