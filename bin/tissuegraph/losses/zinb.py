"""Zero-inflated negative binomial loss of sparse counts, fused with the linear heads of the decoder.

Notation: N spots, G genes, H hidden units, and per entry x (count), pi (drop-out), theta (dispersion),
mu (mean). Three things keep it cheap: one block of rows at a time, so that nothing of size N x G exists;
gradients written out by hand in the same sweep as the value; log-gamma on non-zero counts only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import softplus

THETA_RANGE = (1e-4, 1e4)
MU_RANGE = (1e-5, 1e6)  # before the depth factor
_THETA_LOGIT_RANGE = (math.log(math.expm1(THETA_RANGE[0])), THETA_RANGE[1])
_MU_LOGIT_RANGE = (math.log(MU_RANGE[0]), math.log(MU_RANGE[1]))
_BLOCK_ENTRIES = {"cpu": 2**18, "cuda": 2**25}  # entries per block: stay in the cache; fill the device
_LEAST_ROWS = 176  # per block; fewer leave the matrix products too thin to be fast


@dataclass(frozen=True)
class _Block:
    """Rows start..stop of the target, sorted by gene, so that a few genes are a few slices."""

    start: int
    stop: int
    pointer: Tensor  # (G + 1,) first entry of each gene
    row: Tensor  # (nnz,) row within the block
    value: Tensor  # (nnz,)
    log_factorial: Tensor  # (G,) sum over the block of lgamma(x + 1)

    def select(self, genes: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Flat positions in the (genes, rows) block, ascending; values; the sum of lgamma(x + 1)."""
        starts, ends = self.pointer[:-1], self.pointer[1:]
        if genes is not None:
            starts, ends = starts[genes], ends[genes]
        lengths = ends - starts
        gene = torch.repeat_interleave(lengths)  # (n,) position of the gene among the chosen ones
        row, value, log_factorial = self.row, self.value, self.log_factorial
        if genes is not None:
            first = starts - torch.cumsum(lengths, 0) + lengths
            entry = torch.arange(len(gene), device=gene.device).add_(first.index_select(0, gene))
            row, value = row.index_select(0, entry), value.index_select(0, entry)
            log_factorial = log_factorial[genes]
        return gene * (self.stop - self.start) + row, value, log_factorial.sum()


