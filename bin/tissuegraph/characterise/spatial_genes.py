"""Moran's I of every gene over the tissue, and of what is left of it within domains; matrices stay sparse.

With z the values less their mean, or less the mean of their domain, and W the graph with rows that sum to 1:
I = (N / S0) sum_ij w_ij z_i z_j / sum_i z_i^2, where S0 is the sum of W (Cliff and Ord 1981, Spatial
Processes). N spots, G genes, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph.characterise.false_findings import benjamini_hochberg
from tissuegraph.characterise.neighbour_sums import neighbour_products
from tissuegraph.characterise.ranks import gene_chunks

LEAST_SPOTS = 10  # spots with a count, below which nobody can say whether a gene lies in a pattern


@dataclass(frozen=True, eq=False)
class Autocorrelation:
    """morans_i, z and p (one-sided: neighbours are alike), (G,) each; NaN for a gene without variation."""

    morans_i: np.ndarray
    z: np.ndarray
    p: np.ndarray


@dataclass(frozen=True, eq=False)
class _Weights:
    """Sums of a graph A over pairs of domains: A itself, squares and cubes of its weights, (K, K) each;
    loops: (K,) weights of the closed paths of three steps from the spots of each domain.
    """

    plain: np.ndarray
    squares: np.ndarray
    cubes: np.ndarray
    loops: np.ndarray


def row_normalised(graph: sparse.csr_matrix) -> sparse.csr_matrix:
    """Weights of the neighbours of each spot that sum to 1; a spot without any has an empty row."""
    total = np.asarray(graph.sum(axis=1), dtype=np.float64).ravel()
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sparse.csr_matrix(sparse.diags_array(scale) @ graph.astype(np.float64))


def autocorrelation(
    values: sparse.csr_matrix, weights: sparse.csr_matrix, codes: np.ndarray | None = None
) -> Autocorrelation:
    """Moran's I of each gene; with codes (N,) int from 0, of what is left less the mean of each domain.

    values: (N, G); weights: (N, N); spots of no domain, -1, are left out. p: values of a domain are
    exchangeable among its spots, so each domain has a variance of its own. The mean of I is exact, variance
    and skewness are leading terms in 1/N, and the tail is that of the gamma distribution with these
    moments: the normal distribution that is usual here finds too much in genes that few spots have.
    """
    if codes is None:
        codes = np.zeros(values.shape[0], dtype=np.int64)
    if (codes < 0).any():
        kept = np.flatnonzero(codes >= 0)
        values, weights, codes = values[kept], weights[kept][:, kept], codes[kept]
    symmetric = sparse.csr_matrix((weights + weights.T) / 2, dtype=np.float64)
    member = sparse.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))))
    sums = _weights_of(symmetric, member)

    crossing = sparse.csr_matrix(member @ symmetric)
    values = sparse.csc_matrix(values)
    parts = [
        _of_genes(sparse.csc_matrix(values[:, genes], dtype=np.float64), symmetric, crossing, member, sums)
        for genes in gene_chunks(values)
    ]
    return Autocorrelation(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _of_genes(
    values: sparse.csc_matrix,
    graph: sparse.csr_matrix,
    crossing: sparse.csr_matrix,
    member: sparse.csr_matrix,
    sums: _Weights,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """I, z and p of some genes. graph: (N, N), symmetric; crossing: (K, N) sums of its rows per domain."""
    sizes = np.maximum(np.diff(member.indptr), 1)
    squared = values.multiply(values)
    first, second, third = (
        (member @ each).toarray() / sizes[:, None] for each in (values, squared, squared.multiply(values))
    )
    variance = np.maximum(second - first**2, 0.0)
    variance[variance < 1e-9 * second] = 0.0  # what subtraction leaves of a constant
    skew = third - 3 * first * second + 2 * first**3
    product = neighbour_products(graph, values) - 2 * (first * (crossing @ values).toarray()).sum(axis=0)
    product += np.einsum("kg,kl,lg->g", first, sums.plain, first)
    with np.errstate(divide="ignore", invalid="ignore"):
        z, p = _tail(product, variance, skew, sums, sizes)
        spread = sizes @ variance
        found = np.where(spread > 0, product * (member.shape[1] / sums.plain.sum()) / spread, np.nan)
    return found, z, p


def _weights_of(graph: sparse.csr_matrix, member: sparse.csr_matrix) -> _Weights:
    squares = graph.multiply(graph)

    def between(matrix) -> np.ndarray:
        return (member @ matrix @ member.T).toarray()

    loops = np.asarray(graph.multiply(graph @ graph).sum(axis=1)).ravel()
    return _Weights(between(graph), between(squares), between(squares.multiply(graph)), member @ loops)


def _tail(
    product: np.ndarray, variance: np.ndarray, skew: np.ndarray, sums: _Weights, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """z and upper p of sum_ij a_ij z_i z_j, (G,) each, from the moments of each domain's values."""
    from scipy.special import gammaincc, ndtr

    mean = -(np.diag(sums.plain) / np.maximum(sizes - 1, 1)) @ variance
    second = 2 * np.einsum("kg,kl,lg->g", variance, sums.squares, variance)
    third = 4 * np.einsum("kg,kl,lg->g", skew, sums.cubes, skew) + 8 * sums.loops @ variance**3
    z = np.where(second > 0, (product - mean) / np.sqrt(second), np.nan)
    skewness = np.where(second > 0, third / second**1.5, 0.0)
    shape = 4 / np.maximum(skewness, 1e-3) ** 2
    place = np.maximum(shape + z * np.sqrt(shape), 0.0)
    return z, np.where(skewness > 1e-3, gammaincc(shape, place), ndtr(-z))


def spatial_table(
    counts_seen: np.ndarray, genes: np.ndarray, whole: Autocorrelation, within: Autocorrelation | None
) -> pd.DataFrame:
    """The table of genes by falling I. counts_seen: (G,) spots with a count; p are adjusted over genes
    (Benjamini and Hochberg). Genes that too few spots have, or that do not vary, are left out.
    """
    tested = (counts_seen >= LEAST_SPOTS) & np.isfinite(whole.p)
    table = pd.DataFrame(
        {
            "gene": genes[tested],
            "morans_i": whole.morans_i[tested],
            "p_adjusted": benjamini_hochberg(whole.p[tested]),
            "morans_i_within_domains": within.morans_i[tested] if within else np.nan,
            "p_adjusted_within_domains": benjamini_hochberg(within.p[tested]) if within else np.nan,
        }
    )
    return table.sort_values("morans_i", ascending=False, kind="stable", ignore_index=True)
