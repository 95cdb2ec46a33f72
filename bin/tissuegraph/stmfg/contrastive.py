"""Cross-view contrastive loss (stMFG E5) with memory linear in the number of spots.

Notation: N spots, D latent dimensions; u, v (N, D) unit rows of two views; tau temperature.

    l_i(u->v) = -log e^{u_i.v_i/tau} / ( sum_j e^{u_i.v_j/tau} + sum_{j != i} e^{u_i.u_j/tau} )
    L = 1/(2N) sum_i ( l_i(u->v) + l_i(v->u) )

`exact` walks over blocks of the N x N similarities with an online log-sum-exp and computes them again
in the backward pass: O(N^2 D) time. `sampled` uses m negatives shared by all spots: O(N m D) time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_EXACT_UP_TO = {"cpu": 1_000, "cuda": 20_000}  # spots; beyond, exact costs more than the rest together
BLOCK_ENTRIES = {"cpu": 2**18, "cuda": 2**27}  # similarities held at a time


def choose_mode(mode: str, n_spots: int, n_negatives: int, device: str | torch.device) -> str:
    """`exact` or `sampled`; `auto` decides by size and device, and never samples what it could enumerate."""
    if mode != "auto":
        return mode
    limit = _EXACT_UP_TO.get(torch.device(device).type, _EXACT_UP_TO["cpu"])
    return "exact" if n_spots <= max(limit, n_negatives) else "sampled"


def contrastive_exact(u: Tensor, v: Tensor, temperature: float, block: int | None = None) -> Tensor:
    """L over all pairs. u, v: (N, D) with unit rows; block: rows and columns per block."""
    return _Exact.apply(u, v, temperature, block or math.isqrt(_block_entries(u)))


def contrastive_sampled(u: Tensor, v: Tensor, temperature: float, negatives: Tensor) -> Tensor:
    """L with the sums over j estimated from `negatives`, (m,) distinct spots drawn at random.

    Spot i's own entry is left out, and the m_i others stand for N-1 by adding log((N-1)/m_i) to their
    logits. The sum inside the logarithm is unbiased; its logarithm is off by O(1/m).
    """
    return _Sampled.apply(u, v, temperature, negatives)


def _block_entries(u: Tensor) -> int:
    return BLOCK_ENTRIES.get(u.device.type, BLOCK_ENTRIES["cpu"])


class _Exact(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, v, temperature, block):
        scaled = torch.cat([u, v]) / math.sqrt(temperature)  # (2N, D): all four blocks in one Gram matrix
        log_sums = _log_sums(scaled, block)
        ctx.save_for_backward(scaled, log_sums)
        ctx.temperature, ctx.block = temperature, block
        positive = (u * v).sum(1) / temperature  # (N,)
        return log_sums.mean() - positive.mean()

    @staticmethod
    def backward(ctx, upstream):
        scaled, log_sums = ctx.saved_tensors
        gradient = _gram_gradient(scaled, log_sums, ctx.block)
        u, v = scaled.chunk(2)
        gradient -= 2 * torch.cat([v, u])  # the positive pair, counted once from each side
        gradient *= upstream / (len(scaled) * math.sqrt(ctx.temperature))
        return *gradient.chunk(2), None, None


def _log_sums(scaled: Tensor, block: int) -> Tensor:
    """(2N,) log of sum_{b != a} e^{z_a.z_b}, all blocks of a row of blocks in turn."""
    result = scaled.new_full((len(scaled),), -math.inf)
    for start in range(0, len(scaled), block):
        rows = slice(start, start + block)
        for first in range(0, len(scaled), block):
            similarity = scaled[rows] @ scaled[first : first + block].T
            if first == start:
                similarity.fill_diagonal_(-math.inf)
            result[rows] = torch.logaddexp(result[rows], _row_log_sum_exp(similarity))
    return result


def _gram_gradient(scaled: Tensor, log_sums: Tensor, block: int) -> Tensor:
    """Gradient of sum_a log_sums_a by z: (P + P^T) z with P_ab = e^{z_a.z_b - log_sums_a}, P_aa = 0."""
    gradient = torch.zeros_like(scaled)
    for start in range(0, len(scaled), block):
        rows = slice(start, start + block)
        for first in range(start, len(scaled), block):  # the upper triangle; the lower is its mirror
            columns = slice(first, first + block)
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
        root = math.sqrt(temperature)
        height = max(1, _block_entries(u) // (2 * n_negatives))
        pool = torch.cat([u[negatives], v[negatives]]) / root  # (2m, D)
        place = torch.full((n_spots,), -1, device=u.device)  # of a spot among the negatives, or -1
        place[negatives] = torch.arange(n_negatives, device=u.device)
        place = place.repeat(2)
        positive = _pair_products(u, v, root, height).repeat(2)  # (2N,)
        others = n_negatives - (place >= 0).to(u.dtype)  # m_i
        correction = torch.log((n_spots - 1) / others)
        gradient, by_pool = u.new_empty(2 * n_spots, u.shape[1]), torch.zeros_like(pool)
        log_sums = torch.empty_like(positive)
        for start in range(0, 2 * n_spots, height):
            rows = slice(start, start + height)
            anchors = _rows_of_both(u, v, rows) / root
            similarity = anchors @ pool.T
            own = (place[rows] >= 0).nonzero()[:, 0]
            column = place[rows][own]
            similarity[own, column] = -math.inf
            similarity[own, column + n_negatives] = -math.inf
            share = torch.softmax(similarity, 1)
            negative = similarity.amax(1) - torch.log(share.amax(1)) + correction[rows]
            log_sums[rows] = torch.logaddexp(negative, positive[rows])
            rest = torch.exp(negative - log_sums[rows])[:, None]  # share of all negatives together
            gradient[rows] = rest * (share @ pool)
            by_pool += share.T @ (rest * anchors)
        attraction = torch.exp(positive - log_sums) - 1  # (2N,), of the positive pair from this side
        both = (attraction[:n_spots] + attraction[n_spots:])[:, None]
        for own_rows, partner in zip(gradient.chunk(2), (v, u), strict=True):
            for start in range(0, n_spots, height):
                rows = slice(start, start + height)
                own_rows[rows] += both[rows] * (partner[rows] / root)
        gradient[torch.cat([negatives, negatives + n_spots])] += by_pool
        ctx.save_for_backward(gradient.div_(2 * n_spots * root))
        return (log_sums - positive).mean()

    @staticmethod
    def backward(ctx, upstream):
        (gradient,) = ctx.saved_tensors
        return *(upstream * gradient).chunk(2), None, None


def _rows_of_both(u: Tensor, v: Tensor, rows: slice) -> Tensor:
    """Rows of u and v as one array below the other, which at 500,000 spots would be 512 MB more."""
    n_spots = len(u)
    if rows.stop <= n_spots:
        return u[rows]
    below = v[max(0, rows.start - n_spots) : rows.stop - n_spots]
    return below if rows.start >= n_spots else torch.cat([u[rows.start :], below])


def _pair_products(u: Tensor, v: Tensor, root: float, height: int) -> Tensor:
    """(N,) products of the rows of u and v, each divided by root."""
    result = u.new_empty(len(u))
    for start in range(0, len(u), height):
        rows = slice(start, start + height)
        result[rows] = ((u[rows] / root) * (v[rows] / root)).sum(1)
    return result
