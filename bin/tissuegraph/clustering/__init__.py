"""From an embedding to domains: clusterers, consensus over seeds, number of domains, refinement.

A clusterer is a frozen dataclass of its settings that is called with (embedding (N, D), n_domains, seed)
and returns Labels. `cluster` is the checked entry.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tissuegraph.clustering.kmeans import KMeans
from tissuegraph.clustering.labels import Labels
from tissuegraph.clustering.leiden import Leiden
from tissuegraph.clustering.vote import Gmm, Vote
from tissuegraph.errors import InputError, SettingsError

Clusterer = Callable[[np.ndarray, int, int], Labels]
CLUSTERERS: dict[str, type] = {"vote": Vote, "gmm": Gmm, "kmeans": KMeans, "leiden": Leiden}

__all__ = ["CLUSTERERS", "Clusterer", "Gmm", "KMeans", "Labels", "Leiden", "Vote", "cluster"]


def cluster(
    embedding: np.ndarray, n_domains: int, settings: Clusterer | str = "vote", seed: int = 0
) -> Labels:
    """Partition the rows of an embedding (N, D) into n_domains.

    settings: a clusterer such as `Vote()`, or the name of one with its defaults. Labels lie in
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
    return named(settings)(embedding, n_domains, seed)


def named(settings: Clusterer | str) -> Clusterer:
    """The clusterer of that name with its default settings; a clusterer passes through."""
    if not isinstance(settings, str):
        return settings
    if settings not in CLUSTERERS:
        raise SettingsError(f"clusterer must be one of {', '.join(CLUSTERERS)}, got {settings!r}")
    return CLUSTERERS[settings]()
