"""Parts of a graph: contiguous pieces of the tissue, and what lies within some steps of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse


def spatial_parts(position: np.ndarray, max_spots: int) -> list[np.ndarray]:
    """Split N spots into contiguous parts of at most max_spots: halves along the longer side, repeatedly.

    position: (N, 2). Returns index arrays that partition range(N), each in ascending order.
    """
    pending, done = [np.arange(len(position))], []
    while pending:
        spots = pending.pop()
        if len(spots) <= max_spots:
            done.append(np.sort(spots))
            continue
        extent = np.ptp(position[spots], axis=0)
        order = np.argsort(position[spots, int(extent.argmax())], kind="stable")
        half = len(spots) // 2
        pending += [spots[order[half:]], spots[order[:half]]]
    return done


def with_halo(spots: np.ndarray, graphs: Sequence[sparse.csr_matrix], hops: int) -> np.ndarray:
    """The spots and all within `hops` steps on any of the graphs, ascending."""
    member = np.zeros(graphs[0].shape[0], dtype=bool)
    member[spots] = True
    frontier = spots
    for _ in range(hops):
        reached = np.unique(np.concatenate([graph[frontier].indices for graph in graphs]))
        frontier = reached[~member[reached]]
        member[frontier] = True
    return np.flatnonzero(member)
