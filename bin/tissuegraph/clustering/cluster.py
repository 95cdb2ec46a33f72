"""The checked entry to every clusterer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tissuegraph.clustering import clusterer_class
from tissuegraph.clustering.labels import Labels
from tissuegraph.errors import InputError

Clusterer = Callable[[np.ndarray, int, int], Labels]


def cluster(
    embedding: np.ndarray, n_domains: int, clusterer: Clusterer | str = "vote", seed: int = 0
) -> Labels:
    """Partition the rows of an embedding (N, D) into n_domains.

    clusterer: one with its settings, such as `Vote()`, or the name of one with its defaults. Labels lie in
    0..n_domains-1; a number may stay unused where the data hold fewer groups. Raises InputError
    when the embedding is not finite or n_domains does not lie in 1..N.
    """
    embedding = np.asarray(embedding)
    if embedding.ndim != 2 or not np.isfinite(embedding).all():
        raise InputError(
            f"an embedding must be a finite (spots, dimensions) array, got shape {embedding.shape}; "
            "check the training for divergence"
        )
    if not 1 <= n_domains <= len(embedding):
        raise InputError(
            f"n_domains must lie between 1 and the {len(embedding)} spots of the slice, got {n_domains}"
        )
    if n_domains == 1:
        return Labels(np.zeros(len(embedding), dtype=np.int64), np.ones(len(embedding)))
    if isinstance(clusterer, str):
        clusterer = clusterer_class(clusterer)()
    return clusterer(embedding, n_domains, seed)
