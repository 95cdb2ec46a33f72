"""The control that every learned result has to beat: smoothed principal components, vote of mixtures.

No network and no label: genes in 3 % of the spots (of a panel, all that are seen), 3,000 highly variable
ones, log counts at median depth, 15 principal components, each spot averaged with its k* nearest spots, where
k* is the number of neighbours that predicts left-out spots best. N spots, G genes, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.clustering.cluster import cluster
from tissuegraph.clustering.labels import compact
from tissuegraph.errors import InputError
from tissuegraph.slices.panels import PANEL_GENES
from tissuegraph.slices.preprocess import log1p, normalise, pca, select_genes, total_counts
from tissuegraph.slices.smoothing import mean_over_nearest, smoothing_scale

MIN_CELLS = 0.03  # share of spots in which a gene has to be seen
N_HVG = 3000
N_PCS = 15


@dataclass(frozen=True, eq=False)
class Baseline:
    """labels and pca_kmeans (N,) int in 0..K-1; embedding (N, 15) smoothed principal components."""

    labels: np.ndarray
    pca_kmeans: np.ndarray
    embedding: np.ndarray
    n_neighbours: int


def baseline(counts: sparse.csr_matrix, position: np.ndarray, n_domains: int, seed: int = 0) -> Baseline:
    """Domains without learning. counts: raw, (N, G); position: (N, 2).

    Raises InputError for more domains than spots.
    """
    if n_domains > counts.shape[0]:
        raise InputError(
            f"{n_domains} domains were asked for, but only {counts.shape[0]} spots passed quality control; "
            f"lower n_domains or the thresholds"
        )
    features, smoothed, n_neighbours = smoothed_features(counts, position)
    return Baseline(
        labels=compact(cluster(smoothed, n_domains, "vote", seed).labels),
        pca_kmeans=compact(cluster(features, n_domains, "kmeans", seed).labels),
        embedding=smoothed,
        n_neighbours=n_neighbours,
    )


def smoothed_features(counts: sparse.csr_matrix, position: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Principal components (N, 15), the same averaged over the nearest spots, and over how many of these."""
    features = baseline_features(counts)
    n_neighbours = smoothing_scale(features, position)
    return features, smooth(features, position, n_neighbours), n_neighbours


def smooth(features: np.ndarray, position: np.ndarray, n_neighbours: int) -> np.ndarray:
    """Features (N, D) averaged over each spot and its nearest: (N, D) float32."""
    return np.asarray(mean_over_nearest(position, n_neighbours) @ features, dtype=np.float32)


def baseline_features(counts: sparse.csr_matrix, n_pcs: int = N_PCS) -> np.ndarray:
    """The fixed representation that every learned one has to beat, before spatial smoothing.

    Genes in at least 3 % of the spots, 3,000 highly variable ones (of a panel of at most PANEL_GENES genes
    all that are seen), median depth over these, log1p, centred but not scaled (scaling lifts noise genes),
    PCA. counts: CSR (N, G0) raw. Returns (N, n_pcs) float32.
    """
    chosen = counts[:, select_genes(counts, MIN_CELLS, N_HVG, PANEL_GENES)]
    return pca(log1p(normalise(chosen, total_counts(chosen), "median")), n_pcs)
