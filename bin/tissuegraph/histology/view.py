"""What a method may read of the image features of a slice: the rules, once for all methods. No network here.

N spots, F image features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tissuegraph.errors import InputError

# Counts inferred from image features agree with them by construction, which says nothing about the tissue
NO_SECOND_VIEW = (
    "expression was inferred from the image, which is no second view of it: trained without image"
)
FEWEST_SPOTS = 20  # with image features; fewer say nothing about a slice


@dataclass(frozen=True, eq=False)
class SpotImages:
    """What the tiles of a slice's spots show.

    features: (P, F) float64, standardised, of the P spots that have any; present: (N,) bool, which these are;
    flaw: why nothing can be read from them, None where something can
    """

    features: np.ndarray
    present: np.ndarray
    flaw: str | None

    @property
    def n_missing(self) -> int:
        return int((~self.present).sum())

    def spread_out(self, values: np.ndarray) -> np.ndarray:
        """Values (P, C) of the present spots as (N, C), zero at the others."""
        whole = np.zeros((len(self.present), values.shape[1]), dtype=values.dtype)
        whole[self.present] = values
        return whole


def spot_images(image: np.ndarray, n_spots: int) -> SpotImages:
    """Check and standardise. image: (N, F), one row per kept spot, with NaN where the spot has no features.

    Raises InputError for another shape or infinite values.
    """
    image = np.asarray(image, dtype=np.float64)
    if image.ndim != 2 or len(image) != n_spots or image.shape[1] == 0:
        raise InputError(
            f"image features need one row per kept spot ({n_spots}) and at least one column, got shape "
            f"{image.shape}; encode the image with the same spots table"
        )
    if np.isinf(image).any():
        raise InputError("image features must be finite, got infinite values; encode the image again")
    present = ~np.isnan(image).any(axis=1)
    features, flaw = standardised(image[present]), None
    if len(features) < FEWEST_SPOTS:
        flaw = f"{len(features)} spots have image features, {FEWEST_SPOTS} are needed"
    elif not features.any():
        flaw = "the image features are the same in all spots"
    return SpotImages(features, present, flaw)


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns (N, F) to zero mean and unit variance; a constant column becomes zero."""
    if len(values) == 0:
        return values
    spread = values.std(axis=0)
    constant = spread <= 1e-9 * np.abs(values).max(axis=0)
    return np.where(constant, 0.0, (values - values.mean(axis=0)) / np.where(constant, 1.0, spread))


def chosen_trust(setting: float | str, judge: Callable[[], float]) -> float:
    """Share that the image should have, in [0, 1]: what the setting says, or `judge` where that is `auto`."""
    return float(np.clip(judge() if setting == "auto" else setting, 0.0, 1.0))
