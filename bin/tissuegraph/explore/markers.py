"""Genes that are worth a look: those that tell each final domain from the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.clustering.labels import membership
from tissuegraph.explore.packing import BYTE, levels_of
from tissuegraph.slices.preprocess import log_normalised


@dataclass(frozen=True, eq=False)
class Moments:
    """Log-normalised expression of G genes in K domains.

    sizes (K,) spots; sums, squares (K, G) sums of values and of their squares; highest (G,) over all spots.
    """

    sizes: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    highest: np.ndarray


def moments(
    pieces: Iterable[tuple[slice, sparse.csr_matrix]], domains: np.ndarray, n_domains: int, n_genes: int
) -> Moments:
    """Sums over the spots of each domain. domains: (N,) int from 0; spots of none, -1, count nowhere."""
    sums, squares = np.zeros((n_domains, n_genes)), np.zeros((n_domains, n_genes))
    highest = np.zeros(n_genes)
    for rows, counts in pieces:
        values = log_normalised(counts)
        member = membership(domains[rows], n_domains)
        sums += (member @ values).toarray()
        squares += (member @ values.multiply(values)).toarray()
        highest = np.maximum(highest, values.max(axis=0).toarray().ravel())
    sizes = np.bincount(domains[domains >= 0], minlength=n_domains)
    return Moments(sizes, sums, squares, highest)


def separation(found: Moments) -> np.ndarray:
    """(K, G) Welch's t of each gene in a domain against all other spots; as scanpy ranks genes by `t-test`.

    NaN where a side has fewer than two spots or nothing varies.
    """
    n_in = found.sizes[:, None].astype(float)
    n_out = found.sizes.sum() - n_in
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_in, error_in = _mean_and_error(found.sums, found.squares, n_in)
        mean_out, error_out = _mean_and_error(
            found.sums.sum(axis=0) - found.sums, found.squares.sum(axis=0) - found.squares, n_out
        )
        t = (mean_in - mean_out) / np.sqrt(error_in + error_out)
    t[np.broadcast_to((n_in < 2) | (n_out < 2), t.shape) | ~np.isfinite(t)] = np.nan
    return t


def _mean_and_error(sums: np.ndarray, squares: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and squared standard error of the mean, from sums over n spots."""
    mean = sums / n
    variance = np.maximum(squares / n - mean**2, 0.0) * n / (n - 1)
    return mean, variance / n


def top_genes(found: Moments, most: int) -> list[tuple[int, int]]:
    """Up to `most` (gene, domain) by turns: the best gene of each domain, then the second best of each, ...

    Only genes that are higher in the domain than outside; a gene is listed once, for the first domain that
    names it. Where no domain can be told from the rest, the most variable genes come, with domain -1.
    """
    t = separation(found)
    t[~(t > 0)] = -np.inf
    if not np.isfinite(t).any():
        return [(gene, -1) for gene in _most_variable(found, most)]
    order = np.argsort(-t, axis=1, kind="stable")
    chosen: dict[int, int] = {}
    for place in range(t.shape[1]):
        for domain in range(t.shape[0]):
            gene = int(order[domain, place])
            if np.isfinite(t[domain, gene]) and len(chosen) < most:
                chosen.setdefault(gene, domain)
        if len(chosen) >= most or not np.isfinite(t[np.arange(len(t)), order[:, place]]).any():
            break
    return list(chosen.items())


def _most_variable(found: Moments, most: int) -> Iterator[int]:
    n = max(int(found.sizes.sum()), 1)
    variance = found.squares.sum(axis=0) / n - (found.sums.sum(axis=0) / n) ** 2
    order = np.argsort(-variance, kind="stable")[:most]
    return (int(gene) for gene in order if variance[gene] > 0)


def gene_codes(
    pieces: Iterable[tuple[slice, sparse.csr_matrix]], genes: list[int], highest: np.ndarray, n_spots: int
) -> np.ndarray:
    """(len(genes), N) bytes: log-normalised expression from 0 to the gene's highest value, in 254 steps."""
    levels = levels_of(BYTE)
    codes = np.zeros((len(genes), n_spots), dtype=BYTE)
    steps = levels / np.where(highest[genes] > 0, highest[genes], 1.0)
    for rows, counts in pieces:
        values = log_normalised(counts)[:, genes].toarray()
        codes[:, rows] = np.rint(values * steps).astype(BYTE).T
    return codes
