"""Means over all spots within a radius, for many spots: pooled on a grid, in time and memory linear in N."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

NODES_PER_RADIUS = 5


class Pooled:
    """Means within `radius` of each spot, by way of a grid with a fifth of the radius between its nodes.

    Each spot is shared out over the four nodes around it by bilinear weights, nodes at most a radius apart
    are summed, and each spot reads its four nodes by the same weights: a disc whose rim is blurred by a fifth
    of its radius. Only nodes with spots are kept. Listing the neighbours instead would take hundreds of
    entries per spot; here it is four, and about 80 per node.

    n_spots: (N,) float64, spots within the radius of each, itself counted.
    """

    def __init__(self, position: np.ndarray, radius: float) -> None:
        """position: (N, 2), radius: > 0, in one unit."""
        self._share, corners = _bilinear(position, radius / NODES_PER_RADIUS)
        self._disc = _disc(corners)
        ones = np.ones((len(position), 1))
        self.n_spots = (self._share @ (self._disc @ (self._share.T @ ones)))[:, 0]

    def mean(self, features: np.ndarray) -> np.ndarray:
        """Means within the radius (N, D), each spot's own value among them."""
        sums = self._share @ (self._disc @ (self._share.T @ features))
        return sums / self.n_spots[:, None].astype(features.dtype)


def _bilinear(position: np.ndarray, side: float) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Share of each spot in each node, CSR (N, M) float32, and the whole-number place of each node (M, 2)."""
    scaled = (position - position.min(axis=0)) / side
    low = np.floor(scaled).astype(np.int64)
    part = scaled - low
    n_rows = int(low[:, 1].max()) + 2
    numbers, shares = [], []
    for right in (0, 1):
        for down in (0, 1):
            numbers.append((low[:, 0] + right) * n_rows + low[:, 1] + down)
            horizontal = part[:, 0] if right else 1 - part[:, 0]
            shares.append(horizontal * (part[:, 1] if down else 1 - part[:, 1]))
    nodes, column = np.unique(np.stack(numbers, axis=1), return_inverse=True)
    starts = np.arange(len(position) + 1) * 4
    share = sparse.csr_matrix(
        (np.stack(shares, axis=1).astype(np.float32).ravel(), column.ravel(), starts),
        shape=(len(position), len(nodes)),
    )
    return share, np.stack(np.divmod(nodes, n_rows), axis=1)


def _disc(nodes: np.ndarray) -> sparse.csr_matrix:
    """Which nodes lie within the radius of each other, each of itself: CSR (M, M) float32 of ones."""
    pairs = cKDTree(nodes).query_pairs(NODES_PER_RADIUS + 1e-6, output_type="ndarray")
    itself = np.arange(len(nodes))
    rows = np.concatenate([pairs[:, 0], pairs[:, 1], itself])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0], itself])
    ones = np.ones(len(rows), dtype=np.float32)
    return sparse.csr_matrix((ones, (rows, columns)), shape=(len(nodes), len(nodes)))
