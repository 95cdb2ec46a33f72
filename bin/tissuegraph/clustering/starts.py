"""Partitions from which the mixture's EM begins; they decide the result more than the mixture's form.

N spots, d dimensions, K components, M micro-clusters.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

RELATIVE_FLOOR = 1e-6  # of the mean variance, added to the within-cluster scatter so that it can be inverted


def ward_tree(points: np.ndarray) -> np.ndarray:
    """Ward linkage of points (N, d). Memory and time grow with N^2: give it a sample of a large slice."""
    return linkage(points, method="ward")


def cut(tree: np.ndarray, n_clusters: int) -> np.ndarray:
    """Labels (N,) in 0..n_clusters-1; fewer clusters come out where distances tie."""
    return fcluster(tree, n_clusters, criterion="maxclust") - 1


def kmeans_start(points: np.ndarray, n_components: int, seed: int) -> np.ndarray:
    """Labels (N,) of one k-means run from a k-means++ start.

    Carried to convergence: single-point k-means++ centres alone are a poor start for a mixture.
    """
    from sklearn.cluster import KMeans  # here, because it costs seconds to import

    return KMeans(n_components, n_init=1, random_state=seed).fit_predict(points)


def model_based_hierarchy(points: np.ndarray, groups: np.ndarray, n_components: int) -> np.ndarray:
    """Merge micro-clusters under the tied-covariance model until n_components are left: labels (N,).

    points (N, d); groups (N,) in 0..M-1, none empty. The classification likelihood of a common covariance
    falls with log|W|, W the pooled within-cluster scatter; merging a and b adds
    n_a n_b / (n_a + n_b) (m_a - m_b)(m_a - m_b)' to W, so the cheapest pair is the closest one in the
    metric of the current W (Banfield & Raftery 1993, Biometrics 49:803; Fraley 1998). Time O(M^3 + M^2 d).
    """
    sizes = np.bincount(groups).astype(np.float64)
    means = np.stack([np.bincount(groups, column) for column in points.T], axis=1) / sizes[:, None]
    residuals = points - means[groups]
    n_dims = points.shape[1]
    floor = RELATIVE_FLOOR * points.var(axis=0).sum() * len(points) / n_dims
    scatter = residuals.T @ residuals + max(floor, np.finfo(float).tiny) * np.eye(n_dims)
    merged_into = np.arange(len(sizes))
    while len(sizes) > n_components:
        keep, gone, cost_factor = _cheapest_pair(sizes, means, scatter)
        difference = means[keep] - means[gone]
        scatter = scatter + cost_factor * np.outer(difference, difference)
        total = sizes[keep] + sizes[gone]
        means[keep] = (sizes[keep] * means[keep] + sizes[gone] * means[gone]) / total
        sizes[keep] = total
        sizes, means = np.delete(sizes, gone), np.delete(means, gone, axis=0)
        merged_into[merged_into == gone] = keep
        merged_into[merged_into > gone] -= 1
    return merged_into[groups]


def _cheapest_pair(sizes, means, scatter) -> tuple[int, int, float]:
    """The pair (smaller index first) whose merging raises log|W| least, and n_a n_b / (n_a + n_b)."""
    whitened = np.linalg.solve(np.linalg.cholesky(scatter), (means - means.mean(axis=0)).T).T
    squared = (whitened**2).sum(axis=1)
    factor = sizes[:, None] * sizes / (sizes[:, None] + sizes)
    cost = factor * (squared[:, None] + squared - 2 * whitened @ whitened.T)
    np.fill_diagonal(cost, np.inf)
    first, second = np.unravel_index(cost.argmin(), cost.shape)
    return int(min(first, second)), int(max(first, second)), float(factor[first, second])
