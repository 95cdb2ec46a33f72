"""Labelings of the same spots: how alike two are, how to align many, what their majority says.

N spots, K domains, M labelings. Labels are ints 0..K-1 and exchangeable between labelings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError


@dataclass(frozen=True, eq=False)
class Labels:
    """labels (N,) int in 0..K-1; share (N,) in [0, 1]: how much of the evidence agrees with each label."""

    labels: np.ndarray
    share: np.ndarray


def contingency(first: np.ndarray, second: np.ndarray, n_labels: int) -> np.ndarray:
    """How many spots carry each pair of labels: (K, K)."""
    return np.bincount(first * n_labels + second, minlength=n_labels**2).reshape(n_labels, n_labels)


def membership(labels: np.ndarray, n_labels: int) -> sparse.csr_matrix:
    """(K, N), 1 where a spot carries a label: sums over the spots of each, by a product; -1 is none."""
    spots = np.flatnonzero(labels >= 0)
    return sparse.csr_matrix((np.ones(len(spots)), (labels[spots], spots)), shape=(n_labels, len(labels)))


def adjusted_rand(table: np.ndarray) -> float:
    """Adjusted Rand index of the two labelings behind a contingency table (Hubert & Arabie 1985)."""
    table = table.astype(np.float64)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1)).sum() / 2)

    together, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / max(pairs(table.sum()), 1.0)
    largest = (rows + columns) / 2
    return 1.0 if largest == expected else (together - expected) / (largest - expected)


def align(labelings: np.ndarray, n_labels: int) -> tuple[np.ndarray, int]:
    """Rename the labels of each labeling to match the most typical one.

    labelings (M, N). Typical is the one with the highest mean adjusted Rand index to the others; the
    renaming maximises the number of agreeing spots (Hungarian method). Returns the aligned labelings
    (M, N) and the row of the typical one.
    """
    from scipy.optimize import linear_sum_assignment  # here: most users of this module align nothing

    if labelings.min(initial=0) < 0 or labelings.max(initial=0) >= n_labels:
        raise InputError(
            f"labels must lie in 0..{n_labels - 1}, got {labelings.min()}..{labelings.max()}; "
            "renumber them first"
        )
    n_labelings = len(labelings)
    agreement = np.eye(n_labelings)
    for i in range(n_labelings):
        for j in range(i):
            score = adjusted_rand(contingency(labelings[i], labelings[j], n_labels))
            agreement[i, j] = agreement[j, i] = score
    typical = int(agreement.sum(axis=1).argmax())
    aligned = np.empty_like(labelings)
    for row, labels in enumerate(labelings):
        _, renamed = linear_sum_assignment(contingency(labels, labelings[typical], n_labels), maximize=True)
        aligned[row] = renamed[labels]
    return aligned, typical


def majority(labelings: np.ndarray, n_labels: int, weights: np.ndarray | None = None) -> Labels:
    """Align, then give each spot the label with the most votes.

    labelings (M, N); weights (M, N) in [0, 1], how much each vote counts (default 1). The share is the
    winning weight over M. A tie goes to the most typical labeling where it takes part in it.
    """
    aligned, typical = align(labelings, n_labels)
    n_labelings, n_spots = labelings.shape
    spots = np.arange(n_spots)
    votes = np.zeros((n_spots, n_labels))
    for row, labels in enumerate(aligned):
        votes[spots, labels] += 1.0 if weights is None else weights[row]
    share = votes.max(axis=1) / n_labelings
    votes[spots, aligned[typical]] += 1e-9  # breaks ties only
    return Labels(votes.argmax(axis=1), share)


def by_size(labels: np.ndarray, n_labels: int) -> np.ndarray:
    """New number of each label (K,): the largest domain becomes 0, ties by number, unused labels last."""
    rank = np.empty(n_labels, dtype=np.int64)
    rank[np.argsort(-np.bincount(labels, minlength=n_labels), kind="stable")] = np.arange(n_labels)
    return rank


def compact(labels: np.ndarray) -> np.ndarray:
    """Renumber by decreasing size; unused numbers disappear."""
    return by_size(labels, int(labels.max(initial=-1)) + 1)[labels]
