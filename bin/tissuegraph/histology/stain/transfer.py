"""From two stains to a map of colours: unmix, rescale the amounts, mix with the reference's stains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tissuegraph.histology.stain.normaliser import Identity, Normaliser
from tissuegraph.histology.stain.pixels import TissuePixels
from tissuegraph.histology.stain.reference import EOSIN, HAEMATOXYLIN

_AMOUNT = 99  # percentile of a stain's amount that is matched (Macenko et al. 2009)
_SCALE = (0.25, 4.0)  # a slide that needs more than this has lost a stain, not faded
_MIN_ANGLE = np.radians(5.0)  # closer stains are one stain and noise
_MIN_SPREAD = 0.035  # of colours around their main direction, relative to their length; real slides: > 0.06
_MAX_GAIN = 5.0  # noise of the slide may not grow more than this
_LOG = np.log(np.maximum(np.arange(256), 1)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class StainTransfer(Normaliser):
    """Affine map of logarithmic colours: ln out = ln in @ matrix + offset (Beer-Lambert law).

    matrix: (3, 3) float32; offset: (3,) float32.
    """

    matrix: np.ndarray
    offset: np.ndarray

    def _convert(self, pixels: np.ndarray) -> np.ndarray:
        light = np.exp(_LOG[pixels] @ self.matrix + self.offset)
        return np.minimum(light + 0.5, 255.0).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Stains:
    """Two stains of a slide, haematoxylin first.

    direction: (2, 3) unit vectors of optical density; amount: (2,) a high percentile over the tissue;
    missing: which of them the slide does not show.
    """

    direction: np.ndarray
    amount: np.ndarray
    missing: tuple[bool, bool] = (False, False)


def stains_of(pixels: TissuePixels, direction: np.ndarray) -> Stains:
    """Amounts for estimated directions (2, 3), in any order and of any length.

    Where all colours lie along one direction the slide shows one stain: the reference's direction stands in
    for the other one, which is marked as missing.
    """
    direction = order_stains(direction)
    missing = (False, False)
    energy, axes = np.linalg.eigh(pixels.density.T.astype(np.float64) @ pixels.density)
    narrow = energy[1] < _MIN_SPREAD**2 * energy[2]
    if narrow or np.arccos(np.clip(direction[0] @ direction[1], -1, 1)) < _MIN_ANGLE:
        seen = np.abs(axes[:, 2])
        is_eosin = bool(seen @ EOSIN > seen @ HAEMATOXYLIN)
        direction = np.stack([HAEMATOXYLIN, seen] if is_eosin else [seen, EOSIN])
        missing = (is_eosin, not is_eosin)
    amount = np.percentile(pixels.density @ np.linalg.pinv(direction), _AMOUNT, axis=0)
    return Stains(direction, amount, missing)


def order_stains(direction: np.ndarray) -> np.ndarray:
    """(2, 3) non-negative unit vectors, haematoxylin first: the bluer one takes more red light."""
    direction = np.asarray(direction, dtype=np.float64)
    direction = direction * np.where(direction.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    direction = np.maximum(direction, 0.0)
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
    red = direction[:, 0] / np.maximum(direction.sum(axis=1), 1e-9)
    return direction[np.argsort(-red, kind="stable")]


def transfer(slide: TissuePixels, stains: Stains, target: TissuePixels, wanted: Stains) -> Normaliser:
    """The map from a slide's stains to the target's; Identity with a warning where it would only add noise.

    What neither stain explains, such as ink or blood, keeps its own part of the colour.
    """
    warnings = list(slide.warnings)
    scale = np.ones(2)
    for index, name in enumerate(("haematoxylin", "eosin")):
        if stains.missing[index]:
            warnings.append(f"no {name} can be told apart on this slide; only the other stain is matched")
        elif stains.amount[index] > 1e-3 and not wanted.missing[index]:
            scale[index] = wanted.amount[index] / stains.amount[index]
    limited = np.clip(scale, *_SCALE)
    if (limited != scale).any():
        warnings.append(
            f"stain amounts would have to change {scale.max():.3g}-fold; changed by at most {_SCALE[1]:g}"
            if scale.max() > _SCALE[1]
            else f"stain amounts would have to shrink to {scale.min():.2g}; limited to {_SCALE[0]:g}"
        )
    mix = _with_residual(wanted.direction) * np.append(limited, 1.0)[:, None]
    matrix = np.linalg.pinv(_with_residual(stains.direction)) @ mix
    gain = np.linalg.norm(matrix, 2)
    if not np.isfinite(gain) or gain > _MAX_GAIN:
        warnings.append(
            f"colours are left as they are: bringing these stains to the reference would enlarge noise "
            f"{gain:.3g}-fold; the slide may not be stained with haematoxylin and eosin"
        )
        return Identity(warnings=tuple(warnings))
    offset = np.log(target.glass) - np.log(slide.glass) @ matrix
    return StainTransfer(matrix.astype(np.float32), offset.astype(np.float32), warnings=tuple(warnings))


def _with_residual(direction: np.ndarray) -> np.ndarray:
    """(3, 3): both stains and the unit direction perpendicular to them."""
    normal = np.cross(direction[0], direction[1])
    return np.vstack([direction, normal / np.linalg.norm(normal)])
