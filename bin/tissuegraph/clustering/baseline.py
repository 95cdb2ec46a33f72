"""The control that every learned result has to beat: smoothed principal components, vote of mixtures.

No network and no label: genes in 3 % of the spots, 3,000 highly variable ones, log counts at median depth,
15 principal components, each spot averaged with its k* nearest spots, where k* is the number of neighbours
that predicts left-out spots best. N spots, G genes, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from tissuegraph.clustering.cluster import cluster
from tissuegraph.clustering.labels import compact
from tissuegraph.clustering.n_domains import Evidence, estimate_n_domains
from tissuegraph.errors import InputError
from tissuegraph.io.intermediate import read_arrays
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
    n_domains: int
    evidence: Evidence | None  # how the number of domains was estimated; None where it was given


def baseline(
    counts: sparse.csr_matrix, position: np.ndarray, n_domains: int | None, seed: int = 0
) -> Baseline:
    """Domains without learning. counts: raw, (N, G); position: (N, 2); n_domains: estimated when None.

    Raises InputError for more domains than spots.
    """
    if n_domains is not None and n_domains > counts.shape[0]:
        raise InputError(
            f"{n_domains} domains were asked for, but only {counts.shape[0]} spots passed quality control; "
            f"lower n_domains or the thresholds"
        )
    features = baseline_features(counts)
    n_neighbours = smoothing_scale(features, position)
    smoothed = np.asarray(mean_over_nearest(position, n_neighbours) @ features, dtype=np.float32)
    evidence = None
    if n_domains is None:
        evidence = estimate_n_domains(smoothed, n_neighbours, seed)
        n_domains = evidence.n_domains
    return Baseline(
        labels=compact(cluster(smoothed, n_domains, "vote", seed).labels),
        pca_kmeans=compact(cluster(features, n_domains, "kmeans", seed).labels),
        embedding=smoothed,
        n_neighbours=n_neighbours,
        n_domains=n_domains,
        evidence=evidence,
    )


def read_n_domains(path: Path) -> int:
    """The number of domains in what baseline.py wrote; raises InputError where there is none."""
    return int(read_arrays(path, "n_domains", ["n_domains"])["n_domains"])


def baseline_features(counts: sparse.csr_matrix, n_pcs: int = N_PCS) -> np.ndarray:
    """The fixed representation that every learned one has to beat, before spatial smoothing.

    Genes in at least 3 % of the spots, 3,000 highly variable ones, median depth over these, log1p,
    centred but not scaled (scaling lifts noise genes), PCA. counts: CSR (N, G0) raw. Returns (N, n_pcs)
    float32.
    """
    chosen = counts[:, select_genes(counts, MIN_CELLS, N_HVG)]
    return pca(log1p(normalise(chosen, total_counts(chosen), "median")), n_pcs)
