"""Sums over pairs of neighbours, gene by gene, of matrices that stay sparse. N spots, G genes."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tissuegraph.characterise.ranks import gene_chunks

_ENTRIES_AT_ONCE = 1_000_000  # a product has some seven times as many


def neighbour_products(graph: sparse.csr_matrix, values: sparse.csc_matrix) -> np.ndarray:
    """(G,) sum over pairs i, j of w_ij x_i x_j. graph: (N, N) weights w; values: (N, G) x."""
    weights = sparse.csc_matrix(graph, dtype=np.float64)
    found = np.zeros(values.shape[1])
    for genes in gene_chunks(values, _ENTRIES_AT_ONCE):
        part = values[:, genes].astype(np.float64)
        found[genes] = np.asarray(part.multiply(weights @ part).sum(axis=0)).ravel()
    return found
