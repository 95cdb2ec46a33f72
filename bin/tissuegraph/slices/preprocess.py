"""Raw counts to features: gene selection, depth normalisation, log, scaling and PCA.

Plain arrays, N spots x G genes in CSR; nothing is ever made dense at that size.

Own code, which tests hold equal to scanpy's, for two reasons. Importing scanpy takes 3 s and 300 MB per task,
while all steps here take about 1 s for 3,600 spots; and training has to run where torch, scikit-learn and
scipy are all there is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

from tissuegraph.errors import InputError, SettingsError

if TYPE_CHECKING:
    from tissuegraph.slices.settings import Preprocess


# A share of the slice asks for more spots the more there are, yet a gene is as well measured in 1,000 of
# 400,000 bins as in 1,000 of 33,000. Of sparse bins, as those of 8 um, it would leave few genes: of 18,000
# with 0.9 % of the entries above zero, 773 at 3 % of the spots (ARI .39 on generated tissue) and 13,155 at
# 0.25 % (.79), which is what 3 % of 33,000 are of 400,000. With 2 % above zero it makes no difference.
SHARE_SPOTS = 33_000
_LOESS_SPAN = 0.3  # share of the genes in each local fit, as published for seurat_v3
_LOESS_MIN_GENES = 50  # below this a span holds too few genes for a local parabola
_CHUNK_SPOTS = 16_384  # rows per pass where float64 temporaries as large as the counts would be needed
_DENSE_SIDE = 400  # a matrix whose shorter side is at most this has its decomposition computed exactly


@dataclass(frozen=True, eq=False)
class Prepared:
    """What `prepare` makes of one slice.

    features: (N, D) float32, dense components or CSR genes; selected: (G,) int, ascending gene indices;
    depth: (N,) float32, total counts over all genes.
    """

    features: np.ndarray | sparse.csr_matrix
    selected: np.ndarray
    depth: np.ndarray


def prepare(counts: sparse.csr_matrix, settings: Preprocess) -> Prepared:
    """Select genes and compute the network input, as one preset describes it.

    counts: CSR (N, G0), raw, all genes. Raises InputError when no gene passes the filter.
    """
    selected = select_genes(counts, settings.min_cells, settings.n_hvg, settings.panel_genes)
    return prepare_selected(counts, selected, settings)


def prepare_selected(counts: sparse.csr_matrix, selected: np.ndarray, settings: Preprocess) -> Prepared:
    """As `prepare`, of genes that are selected already: (G,) indices."""
    depth = total_counts(counts)
    chosen = counts[:, selected]
    divisor = depth if settings.normalise_over == "all" else total_counts(chosen)
    values = normalise(chosen, divisor, settings.target_sum)
    if settings.log1p:
        values = log1p(values)
    if settings.scale:
        values = scale(values)
    if settings.clip is not None:
        values = clip(values, settings.clip)
    features = pca(values, settings.n_pcs) if settings.input == "pca" else values
    return Prepared(features, selected, depth)


def total_counts(counts: sparse.csr_matrix) -> np.ndarray:
    """Counts per spot: (N,) float32, summed in float64."""
    return np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel().astype(np.float32)


def select_genes(counts: sparse.csr_matrix, min_cells: float, n_hvg: int, panel_genes: int = 0) -> np.ndarray:
    """Indices (ascending) of the highly variable genes among those seen in enough spots.

    Where no more than n_hvg genes pass the filter, all of them are taken and none is scored. Of a matrix with
    at most panel_genes genes all that are seen are taken. Raises InputError when none passes.
    """
    detected = np.flatnonzero(detected_genes(counts, min_cells, panel_genes))
    if len(detected) == 0:
        raise InputError(
            f"no gene is seen in at least {minimum_spots(counts.shape[0], min_cells)} of the "
            f"{counts.shape[0]} spots; lower min_cells (now {min_cells:g})"
        )
    if len(detected) <= n_hvg or counts.shape[1] <= panel_genes:
        return detected
    scores = hvg_scores(counts[:, detected])
    best = np.argsort(-scores, kind="stable")[:n_hvg]
    return np.sort(detected[best])


def minimum_spots(n_spots: int, min_cells: float) -> int:
    """Number of spots that min_cells stands for: below 1 a share of the slice, of a large one a share of
    SHARE_SPOTS. At least 1.
    """
    if min_cells < 0:
        raise SettingsError(f"min_cells must be 0 or more, got {min_cells:g}")
    wanted = min_cells * min(n_spots, SHARE_SPOTS) if min_cells < 1 else min_cells
    return max(1, math.ceil(wanted - 1e-9))  # 0.07 * 100 is a little more than 7


def detected_genes(counts: sparse.csr_matrix, min_cells: float, panel_genes: int = 0) -> np.ndarray:
    """Mask (G,) of the genes with a count in at least `minimum_spots` spots; of a panel, in one.

    Genes of a panel mark cell types, and the rarer types are in fewer cells than a share would ask for.
    """
    if counts.shape[1] <= panel_genes:
        min_cells = 1
    seen = np.zeros(counts.shape[1], dtype=np.int64)
    for rows in _chunks(counts):  # counting takes eight bytes for each entry
        seen += np.bincount(rows.indices[rows.data > 0], minlength=counts.shape[1])
    return seen >= minimum_spots(counts.shape[0], min_cells)


def normalise(
    counts: sparse.csr_matrix, depth: np.ndarray, target_sum: float | str = "median"
) -> sparse.csr_matrix:
    """Scale each spot from its depth to a common depth: (N, G) float32, as sparse as the counts.

    target_sum: counts per spot afterwards, or "median" of the positive depths. Spots of depth 0 stay 0.
    """
    depth = np.asarray(depth, dtype=np.float64)
    if target_sum == "median":
        target_sum = np.median(depth[depth > 0]) if (depth > 0).any() else 1.0
    factor = np.divide(float(target_sum), depth, out=np.zeros_like(depth), where=depth > 0)
    per_entry = np.repeat(factor, np.diff(counts.indptr))
    return _with_data(counts, (counts.data * per_entry).astype(np.float32))


def log_normalised(counts: sparse.csr_matrix, target_sum: float = 1e4) -> sparse.csr_matrix:
    """log(1 + x) of counts scaled to target_sum per spot over all genes (N, G): scanpy's convention, float32.

    The index arrays are those of the counts, and the values are worked on in place: beside the counts there
    is one more array of values, and no other of that size.
    """
    depth = total_counts(counts).astype(np.float64)
    factor = np.divide(float(target_sum), depth, out=np.zeros_like(depth), where=depth > 0)
    values = counts.data.astype(np.float32)
    for start in range(0, counts.shape[0], _CHUNK_SPOTS):
        pointers = counts.indptr[start : start + _CHUNK_SPOTS + 1]
        values[pointers[0] : pointers[-1]] *= np.repeat(
            factor[start : start + _CHUNK_SPOTS], np.diff(pointers)
        )
    np.log1p(values, out=values)
    return _with_data(counts, values)


def log1p(values: sparse.csr_matrix) -> sparse.csr_matrix:
    """log(1 + x), entry by entry."""
    return _with_data(values, np.log1p(values.data))


def scale(values: sparse.csr_matrix) -> sparse.csr_matrix:
    """Each gene to unit (unbiased) variance, without centring, so zeros stay zeros. Constant genes stay."""
    _, variance = mean_variance(values)
    deviation = np.sqrt(variance, out=np.ones_like(variance), where=variance > 0)
    return _with_data(values, (values.data / deviation[values.indices]).astype(np.float32))


def clip(values: sparse.csr_matrix, largest: float) -> sparse.csr_matrix:
    """Cut entries above `largest`."""
    return _with_data(values, np.minimum(values.data, np.float32(largest)))


def mean_variance(values: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Mean and unbiased variance of each gene over the spots, zeros included: two (G,) float64."""
    n_spots, n_genes = values.shape
    total, stored = np.zeros(n_genes), np.zeros(n_genes, dtype=np.int64)
    for rows in _chunks(values):
        total += np.bincount(rows.indices, weights=rows.data, minlength=n_genes)
        stored += np.bincount(rows.indices, minlength=n_genes)
    mean = total / n_spots
    # Around the mean rather than sum of squares: no cancellation. Zeros contribute mean^2 each.
    squares = (n_spots - stored) * mean**2
    for rows in _chunks(values):
        residual = rows.data - mean[rows.indices]
        squares += np.bincount(rows.indices, weights=residual**2, minlength=n_genes)
    return mean, squares / max(n_spots - 1, 1)


