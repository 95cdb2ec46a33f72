"""What inference has to beat: mean expression, nearest references by image, ridge regression on the image.

All of them see the references only, on the same scaled image features as the network; the number of
neighbours and the ridge penalty are chosen on the same inner validation as the network's epochs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tissuegraph.spahgc.retrieval import retrieve

STARTS = ("ridge", "blend", "knn")  # what the network may start from
NEIGHBOURS = (3, 5, 7, 10, 15, 20, 30, 50, 80)
PENALTIES = tuple(float(10.0**power) for power in np.arange(0, 6.01, 0.5))


def mean_prediction(expression: np.ndarray, n_targets: int) -> np.ndarray:
    """Mean of the references for every target. expression: (N_ref, M) -> (n_targets, M)"""
    return np.repeat(expression.mean(axis=0, keepdims=True), n_targets, axis=0)


def knn_predictions(
    image: np.ndarray, expression: np.ndarray, targets: np.ndarray, neighbours: Sequence[int]
) -> list[np.ndarray]:
    """Mean of the k most similar references (cosine of image features), for every k in `neighbours`.

    image: (N_ref, F), expression: (N_ref, M), targets: (N, F); returns one (N, M) per k.
    """
    nearest = retrieve(targets, [image], max(neighbours)).index
    running = np.zeros((len(targets), expression.shape[1]))
    wanted, found = set(neighbours), {}
    for place in range(nearest.shape[1]):
        running += expression[nearest[:, place]]
        if place + 1 in wanted:
            found[place + 1] = (running / (place + 1)).astype(np.float32)
    everything = (running / nearest.shape[1]).astype(np.float32)  # where there are fewer references than k
    return [found.get(k, everything) for k in neighbours]


def ridge_predictions(
    image: np.ndarray, expression: np.ndarray, targets: np.ndarray, penalties: Sequence[float]
) -> list[np.ndarray]:
    """Ridge regression with intercept, features to unit variance over the references; one (N, M) per penalty.

    image: (N_ref, F), expression: (N_ref, M), targets: (N, F).
    """
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(image.astype(np.float64))
    x, x_targets = scaler.transform(image.astype(np.float64)), scaler.transform(targets.astype(np.float64))
    y = expression.astype(np.float64)
    return [
        Ridge(alpha=penalty).fit(x, y).predict(x_targets).reshape(len(targets), -1).astype(np.float32)
        for penalty in penalties
    ]
