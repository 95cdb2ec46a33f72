"""Two independent halves of the counts: domains from one, tests on the other.

Testing genes between domains that were found from the same counts gives small p for nothing. Counts that are
Poisson are split into independent halves by tossing a coin for each count. Counts of tissue vary more than
that; then halves made with a coin share what made a count large, and share it the more, the larger the
overdispersion. Tossed with a coin of its own per entry, whose chance is drawn from Beta(r/2, r/2), halves of
a negative binomial of size r are independent (Neufeld et al. 2023, arXiv:2307.12985). N spots, G genes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.characterise.neighbour_sums import neighbour_products
from tissuegraph.characterise.ranks import RankSums, rank_sums
from tissuegraph.clustering.baseline import smoothed_features
from tissuegraph.clustering.cluster import cluster
from tissuegraph.scores.matching import match_labels
from tissuegraph.slices.preprocess import log_normalised, total_counts

CLUSTERER = "gmm"
LEAST_OVERLAP = 0.5  # Dice's coefficient, from which two domains count as one
_PRIOR_PAIRS = 20.0  # pairs of counts that all genes together add to what each says of its dispersion
_LARGEST_SIZE = 1e4  # a negative binomial of this size is a Poisson


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitTest:
    """tests: rank sums of the second half between domains of the first, numbered as the final ones;
    overlap: (K,) Dice's coefficient of each final domain with its counterpart, 0 where there is none.
    """

    tests: RankSums
    overlap: np.ndarray

    @property
    def has_counterpart(self) -> np.ndarray:
        """(K,) bool: whether the tests speak of the final domain."""
        return self.overlap >= LEAST_OVERLAP


def split_test(
    counts: sparse.csr_matrix,
    xy: np.ndarray,
    graph: sparse.csr_matrix,
    codes: np.ndarray,
    n_domains: int,
    um_per_px: float | None = None,
    seed: int = 0,
) -> SplitTest:
    """Find domains in one half of the counts, match them to the final ones, test them on the other half.

    counts: (N, G) raw, whole numbers; codes: (N,) int final domains, -1 for none. Raises InputError where a
    half has no gene to find domains with.
    """
    size = dispersion_sizes(counts, graph)
    first, second = split_counts(counts, size, np.random.default_rng(seed))
    _, smoothed, _ = smoothed_features(first, xy, um_per_px)
    found = cluster(smoothed, min(n_domains, len(smoothed)), CLUSTERER, seed).labels
    matched = match_labels(found, codes)
    matched[matched >= n_domains] = n_domains  # those without a partner are among the other spots
    tests = rank_sums(log_normalised(second), matched, n_domains + 1)
    return SplitTest(tests=tests, overlap=dice(matched, codes, n_domains))


def dice(first: np.ndarray, second: np.ndarray, n_domains: int) -> np.ndarray:
    """(K,) twice the shared spots over the spots of both, for two labellings (N,) with equal numbers.

    Only of spots that both have in a domain: that one says nothing of a spot is no disagreement.
    """
    both = (first >= 0) & (second >= 0)
    first, second = first[both], second[both]
    shared = np.bincount(first[first == second], minlength=n_domains)[:n_domains]
    sizes = [np.bincount(each[each < n_domains], minlength=n_domains) for each in (first, second)]
    return 2 * shared / np.maximum(sizes[0] + sizes[1], 1)


def split_counts(
    counts: sparse.csr_matrix, size: np.ndarray, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Two halves that add up to the counts. size: (G,) of each gene's negative binomial, inf for Poisson."""
    # Single counts, most of those of sparse slices, fall on either side alike, whatever their gene
    many = np.flatnonzero(counts.data > 1)
    whole = np.rint(counts.data[many]).astype(np.int64)
    own = size[counts.indices[many]] / 2
    chance = np.full(len(many), 0.5)
    varied = np.isfinite(own)
    chance[varied] = rng.beta(own[varied], own[varied])
    half = (counts.data * (rng.random(len(counts.data), dtype=np.float32) < 0.5)).astype(np.float32)
    half[many] = rng.binomial(whole, chance)
    rest = counts.data - half
    return _with_counts(counts, half), _with_counts(counts, rest)


def dispersion_sizes(counts: sparse.csr_matrix, graph: sparse.csr_matrix) -> np.ndarray:
    """(G,) size r of each gene's negative binomial, variance m + m^2 / r; inf where it is Poisson.

    From neighbours in the tissue, which share their mean: pairs of counts within a spot over pairs between
    neighbours, both per squared depth, are 1 + 1/r. Domains and gradients so count as no dispersion. What all
    genes say together is added to each as a few pairs.
    """
    depth = total_counts(counts).astype(np.float64)
    depth = depth / max(np.median(depth[depth > 0]) if (depth > 0).any() else 1.0, 1e-12)
    inverse = np.divide(1.0, depth, out=np.zeros_like(depth), where=depth > 0)
    degree = np.asarray(graph.sum(axis=1), dtype=np.float64).ravel()
    n_genes = counts.shape[1]
    lengths = np.diff(counts.indptr)
    many = np.flatnonzero(counts.data > 1)
    pairs = counts.data[many].astype(np.float64) * (counts.data[many] - 1.0)
    spots = np.searchsorted(counts.indptr, many, side="right") - 1
    within = np.bincount(counts.indices[many], pairs * (degree * inverse**2)[spots], minlength=n_genes)
    scaled = counts.data * np.repeat(inverse.astype(np.float32), lengths)
    scaled = sparse.csr_matrix((scaled, counts.indices, counts.indptr), shape=counts.shape).tocsc()
    between = neighbour_products(graph, scaled)
    typical = within.sum() / max(between.sum(), 1e-12)
    weight = _PRIOR_PAIRS * max(float(degree.mean()), 1.0)
    ratio = (within + weight * typical) / (between + weight)
    with np.errstate(divide="ignore"):
        size = np.where(ratio > 1, 1 / np.maximum(ratio - 1, 1e-12), np.inf)
    return np.where(size > _LARGEST_SIZE, np.inf, size)


def _with_counts(pattern: sparse.csr_matrix, data: np.ndarray) -> sparse.csr_matrix:
    arrays = data.astype(np.float32), pattern.indices.copy(), pattern.indptr.copy()
    found = sparse.csr_matrix(arrays, shape=pattern.shape)
    found.eliminate_zeros()
    return found
