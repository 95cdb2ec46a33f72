"""Cross-view contrastive loss (stMFG Eq. 6) with memory linear in the number of spots.

Notation: N spots, D latent dimensions; u, v (N, D) unit rows of two views; tau temperature.

    l_i(u->v) = -log e^{u_i.v_i/tau} / ( sum_j e^{u_i.v_j/tau} + sum_{j != i} e^{u_i.u_j/tau} )
    L = 1/(2N) sum_i ( l_i(u->v) + l_i(v->u) )

`exact` walks over tiles of the N x N similarities with an online log-sum-exp and computes them again
in the backward pass: O(N^2 D) time. `sampled` uses m negatives shared by all spots: O(N m D) time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_EXACT_UP_TO = {"cpu": 1_000, "cuda": 20_000}  # spots; beyond, exact costs more than the rest together
_TILE_ENTRIES = {"cpu": 2**20, "cuda": 2**27}  # similarities held at a time


def choose_mode(mode: str, n_spots: int, n_negatives: int, device: str | torch.device) -> str:
    """`exact` or `sampled`; `auto` decides by size and device, and never samples what it could enumerate."""
    if mode != "auto":
        return mode
    limit = _EXACT_UP_TO.get(torch.device(device).type, _EXACT_UP_TO["cpu"])
    return "exact" if n_spots <= max(limit, n_negatives) else "sampled"


def contrastive_exact(u: Tensor, v: Tensor, temperature: float, tile: int | None = None) -> Tensor:
    """L over all pairs. u, v: (N, D) with unit rows; tile: rows and columns per tile."""
    return _Exact.apply(u, v, temperature, tile or math.isqrt(_tile_entries(u)))


def contrastive_sampled(u: Tensor, v: Tensor, temperature: float, negatives: Tensor) -> Tensor:
    """L with the sums over j estimated from `negatives`, (m,) distinct spots drawn at random.

    Spot i's own entry is left out, and the m_i others stand for N-1 by adding log((N-1)/m_i) to their
    logits. The sum inside the logarithm is unbiased; its logarithm is off by O(1/m).
    """
    return _Sampled.apply(u, v, temperature, negatives)


def _tile_entries(u: Tensor) -> int:
    return _TILE_ENTRIES.get(u.device.type, _TILE_ENTRIES["cpu"])


class _Exact(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, v, temperature, tile):
        scaled = torch.cat([u, v]) / math.sqrt(temperature)  # (2N, D): all four blocks in one Gram matrix
        log_sums = _log_sums(scaled, tile)
        ctx.save_for_backward(scaled, log_sums)
        ctx.temperature, ctx.tile = temperature, tile
        positive = (u * v).sum(1) / temperature  # (N,)
        return log_sums.mean() - positive.mean()

    @staticmethod
    def backward(ctx, upstream):
        scaled, log_sums = ctx.saved_tensors
        gradient = _gram_gradient(scaled, log_sums, ctx.tile)
        u, v = scaled.chunk(2)
        gradient -= 2 * torch.cat([v, u])  # the positive pair, counted once from each side
        gradient *= upstream / (len(scaled) * math.sqrt(ctx.temperature))
        return *gradient.chunk(2), None, None


def _log_sums(scaled: Tensor, tile: int) -> Tensor:
    """(2N,) log of sum_{b != a} e^{z_a.z_b}, all tiles of a row of tiles in turn."""
    result = scaled.new_full((len(scaled),), -math.inf)
    for start in range(0, len(scaled), tile):
        rows = slice(start, start + tile)
        for first in range(0, len(scaled), tile):
            similarity = scaled[rows] @ scaled[first : first + tile].T
            if first == start:
                similarity.fill_diagonal_(-math.inf)
            result[rows] = torch.logaddexp(result[rows], _row_log_sum_exp(similarity))
    return result


def _gram_gradient(scaled: Tensor, log_sums: Tensor, tile: int) -> Tensor:
    """Gradient of sum_a log_sums_a by z: (P + P^T) z with P_ab = e^{z_a.z_b - log_sums_a}, P_aa = 0."""
    gradient = torch.zeros_like(scaled)
    for start in range(0, len(scaled), tile):
        rows = slice(start, start + tile)
        for first in range(start, len(scaled), tile):  # the upper triangle; the lower is its mirror
            columns = slice(first, first + tile)
            similarity = scaled[rows] @ scaled[columns].T
            weight = torch.exp(similarity - log_sums[rows, None]) + torch.exp(similarity - log_sums[columns])
            if first == start:
                weight.fill_diagonal_(0)
            else:
                gradient[columns] += weight.T @ scaled[rows]
            gradient[rows] += weight @ scaled[columns]
    return gradient


def _row_log_sum_exp(logits: Tensor) -> Tensor:
    """log-sum-exp of each row through the fused softmax, five times as fast as torch.logsumexp on a CPU.

    The largest softmax of a row of n is at least 1/n, so its logarithm loses nothing.
    """
    highest = logits.amax(1)
    result = highest - torch.log(torch.softmax(logits, 1).amax(1))
    return torch.where(highest == -math.inf, highest, result)


class _Sampled(torch.autograd.Function):
    """Value and gradients in one sweep over blocks of rows: a row's softmax fits in its block."""

    @staticmethod
    def forward(ctx, u, v, temperature, negatives):
        n_spots, n_negatives = len(u), len(negatives)
        views = torch.stack([u, v]) / math.sqrt(temperature)  # (2, N, D)
        pool = views[:, negatives].flatten(0, 1)  # (2m, D)
        order = torch.full((n_spots,), -1, device=u.device)  # place of a spot among the negatives, or -1
        order[negatives] = torch.arange(n_negatives, device=u.device)
        by_view, by_pool = torch.zeros_like(views), torch.zeros_like(pool)
        total = u.new_zeros((), dtype=torch.float64)
        height = max(1, _tile_entries(u) // (2 * n_negatives + 1))
        for start in range(0, n_spots, height):
            rows = slice(start, start + height)
            drawn = order[rows] >= 0
            own = order[rows][drawn]
            counted = (n_negatives - drawn.to(u.dtype)).clamp(min=1)  # m_i
            correction = torch.log((n_spots - 1) / counted)[:, None]
            positive = (views[0, rows] * views[1, rows]).sum(1)
            for side in range(2):
                similarity = (views[side, rows] @ pool.T).add_(correction)
                similarity[drawn, own] = -math.inf
                similarity[drawn, own + n_negatives] = -math.inf
                logits = torch.cat([positive[:, None], similarity], 1)
                share = torch.softmax(logits, 1)
                total += (_log_sum(logits, share) - positive).sum(dtype=torch.float64)
                attraction = share[:, :1] - 1
                by_view[0, rows] += attraction * views[1, rows]
                by_view[1, rows] += attraction * views[0, rows]
                by_view[side, rows] += share[:, 1:] @ pool
                by_pool += share[:, 1:].T @ views[side, rows]
        by_view[:, negatives] += by_pool.view(2, n_negatives, -1)
        ctx.save_for_backward(by_view.div_(2 * n_spots * math.sqrt(temperature)))
        return (total / (2 * n_spots)).to(u.dtype)

    @staticmethod
    def backward(ctx, upstream):
        (by_view,) = ctx.saved_tensors
        return upstream * by_view[0], upstream * by_view[1], None, None


def _log_sum(logits: Tensor, share: Tensor) -> Tensor:
    """log-sum-exp of each row, given its softmax."""
    return logits.amax(1) - torch.log(share.amax(1))
