"""k-means as a clusterer: scikit-learn's, with fixed settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tissuegraph.clustering.labels import Labels


@dataclass(frozen=True)
class KMeans:
    """What most published methods put behind their embedding."""

    title: ClassVar[str] = "KMeans"
    n_init: int = 10

    def __call__(self, embedding: np.ndarray, n_domains: int, seed: int) -> Labels:
        """Labels, all with share 1, from an embedding (N, D)."""
        from sklearn import cluster  # here, because it costs seconds to import

        fitted = cluster.KMeans(n_domains, n_init=self.n_init, random_state=seed).fit(embedding)
        return Labels(fitted.labels_.astype(np.int64), np.ones(len(embedding)))
