"""Components shared by all sections of a group; one section in memory at a time.

S sections, N spots of one, G chosen genes, D components.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.stats import rankdata

from tissuegraph.errors import InputError
from tissuegraph.slices.preprocess import detected_genes, hvg_scores, log1p, normalise, total_counts

MIN_SPOTS = 0.03  # share of a section's spots in which a gene has to be seen, in half of the sections
N_GENES = 3000
N_COMPONENTS = 15
LEAST_GENES = 20  # shared genes below which sections have too little in common
_ROWS = 2_000  # spots made dense at a time

Counts = tuple[sparse.csr_matrix, np.ndarray]  # raw counts (N, G0) and the names of the genes (G0,)


@dataclass(frozen=True, eq=False)
class Loadings:
    """genes (G,) names; mean (G,) over all spots; vectors (G, D); depth: counts per spot before log1p."""

    genes: np.ndarray
    mean: np.ndarray
    vectors: np.ndarray
    depth: float

    def scores(self, counts: sparse.csr_matrix, genes: np.ndarray) -> np.ndarray:
        """Components (N, D) float32 of raw counts (N, G0), not centred on the section's own mean.

        Raises InputError where a gene of the loadings is missing.
        """
        values = _log_counts(counts[:, _columns(genes, self.genes)], self.depth)
        return np.asarray(values @ self.vectors - self.mean @ self.vectors, dtype=np.float32)


def fit_loadings(sections: Sequence[Callable[[], Counts]]) -> Loadings:
    """Loadings of section-centred log counts; each section is a function that reads it, called three times.

    Raises InputError where the sections share fewer than 20 genes that are seen in enough spots.
    """
    genes = shared_genes(sections)
    totals = np.concatenate([total_counts(_chosen(read(), genes)) for read in sections])
    depth = float(np.median(totals[totals > 0])) if (totals > 0).any() else 1.0
    scatter, total, n_spots = np.zeros((len(genes), len(genes))), np.zeros(len(genes)), 0
    for read in sections:
        values = _log_counts(_chosen(read(), genes), depth)
        mean = np.asarray(values.mean(axis=0, dtype=np.float64)).ravel()
        for first in range(0, values.shape[0], _ROWS):
            block = values[first : first + _ROWS].toarray() - mean
            scatter += block.T @ block
        total += mean * values.shape[0]
        n_spots += values.shape[0]
    _, vectors = np.linalg.eigh(scatter)
    vectors = vectors[:, ::-1][:, : min(N_COMPONENTS, len(genes))]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return Loadings(genes, total / n_spots, vectors * np.where(largest < 0, -1.0, 1.0), depth)


def shared_genes(sections: Sequence[Callable[[], Counts]]) -> np.ndarray:
    """Names (G,), sorted, of at most 3,000 genes: highest mean rank of variability over the sections."""
    known: dict[str, list[tuple[bool, float]]] = {}
    for read in sections:
        counts, genes = read()
        seen, rank = detected_genes(counts, MIN_SPOTS), rankdata(hvg_scores(counts)) / len(genes)
        for gene, entry in zip(genes.tolist(), zip(seen.tolist(), rank.tolist(), strict=True), strict=True):
            known.setdefault(gene, []).append(entry)
    scored = {
        gene: float(np.mean([rank for _, rank in entries]))
        for gene, entries in known.items()
        if len(entries) == len(sections) and 2 * sum(seen for seen, _ in entries) >= len(sections)
    }
    if len(scored) < LEAST_GENES:
        raise InputError(
            f"the sections of a group share {len(scored)} genes that are seen in at least {MIN_SPOTS:.0%} of "
            f"the spots of half of them, {LEAST_GENES} are needed; check that all rows name genes alike"
        )
    best = sorted(scored, key=lambda gene: (-scored[gene], gene))[:N_GENES]
    return np.array(sorted(best))


def _chosen(read: Counts, wanted: np.ndarray) -> sparse.csr_matrix:
    counts, genes = read
    return counts[:, _columns(genes, wanted)]


def _columns(genes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    place = {gene: column for column, gene in enumerate(genes.tolist())}
    missing = [gene for gene in wanted.tolist() if gene not in place]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(wanted)} genes of the components are missing, such as {missing[0]}; "
            "give sections with the same genes"
        )
    return np.array([place[gene] for gene in wanted.tolist()])


def _log_counts(counts: sparse.csr_matrix, depth: float) -> sparse.csr_matrix:
    return log1p(normalise(counts, total_counts(counts), depth))
