"""What inference has to beat: mean expression, nearest references by image, ridge regression on the image.

All of them see the references only, on the same scaled image features as the network; the number of
neighbours and the ridge penalty are chosen on the same inner validation as the network's epochs. References
are never made dense, whatever their number. N targets, F image features, M genes; a reference slice s has
N_s spots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from scipy import sparse

from tissuegraph.spahgc.retrieval import retrieve

STARTS = ("ridge", "blend", "knn")  # what the network may start from
NEIGHBOURS = (3, 5, 7, 10, 15, 20, 30, 50, 80)
PENALTIES = tuple(float(10.0**power) for power in np.arange(0, 6.01, 0.5))
_ROWS = 16_384  # spots in double precision at a time


@dataclass(frozen=True)
class Tuning:
    """Chosen on inner validation: neighbours of the kNN baseline, penalty of the ridge, starting point, and
    whether retrieved references are in the graph.
    """

    neighbours: int
    penalty: float
    start: str = "none"  # none, knn, ridge or blend
    served: bool = True


def mean_prediction(expression: Sequence[sparse.csr_matrix], n_targets: int) -> np.ndarray:
    """Mean over all reference spots for every target: (n_targets, M) float32. expression: (N_s, M) each."""
    n_spots = sum(each.shape[0] for each in expression)
    mean = sum(np.asarray(each.sum(axis=0, dtype=np.float64)).ravel() for each in expression) / n_spots
    return np.repeat(mean[None].astype(np.float32), n_targets, axis=0)


def knn_path(
    images: Sequence[np.ndarray],
    expression: Sequence[sparse.csr_matrix],
    targets: np.ndarray,
    neighbours: Sequence[int] = NEIGHBOURS,
) -> Iterator[np.ndarray]:
    """Mean of the k most similar references (cosine of image features): (N, M) float32 for every k, rising.

    images: (N_s, F), expression: (N_s, M), targets: (N, F). Where there are fewer references than k, all.
    """
    nearest = retrieve(targets, images, max(neighbours)).index
    running, reached = np.zeros((len(targets), expression[0].shape[1])), 0
    for low, high in pairwise((0, *neighbours)):
        if low < nearest.shape[1]:
            running += _sum_of_rows(nearest[:, low:high], expression)
            reached = min(high, nearest.shape[1])
        yield (running / reached).astype(np.float32)


def _sum_of_rows(chosen: np.ndarray, expression: Sequence[sparse.csr_matrix]) -> np.ndarray:
    """Sum over the chosen rows (N, k) of all slices one after the other: (N, M) dense."""
    n_targets, start = len(chosen), 0
    total = np.zeros((n_targets, expression[0].shape[1]))
    for each in expression:
        target, place = np.nonzero((chosen >= start) & (chosen < start + each.shape[0]))
        pairs = (target, chosen[target, place] - start)
        choice = sparse.csr_matrix((np.ones(len(target)), pairs), shape=(n_targets, each.shape[0]))
        total += (choice @ each).toarray()
        start += each.shape[0]
    return total


@dataclass(frozen=True, eq=False)
class Ridge:
    """Linear prediction from image features: coefficients (F, M), intercept (M,), both float32."""

    coefficients: np.ndarray
    intercept: np.ndarray

    def predict(self, image: np.ndarray) -> np.ndarray:
        """(N, F) -> (N, M) float32."""
        return image @ self.coefficients + self.intercept


@dataclass(frozen=True, eq=False)
class Products:
    """Sums over spots from which ridge regression follows; those of several slices add up.

    image: (F,), expression: (M,), image_image: (F, F), image_expression: (F, M), all float64
    """

    n_spots: int
    image: np.ndarray
    expression: np.ndarray
    image_image: np.ndarray
    image_expression: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray, expression: sparse.csr_matrix) -> Products:
        """image: (N_s, F), near zero mean and unit variance; expression: (N_s, M)."""
        n_features, n_genes = image.shape[1], expression.shape[1]
        square, cross = np.zeros((n_features, n_features)), np.zeros((n_features, n_genes))
        for start in range(0, len(image), _ROWS):
            rows = image[start : start + _ROWS].astype(np.float64)
            square += rows.T @ rows
            cross += (expression[start : start + _ROWS].T.astype(np.float64) @ rows).T
        return cls(
            len(image),
            image.sum(axis=0, dtype=np.float64),
            np.asarray(expression.sum(axis=0, dtype=np.float64)).ravel(),
            square,
            cross,
        )

    def __add__(self, other: Products) -> Products:
        return self._combined(other, 1)

    def __sub__(self, other: Products) -> Products:
        return self._combined(other, -1)

    def _combined(self, other: Products, sign: int) -> Products:
        names = [field.name for field in fields(self)]
        return Products(*(getattr(self, name) + sign * getattr(other, name) for name in names))


class RidgePath:
    """Ridge regression with intercept for any penalty, features to unit variance over the references.

    Equal to scikit-learn's Ridge after its StandardScaler, from the products of spots alone.
    """

    def __init__(self, products: Products):
        self._mean = products.image / products.n_spots
        self._target_mean = products.expression / products.n_spots
        covariance = products.image_image / products.n_spots - np.outer(self._mean, self._mean)
        variance = np.maximum(np.diag(covariance), 0)
        constant = variance <= 1e-10 * np.maximum(self._mean**2, 1e-12)
        self._deviation = np.sqrt(np.where(constant, 1.0, variance))
        scale = np.where(constant, 0.0, 1 / self._deviation)
        gram = products.n_spots * covariance * np.outer(scale, scale)
        cross = products.image_expression - np.outer(self._mean, products.expression)
        values, self._vectors = np.linalg.eigh(gram)
        self._values = np.maximum(values, 0)
        self._rotated = self._vectors.T @ (cross * scale[:, None])

    def with_penalty(self, penalty: float) -> Ridge:
        weights = self._vectors @ (self._rotated / (self._values + penalty)[:, None])
        coefficients = weights / self._deviation[:, None]
        intercept = self._target_mean - self._mean @ coefficients
        return Ridge(coefficients.astype(np.float32), intercept.astype(np.float32))
