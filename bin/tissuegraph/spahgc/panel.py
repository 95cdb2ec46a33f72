"""Gene panel and expression scale, decided on the reference slices alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.slices.preprocess import detected_genes, hvg_scores, mean_variance, normalise, total_counts
from tissuegraph.spahgc.settings import Panel
from tissuegraph.spahgc.slices import HistologySlice

_MIN_GENES = 2  # a panel of fewer has neither a PCC per spot nor a point


def choose_panel(references: Sequence[HistologySlice], settings: Panel) -> np.ndarray:
    """Genes to predict, (M,) str in alphabetical order.

    Candidates are measured in every reference slice, in at least `min_share` of its spots. `intersection`
    (the paper's rule) keeps those among the n_hvg most variable (seurat_v3) of every slice; `rank` keeps
    the n_hvg with the best mean rank. Raises InputError when fewer than two genes are left.
    """
    shared = sorted(set.intersection(*(set(each.genes.tolist()) for each in references)))
    candidates = np.array([gene for gene in shared], dtype=str)
    counts = [each.counts[:, columns_of(each, candidates)] for each in references]
    for matrix in counts:
        if settings.min_share:
            seen = detected_genes(matrix, settings.min_share if settings.min_share < 1 else matrix.shape[0])
        else:
            seen = np.ones(matrix.shape[1], dtype=bool)
        candidates, counts = candidates[seen], [each[:, seen] for each in counts]
    _refuse_few(candidates, len(shared), settings)
    ranks = np.stack([_ranks(hvg_scores(matrix)) for matrix in counts])  # (slices, candidates)
    kept = np.ones(len(candidates), dtype=bool)
    if settings.combine == "intersection":
        kept = (ranks < settings.n_hvg).all(axis=0)
    limit = settings.n_hvg if settings.combine == "rank" else settings.max_genes
    if settings.combine == "rank" and settings.max_genes is not None:
        limit = min(limit, settings.max_genes)
    if limit is not None and kept.sum() > limit:
        order = np.argsort(np.where(kept, ranks.mean(axis=0), np.inf), kind="stable")
        kept = np.isin(np.arange(len(candidates)), order[:limit])
    panel = np.sort(candidates[kept])
    _refuse_few(panel, len(shared), settings)
    return panel


def columns_of(piece: HistologySlice, genes: np.ndarray) -> np.ndarray:
    """Column of each gene in the slice's counts. Raises InputError for a gene that is not there."""
    if len(genes) == 0:
        return np.zeros(0, dtype=np.int64)
    order = np.argsort(piece.genes, kind="stable")
    place = np.minimum(np.searchsorted(piece.genes, genes, sorter=order), len(order) - 1)
    columns = order[place] if len(order) else np.zeros(0, dtype=np.int64)
    missing = genes if not len(order) else genes[piece.genes[columns] != genes]
    if len(missing):
        raise InputError(
            f"slice {piece.name} lacks {len(missing)} of the {len(genes)} panel genes, e.g. {missing[0]}; "
            "score it on the genes it has"
        )
    return columns


def log_expression(piece: HistologySlice, genes: np.ndarray, settings: Panel) -> sparse.csr_matrix:
    """Depth-normalised log expression of the panel: CSR (N, M) float32; depth counts all genes."""
    values = piece.counts[:, columns_of(piece, genes)]
    if settings.target_sum is not None:
        values = normalise(values, total_counts(piece.counts), settings.target_sum)
    logged = np.log1p(values.data)
    if settings.log == "log10":
        logged = logged / np.float32(math.log(10))
    return sparse.csr_matrix((logged.astype(np.float32), values.indices, values.indptr), shape=values.shape)


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x - offset) / spread per gene; both (M,) float32, fitted on training slices only."""

    offset: np.ndarray
    spread: np.ndarray

    def forward(self, values: np.ndarray) -> np.ndarray:
        return (values - self.offset) / self.spread

    def backward(self, values: np.ndarray) -> np.ndarray:
        return values * self.spread + self.offset


def fit_scaling(expression: Sequence[sparse.csr_matrix], rule: str) -> Scaling:
    """Scaling of log expression. rule: none; unit (mean 0, variance 1); minmax (0 to 1).

    A gene that is constant over the training slices is centred only.
    """
    together = sparse.vstack(expression, format="csr")
    n_genes = together.shape[1]
    if rule == "none":
        return Scaling(np.zeros(n_genes, np.float32), np.ones(n_genes, np.float32))
    if rule == "unit":
        offset, variance = mean_variance(together)
        spread = np.sqrt(variance)
    else:
        offset = together.min(axis=0).toarray().ravel()
        spread = together.max(axis=0).toarray().ravel() - offset
    spread = np.where(spread > 1e-8, spread, 1.0)
    return Scaling(offset.astype(np.float32), spread.astype(np.float32))


def scale_images(
    training: Sequence[np.ndarray], targets: Sequence[np.ndarray], rule: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Image features (N, F) to zero mean and unit variance: over all training spots, or slice by slice.

    `slice` takes out what differs between slides as a whole, such as stain; it reads the target's image
    only, which is given. A constant feature becomes 0.
    """
    if rule == "none":
        return list(training), list(targets)
    if rule == "slice":
        return [_unit(each, *_moments([each])) for each in training], [
            _unit(each, *_moments([each])) for each in targets
        ]
    moments = _moments(training)
    return [_unit(each, *moments) for each in training], [_unit(each, *moments) for each in targets]


def _moments(images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    n_spots = sum(len(each) for each in images)
    mean = sum(each.sum(axis=0, dtype=np.float64) for each in images) / n_spots
    variance = sum(((each - mean) ** 2).sum(axis=0) for each in images) / n_spots
    return mean, np.sqrt(variance)


def _unit(image: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    constant = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-12)
    return np.where(constant, 0.0, (image - mean) / np.where(constant, 1.0, deviation)).astype(np.float32)


def _ranks(scores: np.ndarray) -> np.ndarray:
    """0 for the largest; ties by position."""
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return ranks


def _refuse_few(genes: np.ndarray, n_shared: int, settings: Panel) -> None:
    if len(genes) < _MIN_GENES:
        raise InputError(
            f"the panel needs at least {_MIN_GENES} genes, got {len(genes)} of the {n_shared} that all "
            f"references share; lower panel.min_share (now {settings.min_share:g}), raise panel.n_hvg (now "
            f"{settings.n_hvg}) or set panel.combine=rank"
        )