def hvg_scores(counts: sparse.csr_matrix) -> np.ndarray:
    """Variance of each gene beyond what its mean predicts: (G,) float64, larger is more variable.

    The variance-stabilising score known as seurat_v3 (Stuart et al. 2019, Cell 177:1888): expected
    standard deviation s from a local fit of log10 variance on log10 mean, z = (x - mean) / s cut at
    sqrt(N), score = sum of z^2 / (N - 1). Genes without variance score 0.
    """
    n_spots, n_genes = counts.shape
    mean, variance = mean_variance(counts)
    varies = variance > 0
    expected = np.ones(n_genes)
    if varies.any():
        fitted = _fit_trend(np.log10(mean[varies]), np.log10(variance[varies]))
        expected[varies] = np.sqrt(10.0**fitted)
    at_zero = -mean / expected
    squares = n_spots * at_zero**2
    for rows in _chunks(counts):
        genes = rows.indices
        z = np.minimum((rows.data - mean[genes]) / expected[genes], math.sqrt(n_spots))
        squares += np.bincount(genes, weights=z**2 - at_zero[genes] ** 2, minlength=n_genes)
    return np.where(varies, squares / max(n_spots - 1, 1), 0.0)


def _fit_trend(log_mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """log10 variance expected at each log10 mean: loess (span 0.3, degree 2).

    With fewer than 50 genes, or where the local fit is singular (many genes with the same mean), one
    parabola through all genes; with fewer than three distinct means, their average.
    """
    if len(log_mean) >= _LOESS_MIN_GENES:
        from skmisc.loess import loess

        try:
            model = loess(log_mean, log_variance, span=_LOESS_SPAN, degree=2)
            model.fit()
            fitted = model.outputs.fitted_values
            if np.isfinite(fitted).all():
                return fitted
        except ValueError:  # how the Fortran routine reports a singular neighbourhood
            pass
    if len(np.unique(log_mean)) < 3:
        return np.full_like(log_variance, log_variance.mean())
    return np.polynomial.Polynomial.fit(log_mean, log_variance, deg=2)(log_mean)


def pca(
    values: sparse.csr_matrix | np.ndarray, n_pcs: int, *, centre: bool = True, seed: int = 0
) -> np.ndarray:
    """Principal component scores: (N, n) float32 with n = min(n_pcs, N - 1, G).

    Centring is implicit: X - 1 m^T is applied to vectors, never formed. The start vector comes from
    `seed`, and each component's sign makes its largest loading positive, so results repeat.
    `centre=False` gives the truncated SVD, which keeps inner products.
    """
    n_spots, n_genes = values.shape
    n_kept = min(n_pcs, n_spots - 1, n_genes)
    if n_kept < 1:
        raise InputError(f"PCA needs at least two spots and one gene, got {n_spots} x {n_genes}")
    values = values.astype(np.float64)  # once: mixed precision would convert at every product
    mean = np.asarray(values.mean(axis=0)).ravel() if centre else np.zeros(n_genes)
    if min(n_spots, n_genes) <= _DENSE_SIDE or n_kept > min(n_spots, n_genes) // 3:
        scores, loadings = _exact_components(values, mean, n_kept)
    else:
        start = np.random.default_rng(seed).uniform(-1, 1, min(n_spots, n_genes))
        u, singular, vt = svds(_centred(values, mean), k=n_kept, v0=start, solver="arpack")
        order = np.argsort(-singular)
        scores, loadings = u[:, order] * singular[order], vt[order]
    largest = np.abs(loadings).argmax(axis=1)
    signs = np.where(loadings[np.arange(n_kept), largest] < 0, -1.0, 1.0)
    return (scores * signs).astype(np.float32)


def _centred(values: sparse.csr_matrix | np.ndarray, mean: np.ndarray) -> LinearOperator:
    """X - 1 m^T as products with vectors and blocks of vectors."""
    transposed = values.T

    def times(v: np.ndarray) -> np.ndarray:
        return values @ v - mean @ v

    def transposed_times(u: np.ndarray) -> np.ndarray:
        if u.ndim == 1:
            return transposed @ u - mean * u.sum()
        return transposed @ u - np.outer(mean, u.sum(axis=0))

    return LinearOperator(
        values.shape,
        matvec=times,
        rmatvec=transposed_times,
        matmat=times,
        rmatmat=transposed_times,
        dtype=np.float64,
    )


def _exact_components(
    values: sparse.csr_matrix | np.ndarray, mean: np.ndarray, n_kept: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, n) and loadings (n, G) from the Gram matrix of the shorter side."""
    n_spots, n_genes = values.shape
    operator = _centred(values, mean)
    if n_genes <= n_spots:
        _, vectors = np.linalg.eigh(_dense(values.T @ values) - n_spots * np.outer(mean, mean))
        loadings = vectors[:, ::-1][:, :n_kept].T
        return operator.matmat(loadings.T), loadings
    cross = np.asarray(values @ mean).ravel()
    gram = _dense(values @ values.T) - cross[:, None] - cross[None, :] + mean @ mean
    eigenvalues, vectors = np.linalg.eigh(gram)
    left = vectors[:, ::-1][:, :n_kept]
    scores = left * np.sqrt(np.maximum(eigenvalues[::-1][:n_kept], 0))
    return scores, operator.rmatmat(left).T


def _dense(matrix: sparse.csr_matrix | np.ndarray) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def _with_data(pattern: sparse.csr_matrix, data: np.ndarray) -> sparse.csr_matrix:
    """A matrix with the same non-zero places and other values; the places are shared, not copied."""
    return sparse.csr_matrix((data, pattern.indices, pattern.indptr), shape=pattern.shape)


def _chunks(values: sparse.csr_matrix):
    for start in range(0, values.shape[0], _CHUNK_SPOTS):
        yield values[start : start + _CHUNK_SPOTS]
