"""Gene panel and expression scale, decided on the reference slices alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.slices.preprocess import detected_genes, hvg_scores, normalise, total_counts
from tissuegraph.spahgc.settings import Panel
from tissuegraph.spahgc.slices import HistologySlice

_MIN_GENES = 2  # a panel of fewer has neither a PCC per spot nor a point


def choose_panel(
    references: Sequence[HistologySlice], settings: Panel, asked: Sequence[str] = ()
) -> np.ndarray:
    """Genes to predict, (M,) str in alphabetical order: those asked for and those that the rule finds.

    Only genes that every reference measures come into question. `intersection` (the paper's rule) takes
    those among the n_hvg most variable (seurat_v3) of every slice; `ranked` see `_ranked`. The rule's best
    genes fill up what was asked for to n_genes. asked: genes that all references measure, see
    tissuegraph.spahgc.asked. Raises InputError when fewer than two genes are left.
    """
    shared = np.array(sorted(set.intersection(*(set(each.genes.tolist()) for each in references))), dtype=str)
    wanted = np.array(asked, dtype=str)
    room = None if settings.n_genes is None else max(settings.n_genes - len(wanted), 0)  # None: no end
    found = wanted[:0]
    if room != 0:  # ranking takes a while
        found = (_intersection if settings.rule == "intersection" else _ranked)(references, shared, settings)
    panel = np.union1d(found[~np.isin(found, wanted)][:room], wanted)
    _refuse_few(panel, len(shared), settings)
    return panel


def _intersection(
    references: Sequence[HistologySlice], candidates: np.ndarray, settings: Panel
) -> np.ndarray:
    """Genes seen in min_share of the spots of every reference, and among its n_hvg; best mean rank first."""
    counts = [each.counts[:, columns_of(each, candidates)] for each in references]
    if settings.min_share:
        seen = np.all([detected_genes(each, _spots(each, settings.min_share)) for each in counts], axis=0)
        candidates, counts = candidates[seen], [each[:, seen] for each in counts]
    if len(candidates) < _MIN_GENES:  # too few to be ranked
        return candidates
    ranks = np.stack([_ranks(hvg_scores(matrix)) for matrix in counts])  # (slices, candidates)
    kept = (ranks < settings.n_hvg).all(axis=0)
    order = np.argsort(np.where(kept, ranks.mean(axis=0), np.inf), kind="stable")
    return candidates[order[: kept.sum()]]


def _ranked(references: Sequence[HistologySlice], shared: np.ndarray, settings: Panel) -> np.ndarray:
    """Genes seen in min_share of the spots of any reference: those of most references first, then by rank.

    A gene's rank in a reference is its place by variability (seurat_v3) among the genes seen there; last,
    where it is not seen. The mean over references decides, ties go by name. Genes seen in no more than half
    of the references come after all others: they fill a panel that would be short, so that a further
    reference that measures the same genes never makes it smaller.
    """
    seen, places = [], []
    for each in references:
        matrix = each.counts[:, columns_of(each, shared)]
        here = detected_genes(matrix, _spots(matrix, settings.min_share))
        seen.append(here)
        place = np.full(len(shared), len(shared))
        if here.any():
            place[here] = _ranks(hvg_scores(matrix[:, here]))
        places.append(place)
    n_seen = np.sum(seen, axis=0)
    rare = 2 * n_seen <= len(references)
    order = np.lexsort((np.mean(places, axis=0), rare))  # stable: shared is in the order of names
    return shared[order[n_seen[order] > 0]]


def _spots(matrix: sparse.csr_matrix, share: float) -> float:
    """The share as `detected_genes` reads it, which takes 1 for one spot."""
    return share if share < 1 else matrix.shape[0]


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


def _ranks(scores: np.ndarray) -> np.ndarray:
    """0 for the largest; ties by position."""
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return ranks


def _refuse_few(genes: np.ndarray, n_shared: int, settings: Panel) -> None:
    if len(genes) < _MIN_GENES:
        remedy = f"raise panel.n_hvg (now {settings.n_hvg}) or set panel.rule=ranked"
        raise InputError(
            f"the panel needs at least {_MIN_GENES} genes, got {len(genes)} of the {n_shared} that all "
            f"references share; lower panel.min_share (now {settings.min_share:g})"
            + (f", {remedy}" if settings.rule == "intersection" else " or ask for more genes")
        )
