"""Averages over the nearest spots, and over how many of them: N spots, D features, no label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from tissuegraph.errors import SettingsError
from tissuegraph.slices.neighbours import nearest_spots, sample_spots

_LOO_SPOTS = 20_000  # spots over which the leave-one-out error is averaged


def mean_over_nearest(position: np.ndarray, k: int) -> sparse.csr_matrix:
    """Averages each spot with its k nearest spots: CSR (N, N) float32, rows sum to 1. k = 0: identity."""
    n_spots = len(position)
    itself = np.arange(n_spots, dtype=np.int32)[:, None]
    if k == 0 or n_spots == 1:
        return sparse.eye_array(n_spots, dtype=np.float32, format="csr")
    return _averaging(np.hstack([itself, nearest_spots(position, k)[0]]))


def mean_over_others(position: np.ndarray, k: int) -> sparse.csr_matrix:
    """Averages the k nearest spots of each, without it: CSR (N, N) float32, rows sum to 1. k >= 1."""
    return _averaging(nearest_spots(position, k)[0])


def _averaging(columns: np.ndarray) -> sparse.csr_matrix:
    """Averages the spots of each row of columns (N, k)."""
    n_spots = len(columns)
    weight = np.full(columns.size, 1 / columns.shape[1], dtype=np.float32)
    starts = np.arange(n_spots + 1) * columns.shape[1]
    operator = sparse.csr_matrix((weight, columns.ravel(), starts), shape=(n_spots, n_spots))
    operator.sort_indices()
    return operator


def loo_errors(features: np.ndarray, position: np.ndarray, candidates: Sequence[int]) -> np.ndarray:
    """Error of predicting each spot by the mean of its k nearest other spots, for each k: (len(candidates),).

    sum_i |x_i - mean of the k nearest others|^2 / N. features: (N, D). One neighbour query and running
    sums serve all k; above 20,000 spots a fixed random sample of them is asked.
    """
    candidates = np.asarray(candidates, dtype=int)
    if len(candidates) == 0 or candidates.min() < 1 or candidates.max() >= len(features):
        raise SettingsError(
            f"candidates must lie between 1 and {len(features) - 1} (spots - 1), got {candidates.tolist()}"
        )
    asked = sample_spots(len(features), seed=0, size=_LOO_SPOTS)
    nearest, _ = nearest_spots(position, int(candidates.max()), queries=asked)
    features = np.asarray(features, dtype=np.float64)
    total = np.zeros((len(asked), features.shape[1]))
    errors = np.empty(int(candidates.max()))
    for rank in range(len(errors)):
        total += features[nearest[:, rank]]
        errors[rank] = ((features[asked] - total / (rank + 1)) ** 2).sum() / len(asked)
    return errors[candidates - 1]


def loo_neighbours(
    features: np.ndarray, position: np.ndarray, candidates: Sequence[int] = range(1, 61)
) -> int:
    """The number of neighbours that predicts left-out spots best, without any label.

    features: (N, D), usually 15 principal components; candidates above N - 1 are left out.
    """
    usable = [k for k in candidates if k < len(features)]
    errors = loo_errors(features, position, usable)
    return int(usable[int(errors.argmin())])


# Numbers of neighbours tried. The error is flat (within 1 %) around its minimum, so a finer grid would
# choose by noise; steps follow the shells of a lattice.
SMOOTHING_SCALES = (6, 8, 12, 18, 24, 36)


def smoothing_scale(features: np.ndarray, position: np.ndarray) -> int:
    """Over how many nearest spots to average: the number that predicts left-out spots best.

    features: (N, D) principal components, not smoothed; position: (N, 2). No label is used.
    """
    usable = [k for k in SMOOTHING_SCALES if k < len(position)]
    return loo_neighbours(features, position, usable) if usable else len(position) - 1
