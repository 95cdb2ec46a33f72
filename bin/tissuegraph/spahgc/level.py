"""How much of each gene a slide has as a whole, told by its mean image features.

Scaling features slice by slice leaves the pattern within a slide and takes the difference between slides out,
with the stain. A ridge on features scaled by all references brings the difference back, as far as held-out
references say that it is right: no label of the target is needed. F image features, M genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
from scipy import sparse

from tissuegraph.spahgc.baselines import PENALTIES, Products, RidgePath
from tissuegraph.spahgc.scaling import ImageScaling

SHARES = (0.25, 0.5, 0.75, 1.0)  # of the difference that ridge sees
LEAST_GAIN = 0.1  # of the error in the level: less is no reason to touch it


@dataclass(frozen=True, eq=False)
class Level:
    """Level of every gene in a slide.

    mean: (M,) float32, over all spots of the references
    slope: (F, M) float32, change of the level per standard deviation that the slide's mean features are off
    """

    mean: np.ndarray
    slope: np.ndarray

    def of(self, image: np.ndarray, scaling: ImageScaling) -> np.ndarray:
        """(M,) float32 of a slide with image features (N, F), as encoded; scaling: of the references."""
        return self.mean + _mean_features(image, scaling) @ self.slope


@dataclass(frozen=True, eq=False)
class LevelPath:
    """Levels for any penalty of the ridge, from references whose moments are in `scaling`."""

    mean: np.ndarray
    ridge: RidgePath
    scaling: ImageScaling

    @classmethod
    def of(
        cls, images: Sequence[np.ndarray], expression: Sequence[sparse.csr_matrix], scaling: ImageScaling
    ) -> LevelPath:
        """images: (N_s, F) each, as encoded; expression: (N_s, M) each, log-normalised."""
        scaling = replace(scaling, rule="references")
        pairs = zip(images, expression, strict=True)
        products = reduce(add, (Products.of(scaling.apply(image), values) for image, values in pairs))
        mean = (products.expression / products.n_spots).astype(np.float32)
        return cls(mean, RidgePath(products), scaling)

    def level(self, penalty: float, share: float) -> Level:
        return Level(self.mean, share * self.ridge.with_penalty(penalty).coefficients)

    def off(self, image: np.ndarray) -> np.ndarray:
        """(penalties, M): how far the level of a slide is from the mean with each penalty."""
        features = _mean_features(image, self.scaling)
        return np.stack([features @ self.ridge.with_penalty(each).coefficients for each in PENALTIES])


@dataclass(frozen=True, eq=False)
class LevelChoice:
    """What held-out references (U of them) say. share 0: levels are not told by the image.

    difference: (U, M) predicted minus measured level; error, error_of_mean: root mean square over references
    and genes, of the level and of the references' mean in its place
    """

    penalty: float
    share: float
    error: float
    error_of_mean: float
    difference: np.ndarray


def choose_level(mean_off: np.ndarray, ridge_off: np.ndarray) -> LevelChoice:
    """Penalty and share with the smallest error in the level of held-out references.

    mean_off: (U, M), mean of the other references minus the measured mean; ridge_off: (U, penalties, M), see
    `LevelPath.off`. Where the error is not smaller by LEAST_GAIN, the level is left alone.
    """
    without = _size(mean_off)
    found = {
        (_size(mean_off + share * ridge_off[:, place]), penalty, share): place
        for share in SHARES
        for place, penalty in enumerate(PENALTIES)
    }
    error, penalty, share = min(found)
    if error >= (1 - LEAST_GAIN) * without:  # (equal where levels differ nowhere)
        return LevelChoice(penalty, 0.0, without, without, mean_off)
    place = PENALTIES.index(penalty)
    return LevelChoice(penalty, share, error, without, mean_off + share * ridge_off[:, place])


def _mean_features(image: np.ndarray, scaling: ImageScaling) -> np.ndarray:
    """(F,) float32: by how many standard deviations of the references the mean of a slide is off."""
    mean = image.mean(axis=0, dtype=np.float64, keepdims=True)
    return replace(scaling, rule="references").apply(mean)[0]


def _size(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))
