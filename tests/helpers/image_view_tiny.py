"""A lattice of two halves that genes and image agree on."""

import numpy as np
from scipy import sparse

from tissuegraph.slices.arrays import SliceArrays

SIDE, N_GENES, N_FEATURES = 12, 40, 6
N_SPOTS = SIDE**2


def small_arrays() -> SliceArrays:
    rng = np.random.default_rng(0)
    position = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).reshape(-1, 2) * 100.0
    half = position[:, 0] >= SIDE * 50
    rate = np.where(half[:, None] ^ (np.arange(N_GENES) % 2 == 0), 4.0, 0.5)
    counts = rng.poisson(rate).astype(np.float32)
    feature = sparse.random(N_SPOTS, N_SPOTS, 0.01, rng=rng, format="lil")
    feature = sparse.csr_matrix((feature + feature.T) > 0)
    feature.setdiag(False)
    feature.eliminate_zeros()
    return SliceArrays(
        counts=sparse.csr_matrix(counts),
        features=np.log1p(counts),
        depth=counts.sum(1),
        position=position,
        spatial=_lattice(SIDE),
        feature=feature,
        genes=np.array([f"gene{g}" for g in range(N_GENES)]),
        pitch=100.0,
    )


def small_image() -> np.ndarray:
    """Features (N, F) of the same two halves."""
    half = np.tile(np.arange(SIDE) >= SIDE / 2, SIDE)[:, None]
    return (half + np.random.default_rng(1).normal(0, 0.5, (N_SPOTS, N_FEATURES))).astype(np.float32)


def _lattice(side: int) -> sparse.csr_matrix:
    """Square lattice, four neighbours."""
    path = sparse.diags([1.0, 1.0], [-1, 1], shape=(side, side))
    return sparse.csr_matrix(sparse.kronsum(path, path)).astype(bool)
