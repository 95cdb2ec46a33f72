"""Label propagation: the labels of a few typical spots flow over the tissue (MultiST's refinement).

N spots, K domains. Ten rounds of averaging over neighbours raise scores on layered tissue by themselves,
so labels before and after are both reported.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tissuegraph.slices.neighbours import nearest_spots


def propagate(
    labels: np.ndarray,
    position: np.ndarray,
    n_domains: int,
    *,
    n_neighbours: int = 7,
    anchor_share: float = 0.01,
    n_rounds: int = 10,
) -> tuple[np.ndarray, float]:
    """Average the labels over Gaussian-weighted neighbours, holding the most typical spots fixed.

    labels (N,) in 0..n_domains-1; position (N, 2). Weights are exp(-d^2 / s^2), s the median distance to a
    neighbour, each row scaled to sum 1. The anchors are those anchor_share of each domain's spots (at least
    one) that have the most weight on neighbours of their own label; they keep it. Returns the new labels and
    the share of spots that changed. Time and memory are linear in N.
    """
    if len(labels) < 2:
        return labels, 0.0
    weights = _gaussian_weights(position, n_neighbours)
    given = np.zeros((len(labels), n_domains))
    given[np.arange(len(labels)), labels] = 1.0
    typical = (weights @ given)[np.arange(len(labels)), labels]
    anchors = _anchors(labels, typical, n_domains, anchor_share)
    belief = given
    for _ in range(n_rounds):
        belief = weights @ belief
        belief[anchors] = given[anchors]
        belief /= np.maximum(belief.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    refined = belief.argmax(axis=1)
    return refined, float(np.mean(refined != labels))


def _gaussian_weights(position: np.ndarray, n_neighbours: int) -> sparse.csr_matrix:
    """CSR (N, N), rows sum to 1, zero diagonal."""
    nearest, distance = nearest_spots(position, n_neighbours)
    scale = np.median(distance)
    weight = np.exp(-((distance / scale) ** 2)) if scale > 0 else np.ones_like(distance)
    # A spot far from all others would have weights of 0: it follows its neighbours all the same.
    weight = np.maximum(weight, 1e-12)
    weight /= weight.sum(axis=1, keepdims=True)
    n_spots, k = nearest.shape
    return sparse.csr_matrix(
        (weight.ravel(), nearest.ravel(), np.arange(n_spots + 1) * k), shape=(n_spots, n_spots)
    )


def _anchors(labels: np.ndarray, typical: np.ndarray, n_domains: int, share: float) -> np.ndarray:
    """Indices of the most typical spots of each domain; ties go to the earlier spot."""
    typical = np.round(typical, 9)  # a tie should not be decided by how a sum was rounded
    chosen = []
    for domain in range(n_domains):
        members = np.flatnonzero(labels == domain)
        wanted = min(len(members), max(1, int(share * len(members))))
        chosen.append(members[np.argsort(-typical[members], kind="stable")[:wanted]])
    return np.concatenate(chosen)
