"""Match mean and spread of the tissue's colours.

Reinhard et al. (2001), Color transfer between images, IEEE CG&A 21; here in CIELAB and over tissue only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tissuegraph.histology.stain import lab
from tissuegraph.histology.stain.normaliser import Normaliser, stained_share
from tissuegraph.histology.stain.pixels import TissuePixels

_SCALE = (1 / 3, 3.0)  # a spread that differs more is not a matter of stain
_NO_SPREAD = 0.3  # CIELAB units; less is noise of rounding, and is not stretched


@dataclass(frozen=True, eq=False)
class LabTransfer(Normaliser):
    """Affine map in CIELAB, folded into one matrix on the responses that CIELAB is made of.

    balance: (3,) white balance in linear light; matrix: (3, 3); offset: (3,); all float32;
    glass_sum: red + green + blue of the slide's glass, which keeps its balanced colour.
    """

    balance: np.ndarray
    matrix: np.ndarray
    offset: np.ndarray
    glass_sum: float

    def _convert(self, pixels: np.ndarray) -> np.ndarray:
        own = lab.responses(pixels, self.balance)
        shift = own @ self.matrix + self.offset - own
        return lab.responses_to_rgb(own + stained_share(pixels, self.glass_sum) * shift)


def reinhard_transfer(slide: TissuePixels, target: TissuePixels) -> LabTransfer:
    """Match mean and standard deviation of L, a and b over tissue pixels, after equalising the glass."""
    balance = _light(target.glass) / _light(slide.glass)
    own, wanted = lab.rgb_to_lab(slide.rgb, balance), lab.rgb_to_lab(target.rgb)
    mean, sd = own.mean(axis=0, dtype=np.float64), own.std(axis=0, dtype=np.float64)
    goal, goal_sd = wanted.mean(axis=0, dtype=np.float64), wanted.std(axis=0, dtype=np.float64)
    asked = np.where(sd > _NO_SPREAD, goal_sd / np.maximum(sd, _NO_SPREAD), 1.0)
    scale = np.clip(asked, *_SCALE)
    warnings = list(slide.warnings)
    if (scale != asked).any():
        text = ", ".join(f"{value:.2g}" for value in asked)
        warnings.append(f"the spread of L, a, b would have to change by {text}; limited to 1/3 and 3")
    # lab' = (lab - mean) * scale + goal with lab = response @ A + b, solved for the new responses
    to_lab = lab.TO_LAB.astype(np.float64)
    back = np.linalg.inv(to_lab)
    matrix = to_lab @ np.diag(scale) @ back
    offset = ((lab.LAB_OFFSET - mean) * scale + goal - lab.LAB_OFFSET) @ back
    parts = (np.asarray(part, dtype=np.float32) for part in (balance, matrix, offset))
    return LabTransfer(*parts, float(slide.glass.sum()), warnings=tuple(warnings))


def _light(glass: np.ndarray) -> np.ndarray:
    """(3,) linear light of the glass; a fractional colour lies between two entries of the table."""
    return np.interp(glass, np.arange(256), lab.LINEAR)
