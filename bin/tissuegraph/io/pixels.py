"""Stored samples of any kind become 8-bit RGB, by what the file says and by the range of its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tissuegraph.errors import InputError

MAX_DECODED = 400_000_000  # pixels that may be decoded at once, whatever the image came in: 1.2 GB as RGB
DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and scanners give a sample
WHITE = 255


@dataclass(frozen=True, eq=False)
class Conversion:
    """How samples (H, W, S) become (H, W, 3) uint8.

    full: the value of full light; inverted: 0 is white; inks: cyan, magenta, yellow and black in place of
    light; alpha: `none`, `straight` or `premultiplied`, the last channel, shown on white as glass is;
    full_alpha: the value of an opaque pixel, None: as full; palette: (P, 3) uint8 colours that the samples
    are numbers of.
    """

    full: float = WHITE
    inverted: bool = False
    inks: bool = False
    alpha: str = "none"
    full_alpha: float | None = None
    palette: np.ndarray | None = None

    def apply(self, samples: np.ndarray) -> np.ndarray:
        if self.palette is not None:
            return self.palette[np.minimum(samples[:, :, 0], len(self.palette) - 1)]
        alpha = samples[:, :, -1:]
        samples = to_8_bits(samples, self.full)
        n_colours = 4 if self.inks else 3 if samples.shape[2] >= 3 else 1
        colours = samples[:, :, :n_colours]
        if self.inverted:
            colours = WHITE - colours
        if self.inks:
            light = WHITE - colours.astype(np.uint16)
            colours = (light[:, :, :3] * light[:, :, 3:] // WHITE).astype(np.uint8)
        if self.alpha != "none":
            opaque = to_8_bits(alpha, self.full_alpha or self.full)
            colours = _on_white(colours, opaque, self.alpha == "straight")
        return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))


def as_rgb(image: Any) -> np.ndarray:
    """An array without further knowledge, as (H, W, 3) uint8; raises InputError.

    Grey, grey with alpha, RGB or RGBA, channels last or first, of any depth.
    """
    image = channels_last(np.asarray(image))
    if image.shape[2] not in (2, 4):
        return Conversion(full=full_value(image)).apply(image)
    colours, alpha = image[:, :, :-1], image[:, :, -1:]  # 12 bits of colour come with 16 of alpha
    return Conversion(full_value(colours), alpha="straight", full_alpha=full_value(alpha)).apply(image)


def channels_last(image: np.ndarray) -> np.ndarray:
    """(H, W, S) with 1 to 4 channels of an image whose channels may be missing or come first."""
    check_pixels("an image", image.shape)
    if image.ndim == 2:
        return image[:, :, None]
    if image.ndim == 3 and image.shape[2] not in (1, 2, 3, 4) and image.shape[0] in (1, 2, 3, 4):
        return np.moveaxis(image, 0, -1)
    if image.ndim != 3 or image.shape[2] not in (1, 2, 3, 4) or 0 in image.shape:
        raise InputError(f"an image has shape {image.shape}; expected height x width x 3")
    return image


def check_pixels(name: str, shape: tuple[int, ...]) -> None:
    """Raise InputError for more pixels (H, W and, in any place, channels) than may be decoded."""
    sides = sorted(shape)[-2:] if len(shape) > 2 else shape
    channels = min(shape) if len(shape) > 2 and min(shape) <= 4 else 1
    n_pixels = int(np.prod(shape, dtype=object)) // max(channels, 1)
    if n_pixels > MAX_DECODED:
        raise InputError(
            f"{name} has {' x '.join(map(str, sides))} pixels, at most {MAX_DECODED:,} can be decoded at once"
        )


def full_value(samples: np.ndarray) -> float:
    """The value of full light, by type and largest value; raises InputError where that is unclear.

    Bytes reach 255. Wider integers fill the fewest bits of DEPTHS that hold them: bright-field images have
    glass, which is nearly full. Fractions reach 1, or 255 or 65,535 where any value is above 1.
    """
    if samples.dtype == bool:
        return 1
    if samples.dtype == np.uint8:
        return WHITE
    if samples.dtype.kind not in "iuf" or not samples.size:
        raise InputError(f"an image has values of type {samples.dtype}; expected numbers")
    least, most = np.nanmin(samples), np.nanmax(samples)
    if not (np.isfinite(most) and np.isfinite(least)) or least < 0 or most > 65535:
        raise InputError(
            f"an image has values from {least:.6g} to {most:.6g}; expected 0 to 1, 0 to 255 or 0 to 65535: "
            f"save it "
            f"with 8 bits per channel"
        )
    if samples.dtype.kind == "f" and most <= 1:
        return 1
    if samples.dtype.kind == "f":
        return WHITE if most <= WHITE else 65535
    return float(2 ** next(bits for bits in DEPTHS if most < 2**bits) - 1)


def to_8_bits(samples: np.ndarray, full: float) -> np.ndarray:
    """Samples from 0 to `full` as uint8; NaN is white."""
    if samples.dtype == np.uint8 and full == WHITE:
        return samples
    if samples.dtype == np.uint16:
        table = np.minimum(np.rint(np.arange(1 << 16) * (WHITE / full)), WHITE).astype(np.uint8)
        return table[samples]
    light = np.nan_to_num(samples.astype(np.float32), nan=full, posinf=full, neginf=0)
    return np.rint(np.clip(light * (WHITE / full), 0, WHITE)).astype(np.uint8)


def _on_white(colours: np.ndarray, alpha: np.ndarray, straight: bool) -> np.ndarray:
    """Colours (H, W, C) uint8 over white glass where alpha (H, W, 1) lets it through, a band at a time."""
    result = np.empty_like(colours)
    for top in range(0, len(colours), 1024):
        band = slice(top, top + 1024)
        opaque = alpha[band].astype(np.uint32)
        light = colours[band].astype(np.uint32)
        light = light * opaque // WHITE if straight else light
        result[band] = np.minimum(light + WHITE - opaque, WHITE)
    return result
