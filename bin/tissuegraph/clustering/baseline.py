"""The control that every learned result has to beat: smoothed principal components, vote of mixtures.

No network and no label: genes in 3 % of the spots (of a panel, all that are seen), 3,000 highly variable
ones, log counts at median depth, 15 principal components, each spot averaged with its k* nearest spots, where
k* is the number of neighbours that predicts left-out spots best; of bins and cells all within a radius.
N spots, G genes, K domains.
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
from tissuegraph.slices.smoothing import averaging, smoothing_scale

MIN_CELLS = 0.03  # share of spots in which a gene has to be seen
N_HVG = 3000
N_PCS = 15


@dataclass(frozen=True)
class SmoothedOver:
    """n_nearest spots, or all within radius_um where that is not None; n_averaged: so many on average."""

    n_nearest: int
    n_averaged: float
    radius_um: float | None = None


@dataclass(frozen=True, eq=False)
class Baseline:
    """labels and pca_kmeans (N,) int in 0..K-1; embedding (N, 15) smoothed principal components, over
    `around`.
    """

    labels: np.ndarray
    pca_kmeans: np.ndarray
    embedding: np.ndarray
    around: SmoothedOver


def baseline(
    counts: sparse.csr_matrix,
    position: np.ndarray,
    n_domains: int,
    seed: int = 0,
    um_per_px: float | None = None,
) -> Baseline:
    """Domains without learning. counts: raw, (N, G); position: (N, 2) in pixels of um_per_px (None: unknown).

    Raises InputError for more domains than spots.
    """
    if n_domains > counts.shape[0]:
        raise InputError(
            f"{n_domains} domains were asked for, but only {counts.shape[0]} spots passed quality control; "
            f"lower n_domains or the thresholds"
        )
    features, smoothed, around = smoothed_features(counts, position, um_per_px)
    return Baseline(
        labels=compact(cluster(smoothed, n_domains, "vote", seed).labels),
        pca_kmeans=compact(cluster(features, n_domains, "kmeans", seed).labels),
        embedding=smoothed,
        around=around,
    )


def smoothed_features(
    counts: sparse.csr_matrix, position: np.ndarray, um_per_px: float | None = None
) -> tuple[np.ndarray, np.ndarray, SmoothedOver]:
    """Principal components (N, 15), the same averaged over what is around each spot, and what that is."""
    features = baseline_features(counts)
    smoothed, around = smooth(features, position, um_per_px)
    return features, smoothed, around


def smooth(
    features: np.ndarray, position: np.ndarray, um_per_px: float | None = None
) -> tuple[np.ndarray, SmoothedOver]:
    """Features averaged over the neighbourhood that predicts left-out spots best: (N, D) float32."""
    chosen = smoothing_scale(features, position, um_per_px)
    operator = averaging(position, chosen)
    radius_um = operator.radius * um_per_px if operator.radius and um_per_px else None
    around = SmoothedOver(chosen.n_nearest, operator.n_averaged, radius_um)
    return np.asarray(operator @ features, dtype=np.float32), around


def baseline_features(counts: sparse.csr_matrix, n_pcs: int = N_PCS) -> np.ndarray:
    """The fixed representation that every learned one has to beat, before spatial smoothing.

    Genes in at least 3 % of the spots, 3,000 highly variable ones (of a panel of at most PANEL_GENES genes
    all that are seen), median depth over these, log1p, centred but not scaled (scaling lifts noise genes),
    PCA. counts: CSR (N, G0) raw. Returns (N, n_pcs) float32.
    """
    chosen = counts[:, select_genes(counts, MIN_CELLS, N_HVG, PANEL_GENES)]
    return pca(log1p(normalise(chosen, total_counts(chosen), "median")), n_pcs)
