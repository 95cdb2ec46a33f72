"""From the embeddings of several seeds to one set of domains with a confidence per spot.

S seeds, N spots, D latent dimensions, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tissuegraph.arrays import SliceArrays
from tissuegraph.clustering import Labels, cluster
from tissuegraph.clustering.consensus import consensus
from tissuegraph.clustering.labels import compact
from tissuegraph.clustering.refine import refine
from tissuegraph.graphs import mean_over_nearest
from tissuegraph.presets import Clustering


@dataclass(frozen=True, eq=False)
class Domains:
    """labels (N,) int in 0..K-1 and confidence (N,) in [0, 1]; per_seed (S, N) named alike.

    unrefined (N,): labels before the spatial refinement; changed: share of spots that it changed.
    """

    labels: np.ndarray
    confidence: np.ndarray
    per_seed: np.ndarray
    unrefined: np.ndarray
    changed: float


def find_domains(
    embeddings: np.ndarray, arrays: SliceArrays, n_domains: int, settings: Clustering, seed: int = 0
) -> Domains:
    """Cluster each seed's embedding and take the consensus. embeddings: (S, N, D)."""
    runs = [
        _one_seed(embedding, arrays, n_domains, settings, seed + number)
        for number, embedding in enumerate(embeddings)
    ]
    agreed, per_seed = consensus(runs, n_domains)
    labels, changed = agreed.labels, 0.0
    if settings.refine:
        labels, changed = refine(labels, arrays.spatial, n_domains)
    return Domains(compact(labels), agreed.share, per_seed, compact(agreed.labels), changed)


def _one_seed(
    embedding: np.ndarray, arrays: SliceArrays, n_domains: int, settings: Clustering, seed: int
) -> Labels:
    if settings.smooth_neighbours:
        embedding = mean_over_nearest(arrays.position, settings.smooth_neighbours) @ embedding
    return cluster(embedding, n_domains, settings.clusterer, seed)
