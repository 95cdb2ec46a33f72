"""The members of the ensemble that need no network: LDA, logistic regression and nearest neighbours.

Each is fitted on labelled spots of the teachers and answers with a probability of each class for every spot.
N spots, D columns, C classes. What a member knows is a dict of arrays, so that it can be kept on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from tissuegraph.regions.offsets import ClassModel, fit_classes

N_NEIGHBOURS = 15
MOST_SPOTS = 40_000  # labelled spots that a member learns from; more are thinned out evenly over the classes
_BLOCK = 4096
SEVERAL = "_hops"  # suffix of the members that see several scales
NETWORK, IMAGE = "stmfg", "image"

Arrays = Mapping[str, np.ndarray]


class Member(Protocol):
    """fit: points (N, D) float64, codes (N,) in 0..C-1; predict: (N, C), rows sum to 1."""

    title: ClassVar[str]

    @staticmethod
    def fit(points: np.ndarray, codes: np.ndarray, n_classes: int) -> dict[str, np.ndarray]: ...

    @staticmethod
    def predict(known: Arrays, points: np.ndarray) -> np.ndarray: ...


class Lda:
    """Linear discriminant analysis: one Gaussian per class with a common covariance."""

    title = "linear discriminant analysis"

    @staticmethod
    def fit(points, codes, n_classes):
        model, _ = fit_classes([points], [codes], n_classes)
        return {"means": model.means, "covariance": model.covariance, "shares": model.shares}

    @staticmethod
    def predict(known, points):
        return ClassModel(known["means"], known["covariance"], known["shares"]).posterior(points)


class Logistic:
    """Multinomial logistic regression (C = 1) on points scaled by one factor, so that no component is
    favoured.
    """

    title = "logistic regression"

    @staticmethod
    def fit(points, codes, n_classes):
        from sklearn.linear_model import LogisticRegression

        scale = max(float(points.std()), np.finfo(float).tiny)
        found = LogisticRegression(C=1.0, max_iter=1000).fit(points / scale, codes)
        slope, intercept = found.coef_ / scale, found.intercept_
        if n_classes == 2:  # scikit-learn keeps one row only
            slope, intercept = (
                np.vstack([-slope / 2, slope / 2]),
                np.concatenate([-intercept / 2, intercept / 2]),
            )
        return {"slope": slope, "intercept": intercept}

    @staticmethod
    def predict(known, points):
        from scipy.special import softmax

        return softmax(points @ known["slope"].T + known["intercept"], axis=1)


class Neighbours:
    """Share of each class among the 15 nearest labelled spots, in the metric of the components."""

    title = "nearest neighbours"

    @staticmethod
    def fit(points, codes, n_classes):
        return {
            "points": points.astype(np.float32),
            "codes": codes.astype(np.int32),
            "n_classes": np.array([n_classes]),
        }

    @staticmethod
    def predict(known, points):
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=min(N_NEIGHBOURS, len(known["points"]))).fit(known["points"])
        n_classes = int(known["n_classes"][0])
        found = np.empty((len(points), n_classes))
        for start in range(0, len(points), _BLOCK):
            nearest = known["codes"][search.kneighbors(points[start : start + _BLOCK].astype(np.float32))[1]]
            found[start : start + _BLOCK] = (nearest[:, :, None] == np.arange(n_classes)).mean(axis=1)
        return found


MEMBERS: Mapping[str, Any] = {"lda": Lda, "logistic": Logistic, "neighbours": Neighbours}
_OTHERS = {NETWORK: "stMFG network", IMAGE: "image"}


def member_title(name: str) -> str:
    """What people call the member of that name; an unknown one keeps its name."""
    plain = name.removesuffix(SEVERAL)
    if plain not in MEMBERS:
        return _OTHERS.get(name, name)
    return MEMBERS[plain].title + (" at several scales" if name.endswith(SEVERAL) else "")


def thinned(codes: np.ndarray, most: int = MOST_SPOTS) -> np.ndarray:
    """Indices of at most about `most` labelled spots, every k-th of each class, so that shares stay as they
    are.
    """
    step = -(-len(codes) // most)
    if step <= 1:
        return np.arange(len(codes))
    return np.sort(np.concatenate([np.flatnonzero(codes == code)[::step] for code in np.unique(codes)]))
