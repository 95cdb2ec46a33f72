"""How good domains are: agreement with an annotation where there is one, coherence in space always.

N spots, K domains. Everything but the silhouette is linear in N; that one is taken on a sample. A score
that is not defined for a labelling (one domain only, say) is NaN.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from tissuegraph.errors import InputError
from tissuegraph.slices.neighbours import nearest_spots

PAS_NEIGHBOURS, PAS_DISAGREEING = 10, 6  # abnormal: at least 6 of 10 nearest spots in other domains
SILHOUETTE_SPOTS = 5000  # the silhouette needs all pairs: 25 million distances at this size


def agreement_scores(labels: np.ndarray, annotation: np.ndarray) -> dict[str, float]:
    """ARI, NMI, AMI, homogeneity and completeness on the annotated spots.

    labels, annotation: (N,) int; -1 in annotation marks unlabelled spots, which do not count. NMI and AMI
    are normalised by the arithmetic mean of the entropies. Empty where fewer than two regions are annotated:
    with one, any labelling scores 0 or 1 by convention.
    """
    from sklearn import metrics

    labels, annotation = _same_spots(labels, annotation)
    known = annotation >= 0
    if len(np.unique(annotation[known])) < 2:
        return {}
    truth, found = annotation[known], labels[known]
    return {
        "ari": float(metrics.adjusted_rand_score(truth, found)),
        "nmi": float(metrics.normalized_mutual_info_score(truth, found)),
        "ami": float(metrics.adjusted_mutual_info_score(truth, found)),
        "homogeneity": float(metrics.homogeneity_score(truth, found)),
        "completeness": float(metrics.completeness_score(truth, found)),
    }


def coherence_scores(
    labels: np.ndarray,
    position: np.ndarray,
    spatial: sparse.csr_matrix,
    seed: int = 0,
    nearest: np.ndarray | None = None,
) -> dict[str, float]:
    """PAS, CHAOS, silhouette width (ASW) and Moran's I of a labelling in space; no annotation needed.

    labels: (N,) int; position: (N, 2); spatial: CSR (N, N) adjacency; nearest: see `abnormal_share`. Smooth
    domains score well whether or not they are true, so these describe a result and do not choose one.
    """
    return {
        "pas": abnormal_share(labels, position, nearest),
        "chaos": chaos(labels, position),
        "asw": silhouette(labels, position, seed=seed),
        "morans_i": morans_i(labels, spatial),
    }


def pas_neighbours(position: np.ndarray) -> np.ndarray | None:
    """The 10 nearest spots of each, (N, 10) int32, for PAS of several labellings; None for one spot."""
    return nearest_spots(position, PAS_NEIGHBOURS)[0] if len(position) > 1 else None


def abnormal_share(labels: np.ndarray, position: np.ndarray, nearest: np.ndarray | None = None) -> float:
    """PAS, share of abnormal spots: at least 6 of the 10 nearest spots lie in other domains (0 is best).

    Shang and Zhou 2022, Nature Communications 13:7203. On slices of fewer than 11 spots: 6 in 10 of all.
    nearest: what `pas_neighbours` finds; searched for here where it is not given.
    """
    nearest = pas_neighbours(position) if nearest is None else nearest
    if nearest is None:
        return float("nan")
    elsewhere = (labels[nearest] != labels[:, None]).mean(axis=1)
    return float((elsewhere >= PAS_DISAGREEING / PAS_NEIGHBOURS - 1e-9).mean())


def chaos(labels: np.ndarray, position: np.ndarray) -> float:
    """CHAOS: mean distance to the nearest spot of the same domain, on standardised positions (0 is best).

    Shang and Zhou 2022 (see `abnormal_share`). Spots alone in their domain do not count.
    """
    deviation = position.std(axis=0)
    standardised = (position - position.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    total, counted = 0.0, 0
    for domain in np.unique(labels):
        members = standardised[labels == domain]
        if len(members) > 1:
            total += cKDTree(members).query(members, k=2)[0][:, 1].sum()
            counted += len(members)
    return float(total / counted) if counted else float("nan")


def silhouette(labels: np.ndarray, position: np.ndarray, *, seed: int = 0) -> float:
    """ASW: mean silhouette width of the domains on positions, in [-1, 1] (1 is best).

    Above 5,000 spots, on a random sample of that size. NaN unless there are 2 to N - 1 domains.
    """
    from sklearn.metrics import silhouette_score

    if len(labels) > SILHOUETTE_SPOTS:
        chosen = np.random.default_rng(seed).choice(len(labels), SILHOUETTE_SPOTS, replace=False)
        labels, position = labels[chosen], position[chosen]
    if not 2 <= len(np.unique(labels)) < len(labels):
        return float("nan")
    return float(silhouette_score(position, labels))


def morans_i(labels: np.ndarray, spatial: sparse.csr_matrix) -> float:
    """Moran's I of the domains' indicators over the spatial graph, averaged over domains (1 is smooth).

    For one domain with indicator y, mean m and binary weights w:
    N / sum(w) * sum_ij w_ij (y_i - m)(y_j - m) / sum_i (y_i - m)^2. NaN for one domain or no edge.
    """
    _, code = np.unique(labels, return_inverse=True)
    n_spots, n_domains = len(code), int(code.max()) + 1
    n_weights = spatial.nnz
    if n_domains < 2 or n_weights == 0:
        return float("nan")
    degree = np.diff(spatial.indptr)
    same_domain = np.repeat(code, degree) == code[spatial.indices]  # one entry per edge
    inside = np.bincount(np.repeat(code, degree), weights=same_domain, minlength=n_domains)  # y' W y
    touching = np.bincount(code, weights=degree, minlength=n_domains)  # y' W 1
    mean = np.bincount(code) / n_spots
    cross = inside - 2 * mean * touching + mean**2 * n_weights
    return float(np.mean(n_spots / n_weights * cross / (n_spots * mean * (1 - mean))))


def _same_spots(labels: np.ndarray, annotation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, annotation = np.asarray(labels), np.asarray(annotation)
    if labels.shape != annotation.shape:
        raise InputError(
            f"domains and annotation must cover the same spots, got {labels.shape} and {annotation.shape}"
        )
    return labels, annotation
