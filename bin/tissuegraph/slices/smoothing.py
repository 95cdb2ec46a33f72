"""Averages over the spots around each spot, and over how many of them: N spots, D features, no label.

What is around a spot is stated as a number of nearest spots. Bins and cells lie many times denser than the
spots of an array, where so few of them see no tissue: where the scale of a slice is known, its neighbourhoods
also have a least radius in micrometres, the same for spots, bins and cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from tissuegraph.errors import SettingsError
from tissuegraph.slices.neighbours import nearest_spots, sample_spots
from tissuegraph.slices.pooling import Pooled

# Chosen on single cells of mouse cortex: domains of smoothed components are at their best between 60 and 110
# um and lost from 200 um on. The 18 nearest spots of an array reach 200 um, so none of its averages changes.
LEAST_RADIUS_UM = 100.0
LEAST_RADIUS_SPOTS = 18  # the number of nearest spots that goes with it; others by area
MOST_OF_SLICE = 0.05  # share of the slice that a radius may take in: a small field is not one neighbourhood

_EXACT_MEAN = 64  # spots within a radius, on average, up to which each is listed
_LOO_SPOTS = 20_000  # spots over which the leave-one-out error is averaged
_LOO_DENSE_SPOTS = 2_000  # the same, where each has hundreds of neighbours


@dataclass(frozen=True)
class Neighbourhood:
    """What is around a spot: its n_nearest nearest spots, or all within radius where those are more.

    radius: in the unit of positions, 0 for none.
    """

    n_nearest: int
    radius: float = 0.0


def neighbourhood(n_nearest: int, um_per_px: float | None) -> Neighbourhood:
    """The n_nearest nearest spots; where the scale is known (not None) at least 100 um sqrt(n_nearest/18)."""
    if not um_per_px or n_nearest == 0:
        return Neighbourhood(n_nearest)
    reach = LEAST_RADIUS_UM * np.sqrt(n_nearest / LEAST_RADIUS_SPOTS)
    return Neighbourhood(n_nearest, float(reach / um_per_px))


@dataclass(frozen=True, eq=False)
class Averaging:
    """`averaging @ features` is the mean over each spot and those around it: (N, D) to (N, D).

    nearest: CSR (N, N), rows sum to 1 or, of spots averaged by the grid, are empty; n_averaged: spots around
    a spot, on average, itself not counted; radius: the one that was used, 0 where no spot has more around it
    than its nearest; pooled: the grid, or None; dense: (N,) bool, the spots that it averages.
    """

    nearest: sparse.csr_matrix
    n_averaged: float
    radius: float = 0.0
    pooled: Pooled | None = None
    dense: np.ndarray | None = None

    def __matmul__(self, features: np.ndarray) -> np.ndarray:
        found = self.nearest @ features
        if self.pooled is not None:
            found[self.dense] = self.pooled.mean(features)[self.dense]
        return found


def averaging(position: np.ndarray, around: Neighbourhood) -> Averaging:
    """Averages over each spot and what is around it. Wide ones are pooled on a grid: linear in N."""
    tree = cKDTree(position)
    radius, mean = _usable_radius(tree, around)
    if radius == 0:
        return Averaging(mean_over_nearest(position, around.n_nearest), around.n_nearest)
    if mean <= _EXACT_MEAN:
        return _within(tree, around.n_nearest, radius)
    pooled = Pooled(position, radius)
    dense = pooled.n_spots > around.n_nearest + 1
    sizes = np.where(dense, pooled.n_spots - 1, around.n_nearest)
    alone = np.flatnonzero(~dense)
    return Averaging(
        _nearest_rows(position, around.n_nearest, alone), float(sizes.mean()), radius, pooled, dense
    )


def _usable_radius(tree: cKDTree, around: Neighbourhood) -> tuple[float, float]:
    """The radius, at most what holds MOST_OF_SLICE, and how many spots it holds on average (with the spot).

    0 where it holds no more than the nearest spots: looked at on a sample of spots.
    """
    if around.radius == 0:
        return 0.0, 0.0
    n_spots = tree.n
    asked = tree.data[sample_spots(n_spots, seed=0)]
    radius = around.radius
    for _ in range(20):
        held = tree.query_ball_point(asked, radius, return_length=True)
        if held.mean() <= max(MOST_OF_SLICE * n_spots, around.n_nearest + 1):
            break
        radius *= np.sqrt(MOST_OF_SLICE * n_spots / held.mean()) * 0.99
    return (radius, float(held.mean())) if held.max() > around.n_nearest + 1 else (0.0, 0.0)


def _within(tree: cKDTree, n_nearest: int, radius: float) -> Averaging:
    """All within the radius where they are more than the nearest spots."""
    n_spots = tree.n
    first, second = tree.query_pairs(radius, output_type="ndarray").T
    itself = np.arange(n_spots)
    rows, columns = np.concatenate([first, second, itself]), np.concatenate([second, first, itself])
    ones = np.ones(len(rows), dtype=np.float32)
    around = sparse.csr_matrix((ones, (rows, columns)), shape=(n_spots, n_spots))
    size = np.diff(around.indptr)
    dense = size > n_nearest + 1
    weight = np.where(dense, 1 / size, 0).astype(np.float32)
    operator = sparse.csr_matrix(sparse.diags_array(weight) @ around)
    operator.eliminate_zeros()
    operator = sparse.csr_matrix(operator + _nearest_rows(tree.data, n_nearest, np.flatnonzero(~dense)))
    return Averaging(operator, float(np.where(dense, size - 1, n_nearest).mean()), radius)


def _nearest_rows(position: np.ndarray, k: int, asked: np.ndarray) -> sparse.csr_matrix:
    """Averages the asked spots (ascending) with their k nearest; other rows are empty: CSR (N, N) float32."""
    n_spots = len(position)
    if len(asked) == 0:
        return sparse.csr_matrix((n_spots, n_spots), dtype=np.float32)
    nearest, _ = nearest_spots(position, k, queries=asked)
    return _averaging(np.hstack([asked[:, None].astype(np.int32), nearest]), asked, n_spots)


def mean_over_nearest(position: np.ndarray, k: int) -> sparse.csr_matrix:
    """Averages each spot with its k nearest spots: CSR (N, N) float32, rows sum to 1. k = 0: identity."""
    n_spots = len(position)
    if k == 0 or n_spots == 1:
        return sparse.eye_array(n_spots, dtype=np.float32, format="csr")
    return _nearest_rows(position, k, np.arange(n_spots))


def mean_over_others(position: np.ndarray, k: int) -> sparse.csr_matrix:
    """Averages the k nearest spots of each, without it: CSR (N, N) float32, rows sum to 1. k >= 1."""
    return _averaging(nearest_spots(position, k)[0], np.arange(len(position)), len(position))


def _averaging(columns: np.ndarray, rows: np.ndarray, n_spots: int) -> sparse.csr_matrix:
    """Averages the spots of each row of columns (M, k) into the given rows (M,), ascending, of (N, N)."""
    weight = np.full(columns.size, 1 / columns.shape[1], dtype=np.float32)
    starts = np.searchsorted(rows, np.arange(n_spots + 1)) * columns.shape[1]
    operator = sparse.csr_matrix((weight, columns.ravel(), starts), shape=(n_spots, n_spots))
    operator.sort_indices()
    return operator


# Over how many ---------------------------------------------------------------------------------------


def loo_errors(
    features: np.ndarray,
    position: np.ndarray,
    candidates: Sequence[int],
    um_per_px: float | None = None,
) -> np.ndarray:
    """Error of predicting each spot by the mean of those around it, for each k: (len(candidates),).

    sum_i |x_i - mean of its neighbourhood without it|^2 / N. features: (N, D). Of k nearest spots one
    neighbour query and running sums serve all k; above 20,000 spots a fixed random sample of them is asked.
    """
    candidates = np.asarray(candidates, dtype=int)
    if len(candidates) == 0 or candidates.min() < 1 or candidates.max() >= len(features):
        raise SettingsError(
            f"candidates must lie between 1 and {len(features) - 1} (spots - 1), got {candidates.tolist()}"
        )
    tree = cKDTree(position)
    if _usable_radius(tree, neighbourhood(int(candidates.max()), um_per_px))[0] > 0:
        return np.array([_dense_error(features, tree, neighbourhood(int(k), um_per_px)) for k in candidates])
    asked = sample_spots(len(features), seed=0, size=_LOO_SPOTS)
    nearest, _ = nearest_spots(position, int(candidates.max()), queries=asked)
    features = np.asarray(features, dtype=np.float64)
    total = np.zeros((len(asked), features.shape[1]))
    errors = np.empty(int(candidates.max()))
    for rank in range(len(errors)):
        total += features[nearest[:, rank]]
        errors[rank] = ((features[asked] - total / (rank + 1)) ** 2).sum() / len(asked)
    return errors[candidates - 1]


def _dense_error(features: np.ndarray, tree: cKDTree, around: Neighbourhood) -> float:
    """The leave-one-out error of one neighbourhood with a radius, over a sample of spots."""
    asked = sample_spots(len(features), seed=0, size=_LOO_DENSE_SPOTS)
    radius, _ = _usable_radius(tree, around)
    nearest, _ = nearest_spots(tree.data, around.n_nearest, queries=asked)
    error = 0.0
    for spot, few in zip(asked, nearest, strict=True):
        others = few
        ball = tree.query_ball_point(tree.data[spot], radius) if radius else ()  # all at once are gigabytes
        if len(ball) > len(few) + 1:
            ball = np.asarray(ball)
            others = ball[ball != spot]
        error += float(((features[spot] - features[others].mean(axis=0, dtype=np.float64)) ** 2).sum())
    return error / len(asked)


def loo_neighbours(
    features: np.ndarray,
    position: np.ndarray,
    candidates: Sequence[int] = range(1, 61),
    um_per_px: float | None = None,
) -> int:
    """The number of neighbours that predicts left-out spots best, without any label.

    features: (N, D), usually 15 principal components; candidates above N - 1 are left out.
    """
    usable = [k for k in candidates if k < len(features)]
    errors = loo_errors(features, position, usable, um_per_px)
    return int(usable[int(errors.argmin())])


# Numbers of neighbours tried. The error is flat (within 1 %) around its minimum, so a finer grid would
# choose by noise; steps follow the shells of a lattice.
SMOOTHING_SCALES = (6, 8, 12, 18, 24, 36)


def smoothing_scale(
    features: np.ndarray, position: np.ndarray, um_per_px: float | None = None
) -> Neighbourhood:
    """Over what to average: the neighbourhood that predicts left-out spots best.

    features: (N, D) principal components, not smoothed; position: (N, 2) in pixels. No label is used.
    """
    usable = [k for k in SMOOTHING_SCALES if k < len(position)]
    chosen = loo_neighbours(features, position, usable, um_per_px) if usable else len(position) - 1
    return neighbourhood(chosen, um_per_px)
