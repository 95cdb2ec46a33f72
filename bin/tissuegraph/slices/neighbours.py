"""Nearest neighbours on the tissue (k-d tree) and among features (exact in blocks, or within nearby cells).

Both searches among features look for the largest score s_ij = x_i . x_j - b_j. With unit rows and
b = 0 that is cosine similarity; with b_j = |x_j|^2 / 2 it ranks by Euclidean distance.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.slices.preprocess import pca

SAMPLE_SPOTS = 2000  # spots whose distances stand for all when a radius is chosen
EXACT_MAX_SPOTS = 20_000  # up to here all pairs are scored: about 10 s on one core at the limit

_WIDE = 200  # features wider than this are reduced first, where N exceeds _WIDE_EXACT_MAX_SPOTS
_WIDE_EXACT_MAX_SPOTS = 8_000
_REDUCED_WIDTH = 50
_TILE_ENTRIES = 4_000_000  # scores held at a time: 16 MB
_CELL_SPOTS = 200  # spots per cell, on average, of the approximate search
# Recall at k = 14 in 15 dimensions: .99 at 64,000 and .93 at 500,000 clustered spots, .84 on plain noise.
_PROBED_CELLS = 16  # cells searched for each spot
_SHORTLIST = 16  # a spot chooses its cells among so many times as many that lie near its own
_LLOYD_STEPS = 6
_TRAINING_SPOTS_PER_CELL = 64


def nearest_in_features(
    features: np.ndarray | sparse.csr_matrix,
    k: int,
    metric: str = "cosine",
    *,
    exact: bool | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Indices of the k most similar other spots of each spot: (N, min(k, N - 1)) int32, best first.

    features: (N, D) dense or CSR. metric: "cosine" or "euclidean". exact: None decides by N. Wide
    features (D > 200) of more than 8,000 spots are first reduced to 50 uncentred components, which
    keeps inner products. The approximate search is linear in N; a row with too few candidates (it can
    only happen with many duplicates or tiny slices) is searched exactly. Raises SettingsError.
    """
    n_spots, width = features.shape
    if k < 1:
        raise SettingsError(f"the feature graph needs k of at least 1, got {k}")
    k = min(k, n_spots - 1)
    if width > _WIDE and n_spots > _WIDE_EXACT_MAX_SPOTS:
        features = pca(sparse.csr_matrix(features), _REDUCED_WIDTH, centre=False, seed=seed)
    dense = np.asarray(features.toarray() if sparse.issparse(features) else features, dtype=np.float32)
    vectors, bias = _score_form(dense, metric)
    if exact is None:
        exact = n_spots <= EXACT_MAX_SPOTS
    if exact:
        return _nearest_exact(vectors, bias, np.arange(n_spots), k)
    return _nearest_in_cells(vectors, bias, k, seed)


