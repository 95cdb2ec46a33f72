"""Class means that teachers share, and how far each section is off them.

Sections differ by an offset common to all their spots (day, chemistry, donor). It is estimated with the
classes, never as the section's own mean: that would assume that every section holds the same mix of regions.
N spots, D components, C classes, T teachers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

RIDGE = 1e-3  # of the mean variance, added to the pooled covariance
STEPS = 30  # at most, of either fit
FAR = 2.0  # distance per dimension, in standard deviations, at which a spot counts half for an offset
PSEUDO_SPOTS = 50.0  # by which a target's class shares are held to those of the teachers


@dataclass(frozen=True, eq=False)
class ClassModel:
    """means (C, D), covariance (D, D) common to all classes, shares (C,) of the classes over the teachers."""

    means: np.ndarray
    covariance: np.ndarray
    shares: np.ndarray

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distance of each point (N, D) to each class mean: (N, C)."""
        root = np.linalg.cholesky(self.covariance)
        whitened = solve_triangular(root, (points - self.means.mean(axis=0)).T, lower=True)
        centres = solve_triangular(root, (self.means - self.means.mean(axis=0)).T, lower=True)
        squared = (whitened**2).sum(axis=0)[:, None] + (centres**2).sum(axis=0) - 2 * whitened.T @ centres
        return np.maximum(squared, 0.0)

    def offset_size(self, offset: np.ndarray) -> float:
        """Length of an offset (D,) in standard deviations within a class."""
        root = np.linalg.cholesky(self.covariance)
        return float(np.linalg.norm(solve_triangular(root, offset, lower=True)))

    def posterior(self, points: np.ndarray, shares: np.ndarray | None = None) -> np.ndarray:
        """Probability of each class (N, C); shares: prior (C,), of the teachers by default."""
        prior = self.shares if shares is None else shares
        with np.errstate(divide="ignore"):
            score = np.log(prior) - 0.5 * self.distances(points)
        score -= score.max(axis=1, keepdims=True)
        np.exp(score, out=score)
        return score / score.sum(axis=1, keepdims=True)


def fit_classes(
    points: Sequence[np.ndarray], codes: Sequence[np.ndarray], n_classes: int
) -> tuple[ClassModel, np.ndarray]:
    """x = class mean + offset of the section + noise, by alternating least squares; offsets (T, D) of mean 0.

    points: (N_t, D) labelled spots of each teacher; codes: their classes. Every teacher weighs the same,
    whatever its size. Every class must occur somewhere.
    """
    n_dims = points[0].shape[1]
    counts = np.array([np.bincount(c, minlength=n_classes) for c in codes], dtype=float)  # (T, C)
    weight = counts / counts.sum(axis=1, keepdims=True)
    sums = np.stack([_class_sums(p, c, n_classes) for p, c in zip(points, codes, strict=True)])  # (T, C, D)
    own = sums / np.maximum(counts, 1)[:, :, None]
    offsets = np.zeros((len(points), n_dims))
    for _ in range(STEPS if len(points) > 1 else 1):
        means = (weight[:, :, None] * (own - offsets[:, None])).sum(axis=0) / weight.sum(axis=0)[:, None]
        moved = (weight[:, :, None] * (own - means)).sum(axis=1)  # rows of weight sum to 1
        moved -= moved.mean(axis=0)
        if len(points) == 1 or np.allclose(moved, offsets, rtol=0, atol=1e-9 * np.abs(own).max()):
            offsets = moved
            break
        offsets = moved
    if len(points) == 1:
        offsets = np.zeros_like(offsets)
    covariance = np.zeros((n_dims, n_dims))
    for section, code, offset in zip(points, codes, offsets, strict=True):
        residual = section - offset - means[code]
        covariance += residual.T @ residual / len(section) / len(points)
    ridge = max(RIDGE * np.trace(covariance) / n_dims, np.finfo(float).tiny)
    return ClassModel(means, covariance + ridge * np.eye(n_dims), weight.mean(axis=0)), offsets


def estimate_offset(points: np.ndarray, classes: ClassModel) -> tuple[np.ndarray, np.ndarray]:
    """Offset (D,) and class shares (C,) of a section without labels, by EM from 0.

    points (N, D). Means and covariance stay as they are: freeing the means lets them drift as an unsupervised
    mixture does. Spots far from every class count less.
    """
    offset, shares = np.zeros(points.shape[1]), classes.shares
    scale = np.sqrt(np.diag(classes.covariance))
    for _ in range(STEPS):
        belief = classes.posterior(points - offset, shares)
        # Cauchy weights: tissue that no class describes must not drag the offset with it
        far = classes.distances(points - offset).min(axis=1) / points.shape[1]
        weight = 1 / (1 + far / FAR**2)
        moved = weight @ (points - belief @ classes.means) / weight.sum()
        shares = (belief.sum(axis=0) + PSEUDO_SPOTS * classes.shares) / (len(points) + PSEUDO_SPOTS)
        done = (np.abs(moved - offset) <= 1e-6 * scale).all()
        offset = moved
        if done:
            break
    return offset, shares


def _class_sums(points: np.ndarray, codes: np.ndarray, n_classes: int) -> np.ndarray:
    """(C, D)"""
    return np.stack([np.bincount(codes, column, minlength=n_classes) for column in points.T], axis=1)
