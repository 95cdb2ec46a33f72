"""Each domain against all other spots, gene by gene: Wilcoxon rank sums from the values that are not zero.

Own code, which tests hold equal to scanpy's `rank_genes_groups` with ties corrected: that makes blocks of
spots x genes dense and ranks every zero, where all zeros of a gene are one tie: 11 s against 1.2 s for 3,600
spots, 8,500 genes and 3 million entries. N spots, G genes, K domains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

_ENTRIES_AT_ONCE = 4_000_000  # of the matrix: 250 MB while one chunk of genes is looked at


@dataclass(frozen=True, kw_only=True, eq=False)
class RankSums:
    """What rank sums say of K domains and G genes.

    sizes: (K,) spots; auc: (K, G), how often a spot of the domain has more of the gene than another spot, a
    tie counting half; z: (K, G), its distance from 1/2 in standard deviations, 0 where nothing varies; seen:
    (K, G) spots with any of the gene; sums: (K, G) of log-normalised values; normalised: (K, G) sums of the
    same without the log.
    """

    sizes: np.ndarray
    auc: np.ndarray
    z: np.ndarray
    seen: np.ndarray
    sums: np.ndarray
    normalised: np.ndarray

    @property
    def n_spots(self) -> int:
        """Spots of any domain."""
        return int(self.sizes.sum())

    @property
    def p_values(self) -> np.ndarray:
        """(K, G) two-sided, from the normal approximation."""
        from scipy.special import ndtr

        return 2 * ndtr(-np.abs(self.z))

    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """(K, G) shares of the spots inside, and of the other spots, that have any of the gene."""
        inside, outside = self._sides()
        return self.seen / inside, (self.seen.sum(axis=0) - self.seen) / outside

    def log2_fold_changes(self) -> np.ndarray:
        """(K, G) log2 of mean normalised expression inside over that outside.

        Each side has one spot of overall mean expression more, so that a gene that is seen on one side only
        has a change too; 0 for a gene that is seen nowhere.
        """
        inside, outside = self._sides()
        total = self.normalised.sum(axis=0)
        mean = total / max(self.n_spots, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (
                (self.normalised + mean) / (inside + 1) / ((total - self.normalised + mean) / (outside + 1))
            )
            return np.where(total > 0, np.log2(ratio), 0.0)

    def _sides(self) -> tuple[np.ndarray, np.ndarray]:
        """(K, 1) spots inside and outside, 1 where there is none."""
        sizes = self.sizes[:, None]
        return np.maximum(sizes, 1), np.maximum(self.n_spots - sizes, 1)


def rank_sums(values: sparse.csr_matrix | sparse.csc_matrix, codes: np.ndarray, n_domains: int) -> RankSums:
    """Compare every domain with the rest. values: (N, G), none below 0; codes: (N,) int from 0.

    Spots of no domain, -1, are on neither side. Linear in the entries but for sorting them.
    """
    values = sparse.csc_matrix(values)
    sizes = np.bincount(codes[codes >= 0], minlength=n_domains)
    parts = [_chunk(values, genes, codes, sizes) for genes in gene_chunks(values)]
    names = ("auc", "z", "seen", "sums", "normalised")
    joined = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    return RankSums(sizes=sizes, **dict(zip(names, joined, strict=True)))


def gene_chunks(values: sparse.csc_matrix, most_entries: int = _ENTRIES_AT_ONCE) -> Iterator[slice]:
    """Consecutive genes that hold at most so many entries together, or one gene; all genes in turn."""
    pointers, n_genes = values.indptr, values.shape[1]
    start = 0
    while start < n_genes:
        stop = int(np.searchsorted(pointers, pointers[start] + most_entries, side="right")) - 1
        stop = min(max(stop, start + 1), n_genes)
        yield slice(start, stop)
        start = stop
    if n_genes == 0:
        yield slice(0, 0)


def _chunk(values: sparse.csc_matrix, genes: slice, codes: np.ndarray, sizes: np.ndarray):
    """auc, z, seen, sums and normalised sums, (K, g) each, of some genes."""
    n_genes, n_spots = genes.stop - genes.start, int(sizes.sum())
    pointers = values.indptr[genes.start : genes.stop + 1]
    part = slice(int(pointers[0]), int(pointers[-1]))
    gene, code = np.repeat(np.arange(n_genes), np.diff(pointers)), codes[values.indices[part]]
    value = values.data[part].astype(np.float32, copy=False)
    kept = (code >= 0) & (value > 0)
    gene, code, value = gene[kept], code[kept], value[kept]
    # Bits of floats above zero are ordered as the floats are: one sort of whole numbers does for all genes
    order_key = (gene.astype(np.uint64) << np.uint64(32)) | value.view(np.uint32)
    order = np.argsort(order_key)
    order_key = order_key[order]
    gene, code, value = gene[order], code[order], value[order].astype(np.float64)

    stored = np.bincount(gene, minlength=n_genes)
    zeros = n_spots - stored
    first = np.flatnonzero(np.diff(order_key, prepend=np.uint64(2**64 - 1)) != 0)  # of each run of equals
    length = np.diff(first, append=len(gene))
    begin = np.concatenate([[0], np.cumsum(stored)[:-1]])  # of each gene
    middle = first - begin[gene[first]] + (length + 1) / 2 + zeros[gene[first]]
    rank = np.repeat(middle, length)

    cell, shape = code * n_genes + gene, (len(sizes), n_genes)

    def per_domain(weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(cell, weights, minlength=shape[0] * shape[1]).reshape(shape)

    seen = per_domain()
    inside, outside = sizes[:, None].astype(float), (n_spots - sizes)[:, None].astype(float)
    rank_sum = per_domain(rank) + (inside - seen) * (zeros + 1) / 2
    ties = np.bincount(gene[first], length**3.0 - length, minlength=n_genes) + zeros**3.0 - zeros
    with np.errstate(divide="ignore", invalid="ignore"):
        auc = (rank_sum - inside * (inside + 1) / 2) / (inside * outside)
        varies = 1 - ties / (n_spots**3.0 - n_spots)
        deviation = np.sqrt(np.maximum(varies, 0) * (n_spots + 1) / (12 * inside * outside))
        z = np.where(deviation > 0, (auc - 0.5) / deviation, 0.0)
    two_sided = inside * outside > 0
    auc, z = np.where(two_sided, auc, 0.5), np.where(two_sided, z, 0.0)
    return auc, z, seen, per_domain(value), per_domain(np.expm1(value))
