"""Image features as a member of their own: their components, an offset per section, and linear discriminants.

N spots, F image features, D components, C regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tissuegraph.regions.offsets import ClassModel, estimate_offset, fit_classes
from tissuegraph.slices.smoothing import mean_over_nearest

N_COMPONENTS = 15
N_NEAREST = 18


@dataclass(frozen=True, eq=False)
class ImageModel:
    """mean, scale (F,) of the features; vectors (F, D); classes in the space of the components."""

    mean: np.ndarray
    scale: np.ndarray
    vectors: np.ndarray
    classes: ClassModel

    def posterior(self, features: np.ndarray, xy: np.ndarray) -> np.ndarray:
        """Probability of each region (N, C); a spot without image features gets the shares of the regions."""
        present = np.isfinite(features).all(axis=1)
        found = np.tile(self.classes.shares, (len(features), 1))
        if present.sum() < 2:
            return found
        points = project(features, xy, present, self.mean, self.scale, self.vectors)
        offset, shares = estimate_offset(points, self.classes)
        found[present] = self.classes.posterior(points - offset, shares)
        return found


def fit_image(
    features: Sequence[np.ndarray], xy: Sequence[np.ndarray], codes: Sequence[np.ndarray], n_classes: int
) -> ImageModel | None:
    """From the teachers' features (N, F), positions and codes (N,), -1 = unlabelled.

    None where the features are not of one kind or some region has no spot with an image.
    """
    present = [np.isfinite(values).all(axis=1) for values in features]
    if len({values.shape[1] for values in features}) != 1 or min(mask.sum() for mask in present) < 2:
        return None
    labelled = [code[mask] >= 0 for code, mask in zip(codes, present, strict=True)]
    known = [code[mask][spots] for code, mask, spots in zip(codes, present, labelled, strict=True)]
    if min(len(code) for code in known) == 0 or len(np.unique(np.concatenate(known))) < n_classes:
        return None
    own = [values[mask].astype(np.float64) for values, mask in zip(features, present, strict=True)]
    mean = np.mean([values.mean(axis=0) for values in own], axis=0)
    spread = np.sqrt(np.mean([values.var(axis=0) for values in own], axis=0))
    scale = np.where(spread > 1e-12, spread, np.inf)  # a constant feature says nothing
    scatter = np.mean(
        [np.cov(((values - values.mean(axis=0)) / scale).T, bias=True) for values in own], axis=0
    )
    _, vectors = np.linalg.eigh(np.atleast_2d(scatter))
    vectors = vectors[:, ::-1][:, : min(N_COMPONENTS, vectors.shape[1])]
    points = [
        project(values, places, mask, mean, scale, vectors)[spots]
        for values, places, mask, spots in zip(features, xy, present, labelled, strict=True)
    ]
    classes, _ = fit_classes(points, known, n_classes)
    return ImageModel(mean, scale, vectors, classes)


def project(features, xy, present, mean, scale, vectors) -> np.ndarray:
    """Components of the spots that have an image, averaged over their nearest: (n present, D)."""
    scores = (features[present] - mean) / scale @ vectors
    n_nearest = min(N_NEAREST, len(scores) - 1)
    return np.asarray(mean_over_nearest(xy[present], n_nearest) @ scores, dtype=np.float64)
