"""Scales inside the network: of expression, and of image features. Fitted on sequenced slices only.

N spots, M genes, F image features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.slices.preprocess import mean_variance


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x - offset) / spread per gene; both (M,) float32, fitted on training slices only."""

    offset: np.ndarray
    spread: np.ndarray

    def forward(self, values: np.ndarray) -> np.ndarray:
        return (values - self.offset) / self.spread

    def backward(self, values: np.ndarray) -> np.ndarray:
        return values * self.spread + self.offset


def fit_scaling(expression: Sequence[sparse.csr_matrix], rule: str) -> Scaling:
    """Scaling of log expression (N, M) of each slice. rule: none; unit (mean 0, variance 1); minmax (0 to 1).

    A gene that is constant over the training slices is centred only.
    """
    n_genes = expression[0].shape[1]
    if rule == "none":
        return Scaling(np.zeros(n_genes, np.float32), np.ones(n_genes, np.float32))
    if rule == "unit":
        offset, spread = _mean_deviation(expression)
    else:
        offset = np.min([each.min(axis=0).toarray().ravel() for each in expression], axis=0)
        spread = np.max([each.max(axis=0).toarray().ravel() for each in expression], axis=0) - offset
    spread = np.where(spread > 1e-8, spread, 1.0)
    return Scaling(offset.astype(np.float32), spread.astype(np.float32))


def _mean_deviation(expression: Sequence[sparse.csr_matrix]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (n - 1) of each gene over all slices, one slice at a time."""
    n_spots = sum(each.shape[0] for each in expression)
    found = [mean_variance(each) for each in expression]
    mean = sum(each.shape[0] * own for each, (own, _) in zip(expression, found, strict=True)) / n_spots
    squares = sum(
        (each.shape[0] - 1) * variance + each.shape[0] * (own - mean) ** 2
        for each, (own, variance) in zip(expression, found, strict=True)
    )
    return mean, np.sqrt(squares / max(n_spots - 1, 1))


@dataclass(frozen=True, eq=False)
class ImageScaling:
    """Image features (N, F) to zero mean and unit variance.

    rule: none; slice (each slice by itself); references (all by mean and deviation, both (F,) float64);
    encoder, where no run has settled it (see Settings.for_encoder), is references.
    `slice` takes out what differs between slides as a whole, such as stain; it reads the target's image
    only, which is given. A constant feature becomes 0.
    """

    rule: str
    mean: np.ndarray
    deviation: np.ndarray

    def apply(self, image: np.ndarray) -> np.ndarray:
        """(N, F) float32; the same array where nothing is to be done."""
        if self.rule == "none":
            return image
        if self.rule == "slice":
            return _unit(image, *_moments([image]))
        return _unit(image, self.mean, self.deviation)


def fit_image_scaling(images: Sequence[np.ndarray], rule: str) -> ImageScaling:
    """The rule with the moments of all reference images (N, F) together."""
    return ImageScaling(rule, *_moments(images))


def _moments(images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    n_spots = sum(len(each) for each in images)
    mean = sum(each.sum(axis=0, dtype=np.float64) for each in images) / n_spots
    variance = sum(np.square(each - mean).sum(axis=0) for each in images) / n_spots
    return mean, np.sqrt(variance)


def _unit(image: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    constant = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-12)
    return np.where(constant, 0.0, (image - mean) / np.where(constant, 1.0, deviation)).astype(np.float32)