def _score_form(features: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    if metric == "cosine":
        norm = np.linalg.norm(features, axis=1, keepdims=True)
        unit = np.divide(features, norm, out=np.zeros_like(features), where=norm > 0)
        return unit, np.zeros(len(features), dtype=np.float32)
    if metric == "euclidean":
        return features, np.einsum("nd,nd->n", features, features) / 2
    raise SettingsError(f"the feature graph knows the metrics cosine and euclidean, got {metric!r}")


def _nearest_exact(vectors: np.ndarray, bias: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """All spots are candidates; one tile of query rows at a time."""
    n_spots = len(vectors)
    nearest = np.empty((len(queries), k), dtype=np.int32)
    step = max(1, _TILE_ENTRIES // n_spots)
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        scores = vectors[rows] @ vectors.T  # (B, N)
        scores -= bias
        scores[np.arange(len(rows)), rows] = -np.inf
        nearest[start : start + step] = _best(scores, k)[0]
    return nearest


def _nearest_in_cells(vectors: np.ndarray, bias: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Spots are sorted into cells by k-means; each spot searches the cells with the nearest centres."""
    n_spots = len(vectors)
    centres = _cell_centres(vectors, max(1, n_spots // _CELL_SPOTS), seed)
    home = _nearest_centre(vectors, centres)
    members = np.argsort(home, kind="stable")
    bounds = np.searchsorted(home[members], np.arange(len(centres) + 1))
    probed = _probed_cells(vectors, centres, members, bounds)  # (N, P)

    score = np.full((n_spots, k), -np.inf, dtype=np.float32)
    index = np.full((n_spots, k), -1, dtype=np.int32)
    visitors = np.argsort(probed, axis=None, kind="stable")  # spots that probe a cell, cell by cell
    visit_bounds = np.searchsorted(probed.ravel()[visitors], np.arange(len(centres) + 1))
    visitors //= probed.shape[1]
    for cell in range(len(centres)):
        candidates = members[bounds[cell] : bounds[cell + 1]]
        queries = visitors[visit_bounds[cell] : visit_bounds[cell + 1]]
        if len(candidates):
            _offer(vectors, bias, queries, candidates, score, index)
    order = np.argsort(-score, axis=1, kind="stable")
    nearest = np.take_along_axis(index, order, axis=1)
    short = np.flatnonzero((nearest < 0).any(axis=1))
    nearest[short] = _nearest_exact(vectors, bias, short, k)
    return nearest


def _offer(vectors, bias, queries, candidates, score, index) -> None:
    """Score candidates for the queries and keep the best k seen so far in score and index (in place)."""
    k = score.shape[1]
    step = max(1, _TILE_ENTRIES // len(candidates))
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        scores = vectors[rows] @ vectors[candidates].T
        scores -= bias[candidates]
        scores[rows[:, None] == candidates] = -np.inf
        chosen, value = _best(scores, min(k, len(candidates)), sort=False)
        found = np.where(np.isneginf(value), -1, candidates[chosen])
        both_score = np.concatenate([score[rows], value], axis=1)
        both_index = np.concatenate([index[rows], found], axis=1)
        kept, value = _best(both_score, k, sort=False)
        score[rows] = value
        index[rows] = np.take_along_axis(both_index, kept, axis=1)


def _best(scores: np.ndarray, k: int, sort: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of the k largest scores of each row."""
    columns = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
    values = np.take_along_axis(scores, columns, axis=1)
    if sort:
        order = np.argsort(-values, axis=1, kind="stable")
        columns, values = (
            np.take_along_axis(columns, order, axis=1),
            np.take_along_axis(values, order, axis=1),
        )
    return columns, values


def _cell_centres(vectors: np.ndarray, n_cells: int, seed: int) -> np.ndarray:
    """Centres of a short k-means on a sample: (n_cells, D) float32."""
    rng = np.random.default_rng(seed)
    n_sample = min(len(vectors), n_cells * _TRAINING_SPOTS_PER_CELL)
    sample = vectors[np.sort(rng.choice(len(vectors), n_sample, replace=False))]
    centres = sample[rng.choice(n_sample, n_cells, replace=False)].copy()
    for _ in range(_LLOYD_STEPS):
        nearest = _nearest_centre(sample, centres)
        pattern = (np.ones(n_sample, np.float32), nearest, np.arange(n_sample + 1))
        membership = sparse.csr_matrix(pattern, shape=(n_sample, n_cells))
        size = np.bincount(nearest, minlength=n_cells)
        occupied = size > 0
        centres[occupied] = (membership.T @ sample)[occupied] / size[occupied, None]
    return centres


def _nearest_centre(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The nearest centre (Euclidean) of each vector: (N,) int32."""
    bias = np.einsum("cd,cd->c", centres, centres) / 2
    nearest = np.empty(len(vectors), dtype=np.int32)
    step = max(1, _TILE_ENTRIES // len(centres))
    for start in range(0, len(vectors), step):
        scores = vectors[start : start + step] @ centres.T - bias
        nearest[start : start + step] = scores.argmax(axis=1)
    return nearest


def _probed_cells(
    vectors: np.ndarray, centres: np.ndarray, members: np.ndarray, bounds: np.ndarray
) -> np.ndarray:
    """The cells that each spot searches, (N, P) int32: those nearest to it among those near its own.

    members: spots sorted by cell; bounds: where each cell starts. Ranking all cells for each spot would
    take as long as the search itself where N is large.
    """
    n_probed = min(_PROBED_CELLS, len(centres))
    n_near = min(_SHORTLIST * n_probed, len(centres))
    bias = np.einsum("cd,cd->c", centres, centres) / 2
    probed = np.empty((len(vectors), n_probed), dtype=np.int32)
    for cell, centre in enumerate(centres):
        near = np.argpartition(bias - centres @ centre, n_near - 1)[:n_near]
        spots = members[bounds[cell] : bounds[cell + 1]]
        scores = vectors[spots] @ centres[near].T - bias[near]
        probed[spots] = near[_best(scores, n_probed, sort=False)[0]]
    return probed


def nearest_spots(
    position: np.ndarray, k: int, queries: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The min(k, N - 1) nearest other spots, nearest first: indices (Q, k) int32 and distances (Q, k).

    queries: indices of the spots to ask for, all by default. A spot is never its own neighbour, also
    where several share a position.
    """
    position = usable_positions(position)
    if k < 1:
        raise SettingsError(f"the number of nearest spots must be at least 1, got {k}")
    queries = np.arange(len(position)) if queries is None else queries
    k = min(k, len(position) - 1)
    distance, index = cKDTree(position).query(position[queries], k=k + 1)
    is_self = index == queries[:, None]
    is_self[~is_self.any(axis=1), -1] = True  # more than k spots at one place: drop any one of them
    shape = (len(queries), k)
    return index[~is_self].reshape(shape).astype(np.int32), distance[~is_self].reshape(shape)


def usable_positions(position: np.ndarray) -> np.ndarray:
    """Positions (N, 2) as float64; raises InputError for fewer than two spots and for NaN or infinity."""
    position = np.asarray(position, dtype=np.float64)
    if position.ndim != 2 or position.shape[0] < 2:
        raise InputError(f"a graph needs the positions of at least two spots, got shape {position.shape}")
    if not np.isfinite(position).all():
        raise InputError("positions must be finite, got NaN or infinite values; drop those spots first")
    return position


def sample_spots(n_spots: int, seed: int, size: int = SAMPLE_SPOTS) -> np.ndarray:
    """At most `size` spots that stand for all: ascending indices, drawn without replacement."""
    if n_spots <= size:
        return np.arange(n_spots)
    return np.sort(np.random.default_rng(seed).choice(n_spots, size, replace=False))
