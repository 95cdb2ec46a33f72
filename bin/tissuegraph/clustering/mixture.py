"""Gaussian mixture whose components share one covariance (mclust's model EEE), fitted by EM.

A published solver exists (scikit-learn's `GaussianMixture(covariance_type="tied")`); this one exists
because start and convergence *are* the method here: it begins from a hard partition, stops on the
relative log-likelihood, and needs O(N K d) per step because a shared covariance follows from the total
scatter. A test holds it against scikit-learn's likelihood.

Notation: N spots, d dimensions, K components.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

from tissuegraph.errors import InputError

CHUNK_ROWS = 65_536  # rows per E-step block: bounds the (rows, K) work arrays at a few tens of MB


@dataclass(frozen=True)
class TiedMixture:
    """A fitted mixture: weights (K,), means (K, d), covariance (d, d), and how the fit ended.

    log_likelihood is the sum over the spots it was fitted on; converged is False where max_steps came first.
    """

    weights: np.ndarray
    means: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    n_steps: int
    converged: bool

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Most probable component (N,) of each point (N, d)."""
        slope, offset = _discriminants(self.weights, self.means, _root(self.covariance))
        blocks = _blocks(len(points))
        return np.concatenate([np.argmax(points[rows] @ slope + offset, axis=1) for rows in blocks])

    @property
    def n_parameters(self) -> int:
        """Free parameters: weights, means and one symmetric covariance."""
        n_components, n_dims = self.means.shape
        return n_components - 1 + n_components * n_dims + n_dims * (n_dims + 1) // 2


def fit_tied(
    points: np.ndarray,
    start: np.ndarray,
    *,
    n_components: int,
    tolerance: float = 1e-6,
    ridge: float = 1e-6,
    max_steps: int = 1000,
) -> TiedMixture:
    """Fit by EM from a partition.

    points (N, d); start (N,) labels in 0..K-1, where a missing label leaves that component without weight;
    tolerance: stop when a step raises the log-likelihood by less than this fraction of its size;
    ridge: added to the covariance diagonal, as a fraction of the mean variance of the points.
    """
    if len(start) != len(points):
        raise InputError(
            f"a start needs one label per point: got {len(start)} labels for {len(points)} points"
        )
    points = np.asarray(points, dtype=np.float64)
    centre = points.mean(axis=0)
    points = points - centre  # small numbers: the scatter below is a difference of second moments
    one_hot_start = np.eye(n_components)[start]
    mass, sums = one_hot_start.sum(axis=0), one_hot_start.T @ points
    mixture = _fit_centred(points, mass, sums, tolerance, ridge, max_steps)
    return replace(mixture, means=mixture.means + centre)


def _fit_centred(points, mass, sums, tolerance, ridge, max_steps) -> TiedMixture:
    n_points, n_dims = points.shape
    second_moment = points.T @ points / n_points  # (d, d)
    floor = max(ridge * np.trace(second_moment) / n_dims, np.finfo(float).tiny)
    previous, converged, step = -np.inf, False, 0
    while not converged and step < max_steps:
        step += 1
        weights, means, covariance = _maximise(mass, sums, second_moment, floor)
        root = _root(covariance)
        slope, offset = _discriminants(weights, means, root)
        mass, sums, evidence = _expect(points, slope, offset)
        log_likelihood = evidence - 0.5 * n_points * _spread(second_moment, root)
        converged = bool(log_likelihood - previous <= tolerance * abs(log_likelihood))
        previous = log_likelihood
    return TiedMixture(weights, means, covariance, float(log_likelihood), step, converged)


def _maximise(mass, sums, second_moment, floor):
    """M-step from component masses (K,) and sums (K, d).

    The shared covariance is the total second moment less that of the means, so no spot is visited.
    """
    weights = mass / mass.sum()
    means = sums / np.maximum(mass, np.finfo(float).tiny)[:, None]
    covariance = second_moment - (means * weights[:, None]).T @ means
    covariance = (covariance + covariance.T) / 2 + floor * np.eye(len(covariance))
    return weights, means, covariance


def _root(covariance):
    """Lower triangular L with L L' = S. LAPACK itself: of few dimensions, checks cost more than sums."""
    root, failed = dpotrf(covariance, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("the covariance of the mixture is not positive definite")
    return root


def _discriminants(weights, means, root):
    """Linear scores x @ slope + offset = log w_k + log N(x; m_k, S), less the term that only x determines."""
    slope, _ = dpotrs(root, means.T, lower=1)  # (d, K)
    with np.errstate(divide="ignore"):
        offset = np.log(weights) - 0.5 * np.einsum("kd,dk->k", means, slope)
    return slope, offset


def _expect(points, slope, offset):
    """E-step in blocks: component masses (K,), sums (K, d) and the summed log of the scores' total."""
    mass, sums, evidence = np.zeros(len(offset)), np.zeros(slope.T.shape), 0.0
    for rows in _blocks(len(points)):
        block = points[rows]
        scores = block @ slope  # (n, K)
        scores += offset
        top = scores.max(axis=1, keepdims=True)
        scores -= top
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        scores /= total
        evidence += float(np.log(total).sum() + top.sum())
        mass += scores.sum(axis=0)
        sums += scores.T @ block
    return mass, sums, evidence


def _spread(second_moment, root) -> float:
    """What the linear scores leave out, per spot: log|S| + d log 2 pi + mean of x' S^-1 x."""
    half, _ = dtrtrs(root, second_moment, lower=1)
    whole, _ = dtrtrs(root, half.T, lower=1)
    return 2 * np.log(np.diag(root)).sum() + len(root) * np.log(2 * np.pi) + np.trace(whole)


def _blocks(n_rows: int) -> list[slice]:
    return [slice(first, first + CHUNK_ROWS) for first in range(0, max(n_rows, 1), CHUNK_ROWS)]
