"""Exact search for the most similar references, in blocks: never targets x references in memory.

A block of targets meets one stretch of references at a time; what is kept between stretches is the best k so
far. Memory is O(block x stretch), time O(N_targets N_references F).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tissuegraph.errors import InputError, SettingsError

BLOCK = 1_024  # targets at a time
STRETCH = 16_384  # references at a time: 64 MB of scores
_L1_ENTRIES = 1 << 22  # scores of an L1 stretch, whose distances are computed without a matrix product
_CHUNK = 128  # columns whose maximum is looked at first


@dataclass(frozen=True, eq=False)
class Retrieved:
    """For each of N targets its k references, best first; equal scores in the order of the references.

    index: (N, k) int64, row among all references, slice after slice
    score: (N, k) float32, cosine similarity or minus the distance
    """

    index: np.ndarray
    score: np.ndarray


def retrieve(
    targets: np.ndarray,
    references: Sequence[np.ndarray],
    k: int,
    metric: str = "cosine",
    *,
    exclude: np.ndarray | None = None,
    device: str | torch.device = "cpu",
    block: int = BLOCK,
    stretch: int = STRETCH,
) -> Retrieved:
    """The k most similar rows of the references for each target.

    targets: (N, F); references: one (N_s, F) per slice, float32, or float16 to halve their memory.
    metric: cosine, euclidean or l1. exclude: (N,) int, one row that a target must not get (itself), or -1.
    Where there are fewer than k references, all of them are returned. A row of zeros has cosine 0 with
    everything. Raises InputError and SettingsError.
    """
    targets = np.asarray(targets)
    _check(targets, references, k, metric)
    total = sum(len(each) for each in references)
    kept = min(k, total - (exclude is not None and bool((np.asarray(exclude) >= 0).any())))
    index = np.empty((len(targets), kept), dtype=np.int64)
    score = np.empty((len(targets), kept), dtype=np.float32)
    if metric == "l1":
        stretch = min(stretch, max(1, _L1_ENTRIES // min(block, max(len(targets), 1))))
    with torch.no_grad():
        for start in range(0, len(targets), block):
            rows = slice(start, start + block)
            queries = _prepare(targets[rows], metric, device)
            barred = None if exclude is None else torch.as_tensor(np.asarray(exclude)[rows]).to(device)
            best_score, best_index = _search(queries, references, kept, metric, barred, stretch)
            index[rows], score[rows] = best_index.cpu().numpy(), best_score.cpu().numpy()
    return Retrieved(index, score)


def _search(queries, references, k, metric, barred, stretch) -> tuple[Tensor, Tensor]:
    device = queries.device
    best_score = torch.full((len(queries), k), -torch.inf, device=device)
    best_index = torch.full((len(queries), k), -1, dtype=torch.int64, device=device)
    offset = 0
    for slice_features in references:
        for first in range(0, len(slice_features), stretch):
            part = _prepare(slice_features[first : first + stretch], metric, device)
            scores = _scores(queries, part, metric)
            begin = offset + first
            if barred is not None:
                own = ((barred >= begin) & (barred < begin + len(part))).nonzero()[:, 0]
                scores[own, barred[own] - begin] = -torch.inf
            value, column = top_k(scores, min(k, len(part)))
            both_score = torch.cat([best_score, value], 1)  # earlier references first: ties stay in order
            both_index = torch.cat([best_index, column + begin], 1)
            order = both_score.argsort(dim=1, descending=True, stable=True)[:, :k]
            best_score, best_index = both_score.gather(1, order), both_index.gather(1, order)
        offset += len(slice_features)
    return best_score, best_index


def _prepare(features: np.ndarray, metric: str, device) -> Tensor:
    rows = torch.as_tensor(np.ascontiguousarray(features)).to(device).float()
    if metric == "cosine":
        return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return rows


def _scores(queries: Tensor, references: Tensor, metric: str) -> Tensor:
    """(block, stretch), larger is more similar."""
    if metric == "cosine":
        return queries @ references.T
    if metric == "l1":
        return -torch.cdist(queries, references, p=1)
    squares = queries.square().sum(1)[:, None] + references.square().sum(1)
    return -(squares - 2 * queries @ references.T).clamp_min_(0).sqrt_()


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Values and columns of the k largest entries of each row, equal ones in the order of the columns.

    Wide rows are cut into chunks: the k best entries lie in the k chunks with the largest maxima, the
    earlier chunk first among equals, so that most entries are looked at once.
    """
    n_rows, width = scores.shape
    n_chunks = width // _CHUNK
    if n_chunks <= 2 * k:
        return _stable_top_k(scores, k)
    body, rest = scores[:, : n_chunks * _CHUNK], scores[:, n_chunks * _CHUNK :]
    chunked = body.unflatten(1, (n_chunks, _CHUNK))
    _, chunks = _stable_top_k(chunked.amax(2), k)
    chunks = chunks.sort(dim=1).values  # (rows, k)
    columns = chunks[:, :, None] * _CHUNK + torch.arange(_CHUNK, device=scores.device)
    columns = columns.flatten(1)
    candidates = torch.cat([body.gather(1, columns), rest], 1)
    tail = torch.arange(n_chunks * _CHUNK, width, device=scores.device).expand(n_rows, -1)
    value, place = _stable_top_k(candidates, k)
    return value, torch.cat([columns, tail], 1).gather(1, place)


def _stable_top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    if scores.shape[1] <= 4 * k:
        order = scores.argsort(dim=1, descending=True, stable=True)[:, :k]
        return scores.gather(1, order), order
    value, column = scores.topk(k, dim=1)
    column, order = column.sort(dim=1)
    value = value.gather(1, order)
    order = value.argsort(dim=1, descending=True, stable=True)
    value, column = value.gather(1, order), column.gather(1, order)
    ambiguous = ((scores >= value[:, -1:]).sum(1) > k).nonzero()[:, 0]  # ties across the boundary
    if len(ambiguous):
        order = scores[ambiguous].argsort(dim=1, descending=True, stable=True)[:, :k]
        column[ambiguous] = order
        value[ambiguous] = scores[ambiguous].gather(1, order)
    return value, column


def _check(targets: np.ndarray, references: Sequence[np.ndarray], k: int, metric: str) -> None:
    if metric not in ("cosine", "euclidean", "l1"):
        raise SettingsError(f"references are retrieved by cosine, euclidean or l1, got {metric!r}")
    if k < 1:
        raise SettingsError(f"at least one reference must be retrieved per target, got k = {k}")
    if not sum(len(each) for each in references):
        raise InputError("retrieval needs at least one reference spot, got none")
    widths = {each.shape[1] for each in (targets, *references)}
    if len(widths) > 1:
        raise InputError(
            f"targets and references need the same number of features, got {sorted(widths)}; "
            "encode all slices with the same encoder"
        )
