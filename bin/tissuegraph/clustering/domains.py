"""From the embeddings of several seeds to one set of domains with a confidence per spot.

S seeds, N spots, D latent dimensions, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.clustering.baseline import N_PCS
from tissuegraph.clustering.cluster import cluster
from tissuegraph.clustering.consensus import consensus, support
from tissuegraph.clustering.labels import by_size
from tissuegraph.clustering.propagation import propagate
from tissuegraph.clustering.refine import refine
from tissuegraph.clustering.settings import Clustering
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.preprocess import pca
from tissuegraph.slices.smoothing import Neighbourhood, averaging, neighbourhood, smoothing_scale


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
    smooth = averaging(arrays.position, _averaged(arrays, settings))
    runs = [
        cluster(smooth @ embedding, n_domains, settings.clusterer, seed + number)
        for number, embedding in enumerate(embeddings)
    ]
    n_labels = max(n_domains, *(int(run.labels.max()) + 1 for run in runs))  # Leiden may miss the number
    agreed, per_seed = consensus(runs, n_labels)
    labels, changed = agreed.labels, 0.0
    if settings.refine == "propagation":
        labels, changed = propagate(labels, arrays.position, n_labels)
    elif settings.refine:
        labels, changed = refine(labels, arrays.spatial, n_labels)
    confidence = support(labels, per_seed, runs)
    number = by_size(labels, n_labels)
    return Domains(number[labels], confidence, number[per_seed], number[agreed.labels], changed)


def _averaged(arrays: SliceArrays, settings: Clustering) -> Neighbourhood:
    """What each embedding is averaged over before clustering."""
    if settings.smooth_neighbours != "auto":
        return neighbourhood(settings.smooth_neighbours, arrays.um_per_px)
    features = arrays.features
    if sparse.issparse(features):  # the network was given genes: judge the scale on their components
        features = pca(features, N_PCS)
    return smoothing_scale(features, arrays.position, arrays.um_per_px)
