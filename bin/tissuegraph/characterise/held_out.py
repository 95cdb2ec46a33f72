"""Counts set aside before a network sees them, and how well what is expected of a spot tells them.

Each count is divided by binomial thinning: if counts are Poisson, both parts are independent. Expected are
rates, counts of a gene per count of the spot; (N, g) for the genes of a chunk, so that nothing of spots x
genes is held.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError

TARGET = 1e4  # counts per spot that log1p values are scaled to
_FLOOR = 0.01  # least rate, as a share of the gene's mean: a rate of 0 would make any count impossible


def thinned(
    counts: sparse.csr_matrix, share: float, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """What is kept, Binomial(count, share), and what is set aside; both (N, G) float32.

    Raises InputError for counts that are not whole numbers.
    """
    whole = np.rint(counts.data)
    if not np.array_equal(whole, counts.data):
        raise InputError("counts must be whole numbers to be divided; these were normalised or inferred")
    kept = rng.binomial(whole.astype(np.int64), share).astype(np.float32)
    parts = []
    for data in (kept, (whole - kept).astype(np.float32)):
        part = sparse.csr_matrix((data, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape)
        part.eliminate_zeros()
        parts.append(part)
    return parts[0], parts[1]


def pearson(rates: np.ndarray, held: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """(g,) correlation over spots of log1p of rates and of held-out counts, scaled to one depth; NaN where
    one does not vary. held: (N, g) counts; depth: (N,) held-out counts of the spot over all genes.
    """
    one = np.log1p(rates * TARGET)
    other = np.log1p(held / np.maximum(depth, 1.0)[:, None] * TARGET)
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    size = np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    tiny = 1e-9 * len(one)
    return np.divide((one * other).sum(axis=0), size, out=np.full(len(size), np.nan), where=size > tiny)


def deviance(rates: np.ndarray, held: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """(g,) mean Poisson deviance per spot of held-out counts from rates x depth: lower is better, from 0.

    Rates below a hundredth of the gene's own mean count as that.
    """
    mean = held.sum(axis=0) / max(depth.sum(), 1.0)
    expected = np.maximum(rates, _FLOOR * np.maximum(mean, 1e-12)) * depth[:, None]
    expected = np.maximum(expected, 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = np.where(held > 0, held * np.log(held / expected), 0.0)
    return 2 * (surprise - (held - expected)).mean(axis=0)
