"""Spatial refinement: a spot that stands alone among another domain joins it."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def refine(labels: np.ndarray, spatial: sparse.csr_matrix, n_domains: int) -> tuple[np.ndarray, float]:
    """Give a spot the label that more than half of its neighbours carry.

    labels (N,) in 0..n_domains-1; spatial: CSR (N, N), neighbours without the spot itself. All spots are
    judged on the labels as given, so their order does not matter. Spots without neighbours, and those
    without a majority around them, stay. Returns the new labels and the share of spots that changed.
    """
    one_hot = sparse.csr_matrix(
        (np.ones(len(labels)), labels, np.arange(len(labels) + 1)), shape=(len(labels), n_domains)
    )
    neighbours = sparse.csr_matrix(spatial, dtype=np.float64)
    votes = (neighbours @ one_hot).toarray()  # (N, K)
    decided = votes.max(axis=1) > votes.sum(axis=1) / 2
    refined = np.where(decided, votes.argmax(axis=1), labels)
    return refined, float(np.mean(refined != labels)) if len(labels) else 0.0
