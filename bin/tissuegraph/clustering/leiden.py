"""Leiden communities of a feature graph, searched to a requested number of domains."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tissuegraph.clustering.labels import Labels, compact


@dataclass(frozen=True)
class Leiden:
    """igraph's Leiden on the k-nearest-neighbour graph of the embedding, as scanpy's flavor "igraph" runs it.

    Called directly: scanpy takes 3 s to import and would wrap the same call in an AnnData.
    """

    title: ClassVar[str] = "Leiden"
    n_neighbours: int = 15  # edges per spot before symmetrising
    resolutions: tuple[float, float] = (1e-3, 10.0)  # searched range
    n_trials: int = 25  # bisections, on the logarithm of the resolution

    def __call__(self, embedding: np.ndarray, n_domains: int, seed: int) -> Labels:
        """Labels, all with share 1, from an embedding (N, D).

        The number of communities is not monotone in the resolution, so the count asked for may not be
        met; the closest found is returned, where n_domains is exceeded only if nothing came nearer.
        """
        graph = _neighbour_graph(embedding, min(self.n_neighbours, len(embedding) - 1))
        low, high = np.log(self.resolutions)
        best, best_gap = None, np.inf
        for _ in range(self.n_trials):
            middle = (low + high) / 2
            labels = _communities(graph, float(np.exp(middle)), seed)
            found = int(labels.max()) + 1
            if abs(found - n_domains) < best_gap:
                best, best_gap = labels, abs(found - n_domains)
            if found == n_domains:
                break
            low, high = (middle, high) if found < n_domains else (low, middle)
        return Labels(compact(best), np.ones(len(embedding)))


def _neighbour_graph(embedding: np.ndarray, k: int):
    """Undirected igraph graph joining each spot to its k nearest in the embedding."""
    import igraph
    from sklearn.neighbors import kneighbors_graph

    nearest = kneighbors_graph(embedding, k).tocoo()
    pairs = np.sort(np.stack([nearest.row, nearest.col], axis=1), axis=1)
    return igraph.Graph(n=len(embedding), edges=np.unique(pairs, axis=0))


def _communities(graph, resolution: float, seed: int) -> np.ndarray:
    """Communities (N,) of an igraph graph by modularity at one resolution; the same for the same seed."""
    import igraph

    igraph.set_random_number_generator(random.Random(seed))  # igraph takes no seed
    try:
        found = graph.community_leiden(objective_function="modularity", resolution=resolution, n_iterations=2)
    finally:
        igraph.set_random_number_generator(random)  # as it was
    return np.array(found.membership, dtype=np.int64)