class SparseTarget:
    """What the decoder has to explain: (N, G) non-negative values, in blocks of rows.

    genes_per_step sets the height of the blocks: few genes at a time allow tall blocks.
    """

    def __init__(
        self,
        matrix: sparse.csr_matrix,
        *,
        genes_per_step: int = 0,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        self.shape = matrix.shape
        n_spots, n_genes = matrix.shape
        device = torch.device(device)
        step_genes = min(genes_per_step or n_genes, n_genes)
        height = max(_LEAST_ROWS, _BLOCK_ENTRIES.get(device.type, 2**18) // step_genes)
        self.blocks = [
            _block(matrix, start, min(start + height, n_spots), device, dtype)
            for start in range(0, n_spots, height)
        ]


def _block(matrix: sparse.csr_matrix, start: int, stop: int, device, dtype) -> _Block:
    rows = sparse.csc_matrix(matrix[start:stop])
    rows.eliminate_zeros()
    value = torch.as_tensor(rows.data, dtype=dtype)
    gene = torch.repeat_interleave(torch.as_tensor(np.diff(rows.indptr)).long())
    log_factorial = torch.zeros(matrix.shape[1], dtype=dtype).index_add_(0, gene, torch.lgamma(value + 1))
    pointer = torch.as_tensor(rows.indptr).long()
    row = torch.as_tensor(rows.indices.astype(np.int32))
    tensors = (item.to(device) for item in (pointer, row, value, log_factorial))
    return _Block(start, stop, *tensors)


def zinb_loss(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    target: SparseTarget,
    *,
    genes: Tensor | None = None,
    log_factor: Tensor | None = None,
    matmul_dtype: torch.dtype | None = None,
) -> Tensor:
    """Mean negative log-likelihood per entry of the target under ZINB(pi, theta, mu).

    hidden: (N, H); weight: (3, G, H) and bias: (3, G) give the logits of pi, theta and mu;
    genes: (g,) distinct columns to use, an unbiased estimate of the mean over all when drawn at random;
    log_factor: (N,) log of the depth factor s_i, mu_ij = s_i exp(logit);
    matmul_dtype: lower precision for the products with the heads, e.g. torch.bfloat16.

    L = -mean[ 1{x=0} log(pi + (1-pi) (theta/(theta+mu))^theta) + 1{x>0} (log(1-pi) + log NB(x; mu, theta)) ]
    (stMFG, arXiv 2512.16188; the form is that of the single-cell ZINB autoencoders).
    """
    if genes is not None:
        weight, bias = weight[:, genes], bias[:, genes]
    return _FusedZinb.apply(hidden, weight, bias, target, genes, log_factor, matmul_dtype)


class _FusedZinb(torch.autograd.Function):
    """Value and gradients in one sweep: nothing but the gradients has to outlive the forward pass."""

    @staticmethod
    def forward(ctx, hidden, weight, bias, target, genes, log_factor, matmul_dtype):
        weight, bias = weight.contiguous(), bias.contiguous()
        wanted = any(ctx.needs_input_grad)
        sums = _Sums(hidden, weight, bias, matmul_dtype) if wanted else None
        total = hidden.new_zeros((), dtype=torch.float64)
        for block in target.blocks:
            rows = slice(block.start, block.stop)
            logits = [_heads(hidden[rows], weight[k], bias[k], matmul_dtype) for k in range(3)]
            factor = None if log_factor is None else log_factor[rows]
            value, gradients = _value_and_gradients(*logits, factor, *block.select(genes))
            total += value
            if wanted:
                sums.add(rows, gradients)
        entries = hidden.shape[0] * weight.shape[1]
        if wanted:
            ctx.save_for_backward(*(item.div_(-entries) for item in sums.results()))
        return (-total / entries).to(hidden.dtype)

    @staticmethod
    def backward(ctx, upstream):
        gradients = (upstream * item for item in ctx.saved_tensors)
        return *gradients, None, None, None, None


class _Sums:
    """Gradients with respect to hidden, weight and bias, gathered block by block."""

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor, matmul_dtype: torch.dtype | None):
        self.dtype = matmul_dtype or hidden.dtype
        self.source, self.weight = hidden.to(self.dtype), weight.to(self.dtype)
        self.hidden, self.heads, self.bias = map(torch.zeros_like, (hidden, weight, bias))

    def add(self, rows: slice, gradients: tuple[Tensor, Tensor, Tensor]) -> None:
        for k, gradient in enumerate(gradients):  # (G, rows)
            self.bias[k] += gradient.sum(1)
            gradient = gradient.to(self.dtype)
            self.hidden[rows] += gradient.T @ self.weight[k]
            self.heads[k] += gradient @ self.source[rows]

    def results(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.hidden, self.heads, self.bias


def _heads(hidden: Tensor, weight: Tensor, bias: Tensor, matmul_dtype: torch.dtype | None) -> Tensor:
    """Logits of one head, (G, rows): genes first, so that the entries of a gene lie together."""
    if matmul_dtype is None:
        return torch.addmm(bias[:, None], weight, hidden.T)
    return (weight.to(matmul_dtype) @ hidden.to(matmul_dtype).T).to(hidden.dtype) + bias[:, None]


def _value_and_gradients(
    pi_logit: Tensor,
    theta_logit: Tensor,
    mu_logit: Tensor,
    log_factor: Tensor | None,
    nonzero: Tensor,
    count: Tensor,
    log_factorial: Tensor,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Log-likelihood of one block and its derivatives by the three logits, each (G, rows).

    Every entry is first treated as a zero; entries `nonzero` (flat positions) are then put right.
    """
    theta_clipped = _clip_in_place(theta_logit, _THETA_LOGIT_RANGE)
    mu_clipped = _clip_in_place(mu_logit, _MU_LOGIT_RANGE)
    log_mu = mu_logit if log_factor is None else mu_logit + log_factor
    theta = softplus(theta_logit)
    theta_slope = torch.sigmoid(theta_logit)  # d theta / d logit
    ratio = torch.exp(log_mu).div_(theta)  # mu / theta
    log1p_ratio = torch.log1p(ratio)
    share = ratio / (1 + ratio)  # mu / (theta + mu)
    log_zero = -theta * log1p_ratio  # log NB(0) = theta log(theta / (theta + mu))
    zero_value = torch.logaddexp(pi_logit, log_zero)  # + log(1 - pi) below
    counted = torch.sigmoid(log_zero - pi_logit)  # probability that a zero is no drop-out
    pi_slope = torch.sigmoid(pi_logit)

    def pick(item: Tensor) -> Tensor:
        return item.view(-1).index_select(0, nonzero)

    def put(item: Tensor, values: Tensor) -> None:
        item.view(-1).scatter_(0, nonzero, values)

    theta_x, log1p_x, share_x = pick(theta), pick(log1p_ratio), pick(share)
    log_rise, rise_slope = log_rising(theta_x, count)
    log_share = pick(log_mu) - torch.log(theta_x) - log1p_x
    log_nb = log_rise - theta_x * log1p_x + count * log_share
    value = (zero_value - softplus(pi_logit)).sum(dtype=torch.float64)
    value += (log_nb - pick(zero_value)).sum(dtype=torch.float64) - log_factorial

    theta_x_slope = rise_slope - log1p_x + 1 - (theta_x + count) * (1 - share_x) / theta_x

    by_pi = (1 - counted).sub_(pi_slope)
    put(by_pi, -pick(pi_slope))
    by_theta = (share - log1p_ratio).mul_(counted).mul_(theta_slope)
    put(by_theta, theta_x_slope * pick(theta_slope))
    by_mu = share.mul_(theta).mul_(counted).neg_()
    put(by_mu, count - (theta_x + count) * share_x)
    for gradient, clipped in ((by_theta, theta_clipped), (by_mu, mu_clipped)):
        if clipped is not None:
            gradient[clipped] = 0
    return value, (by_pi, by_theta, by_mu)


def _clip_in_place(logit: Tensor, limits: tuple[float, float]) -> Tensor | None:
    """Clip; return the mask of what was clipped, or None where that is nothing (the usual case)."""
    lowest, highest = torch.aminmax(logit)
    if lowest >= limits[0] and highest <= limits[1]:
        return None
    clipped = (logit < limits[0]) | (logit > limits[1])
    logit.clamp_(*limits)
    return clipped


def log_rising(theta: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """lgamma(theta + x) - lgamma(theta) and its derivative by theta, for theta > 0, x >= 0.

    Both log-gammas are moved up by 4 with the recurrence and expanded by Stirling's series there. The
    difference is taken term by term, so that a large theta (the Poisson limit) cancels nothing, and no
    digamma is evaluated: five times as fast as lgamma and digamma. Absolute error below 1e-8 in float64.
    """
    low, high = theta + 4, theta + count + 4
    log_growth = torch.log1p(count / low)
    product_low, slope_low = _four_factors(theta)
    product_high, slope_high = _four_factors(theta + count)
    rest_low, rest_slope_low = _stirling_rest(low)
    rest_high, rest_slope_high = _stirling_rest(high)
    value = count * torch.log(high) + (low - 0.5) * log_growth - count
    value += rest_high - rest_low - torch.log(product_high / product_low)
    slope = log_growth - 0.5 / high + 0.5 / low - rest_slope_high + rest_slope_low - slope_high + slope_low
    return value, slope


def _four_factors(z: Tensor) -> tuple[Tensor, Tensor]:
    """z (z+1) (z+2) (z+3) and the derivative of its logarithm."""
    inner = z * (z + 3)
    product = inner * (inner + 2)
    return product, (2 * z + 3) * (2 * inner + 2) / product


def _stirling_rest(z: Tensor) -> tuple[Tensor, Tensor]:
    """lgamma(z) - ((z - 1/2) log z - z + log(2 pi) / 2) for z >= 4, and minus its derivative."""
    inverse = 1 / z
    square = inverse * inverse
    rest = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    slope = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))
    return rest, slope


def zinb_parameters(
    hidden: Tensor, weight: Tensor, bias: Tensor, log_factor: Tensor | None = None, rows: int = 1024
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """pi, theta and mu, each (rows, G), block by block: for denoised expression and for tests."""
    for start in range(0, hidden.shape[0], rows):
        part = slice(start, start + rows)
        pi, theta, mu = (torch.addmm(bias[k], hidden[part], weight[k].T) for k in range(3))
        mu = mu.clamp(*_MU_LOGIT_RANGE)
        mu = mu if log_factor is None else mu + log_factor[part, None]
        yield torch.sigmoid(pi), softplus(theta.clamp(*_THETA_LOGIT_RANGE)), torch.exp(mu)
