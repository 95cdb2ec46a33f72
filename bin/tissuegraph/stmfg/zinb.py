"""Zero-inflated negative binomial loss of sparse counts, fused with the linear heads of the decoder.

Notation: N spots, G genes, H hidden units, and per entry x (count), pi (drop-out), theta (dispersion),
mu (mean). Three things keep it cheap: one block of rows and genes at a time, so that nothing of size N x G
exists and a block stays in the cache; gradients written out by hand in the same sweep as the value;
log-gamma on non-zero counts only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tissuegraph.nn.threads import in_threads
from tissuegraph.stmfg.zinb_terms import value_and_slopes

BLOCK_ENTRIES = {"cpu": 2**18, "cuda": 2**25}  # stay in the cache; fill the device
BLOCK_GENES = {"cpu": 256, "cuda": 2**20}  # at most; the matrix products need some of both


@dataclass(frozen=True)
class _Block:
    """Rows start..stop of the target, sorted by gene, so that a few genes are a few slices."""

    start: int
    stop: int
    pointer: Tensor  # (G + 1,) first entry of each gene
    row: Tensor  # (nnz,) row within the block
    value: Tensor  # (nnz,)
    log_factorial: Tensor  # (G,) sum over the block of lgamma(x + 1)

    def select(self, genes: Tensor | slice) -> tuple[Tensor, Tensor, Tensor]:
        """Flat positions in the (genes, rows) block, ascending; values; the sum of lgamma(x + 1)."""
        starts, ends = self.pointer[:-1][genes], self.pointer[1:][genes]
        lengths = ends - starts
        gene = torch.repeat_interleave(lengths)  # (n,) position of the gene among the chosen ones
        if isinstance(genes, slice):
            entries = slice(int(starts[0]), int(ends[-1]))
            row, value = self.row[entries], self.value[entries]
        else:
            first = starts - torch.cumsum(lengths, 0) + lengths
            entry = torch.arange(len(gene), device=gene.device).add_(first.index_select(0, gene))
            row, value = self.row.index_select(0, entry), self.value.index_select(0, entry)
        return gene.mul_(self.stop - self.start).add_(row), value, self.log_factorial[genes].sum()


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
        self.block_genes = min(genes_per_step or n_genes, n_genes, BLOCK_GENES.get(device.type, 256))
        height = max(1, BLOCK_ENTRIES.get(device.type, 2**16) // self.block_genes)
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
    (E4 of stMFG, arXiv 2512.16188; the form is that of the single-cell ZINB autoencoders).
    """
    if genes is not None:
        weight, bias = weight[:, genes], bias[:, genes]
    return _FusedZinb.apply(hidden, weight, bias, target, genes, log_factor, matmul_dtype)


class _FusedZinb(torch.autograd.Function):
    """Value and gradients in one sweep: nothing but the gradients has to outlive the forward pass."""

    @staticmethod
    def forward(ctx, hidden, weight, bias, target, genes, log_factor, matmul_dtype):
        source = hidden if matmul_dtype is None else hidden.to(matmul_dtype)
        heads = _heads(weight, bias, target.block_genes, genes, source.dtype)
        by_hidden = torch.zeros_like(hidden) if any(ctx.needs_input_grad) else None

        def sweep(blocks: Sequence[_Block]) -> _Sums:
            return _sweep(blocks, source, hidden.dtype, heads, log_factor, by_hidden)

        total, *parts = in_threads(sweep, target.blocks, hidden.device)
        for part in parts:
            total.add(part)
        entries = hidden.shape[0] * weight.shape[1]
        if by_hidden is not None:
            gradients = by_hidden, total.weights(weight.shape), torch.cat(total.by_bias, 1)
            ctx.save_for_backward(*(item.div_(-entries) for item in gradients))
        return (-total.value / entries).to(hidden.dtype)

    @staticmethod
    def backward(ctx, upstream):
        gradients = (upstream * item for item in ctx.saved_tensors)
        return *gradients, None, None, None, None


@dataclass(frozen=True)
class _Heads:
    """The three heads of a few genes, one below the other for a single matrix product."""

    genes: Tensor | slice  # columns of the target
    weight: Tensor  # (3g, H)
    bias: Tensor  # (3, g, 1)


def _heads(weight: Tensor, bias: Tensor, size: int, genes: Tensor | None, dtype: torch.dtype) -> list[_Heads]:
    result = []
    for start in range(0, weight.shape[1], size):
        part = slice(start, min(start + size, weight.shape[1]))
        stacked = weight[:, part].reshape(-1, weight.shape[2]).to(dtype)
        result.append(_Heads(part if genes is None else genes[part], stacked, bias[:, part, None]))
    return result


@dataclass(eq=False)
class _Sums:
    """Log-likelihood of some blocks and its gradients by the heads, one tensor per group of genes."""

    value: Tensor  # float64 scalar
    by_weight: list[Tensor]  # (3g, H)
    by_bias: list[Tensor]  # (3, g)

    def add(self, other: _Sums) -> None:
        self.value += other.value
        for mine, its in zip(self.by_weight + self.by_bias, other.by_weight + other.by_bias, strict=True):
            mine += its

    def weights(self, shape: tuple[int, int, int]) -> Tensor:
        """(3, G, H)"""
        return torch.cat([item.view(3, -1, shape[2]) for item in self.by_weight], 1)


def _sweep(
    blocks: Sequence[_Block],
    source: Tensor,
    dtype: torch.dtype,
    heads: Sequence[_Heads],
    log_factor: Tensor | None,
    by_hidden: Tensor | None,
) -> _Sums:
    """by_hidden: (N, H), gets the rows of these blocks; None where no gradient is wanted."""
    sums = _Sums(
        torch.zeros((), dtype=torch.float64, device=source.device),
        [torch.zeros_like(head.weight, dtype=dtype) for head in heads],
        [torch.zeros_like(head.bias[:, :, 0]) for head in heads],
    )
    for block in blocks:
        rows = slice(block.start, block.stop)
        seen = source[rows]
        factor = None if log_factor is None else log_factor[rows]
        for head, by_weight, by_bias in zip(heads, sums.by_weight, sums.by_bias, strict=True):
            # Genes first, so that the entries of a gene lie together
            logits = (head.weight @ seen.T).to(dtype).view(3, -1, len(seen)).add_(head.bias)
            nonzero, count, log_factorial = block.select(head.genes)
            sums.value += value_and_slopes(logits, factor, nonzero, count) - log_factorial
            if by_hidden is not None:
                by_bias += logits.sum(2)
                slopes = logits.view(-1, len(seen)).to(source.dtype)
                _add_product(by_weight, slopes, seen)
                _add_product(by_hidden[rows], slopes.T, head.weight)
    return sums


def _add_product(total: Tensor, first: Tensor, second: Tensor) -> None:
    if total.dtype == first.dtype:
        total.addmm_(first, second)
    else:
        total += first @ second
