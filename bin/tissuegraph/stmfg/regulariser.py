"""Spatial regulariser (stMFG E6) in time linear in the number of spots.

Notation: N spots, D latent dimensions, E directed edges (both directions of each); c_ij = cosine of the
embeddings of i and j; sigma the logistic. Over pairs i != j:

    L = -1/(2N^2) [ sum_{edges} log sigma(c_ij) + sum_{no edge} log(1 - sigma(c_ij)) ]

With log(1 - sigma(c)) = -softplus(c) and softplus(c) = c/2 + log(2 cosh(c/2)), the sum over all pairs
needs only sums of c and of an even function of c. The even part is a + b c^2 to 5.9e-4 on [-1, 1], and
sum_ij c_ij = |sum_i u_i|^2, sum_ij c_ij^2 = |U^T U|^2 (Frobenius) need a D x D matrix. Edges stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

EVEN_OFFSET, EVEN_SLOPE = 0.6937386, 0.1201145  # minimax fit of log(2 cosh(c/2)) by a + b c^2 on [-1, 1]
EVEN_ERROR = 5.9e-4  # its largest error, hence the bound on each pair of the all-pairs part


@dataclass(frozen=True)
class RegulariserWeights:
    """What one edge and one pair without edge count for."""

    edge: float
    other: float


def regulariser_weights(n_spots: int, n_edges: int, balance: str) -> RegulariserWeights:
    """`paper`: 1/(2N^2) for every pair. `balanced`: the two sums are means over their own pairs.

    Under `paper` the edges are below 1 % of the loss at thousands of spots and vanish beyond.
    """
    if balance == "paper":
        return RegulariserWeights(0.5 / n_spots**2, 0.5 / n_spots**2)
    others = n_spots * (n_spots - 1) - n_edges
    return RegulariserWeights(0.5 / max(n_edges, 1), 0.5 / max(others, 1))


def spatial_regulariser(unit: Tensor, edges: Tensor, balance: str) -> Tensor:
    """L for unit: (N, D) with unit rows and edges: sparse CSR (N, N), symmetric, zero diagonal.

    Only the pattern of `edges` counts.
    """
    n_spots, n_edges = edges.shape[0], edges.values().numel()
    weights = regulariser_weights(n_spots, n_edges, balance)
    edge_softplus, edge_cosine = _edge_sums(unit, edges)
    # softplus(-c) = softplus(c) - c: what edges pay, less what the all-pairs sum charged them
    return (
        weights.other * _all_pairs_softplus(unit)
        + (weights.edge - weights.other) * edge_softplus
        - weights.edge * edge_cosine
    )


def _all_pairs_softplus(unit: Tensor) -> Tensor:
    """Sum over i != j of softplus(c_ij), even part by its quadratic fit; O(N D^2)."""
    n_spots = unit.shape[0]
    cosines = unit.sum(0).square().sum() - n_spots  # sum_{i != j} c_ij
    squares = (unit.T @ unit).square().sum() - n_spots
    return cosines / 2 + EVEN_OFFSET * n_spots * (n_spots - 1) + EVEN_SLOPE * squares


def _edge_sums(unit: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Exact sums of softplus(c_ij) and of c_ij over the directed edges."""
    return _EdgeSums.apply(unit, edges)


class _EdgeSums(torch.autograd.Function):
    """Cosines along the sparse pattern; the gradient is one sparse product with the same pattern."""

    @staticmethod
    def forward(ctx, unit, edges):
        cosine = torch.sparse.sampled_addmm(edges, unit, unit.T, beta=0.0).values()
        ctx.save_for_backward(unit, cosine)
        ctx.edges = edges
        return softplus(cosine).sum(), cosine.sum()

    @staticmethod
    def backward(ctx, by_softplus, by_cosine):
        unit, cosine = ctx.saved_tensors
        slope = by_softplus * torch.sigmoid(cosine) + by_cosine
        pattern = ctx.edges
        weighted = torch.sparse_csr_tensor(
            pattern.crow_indices(), pattern.col_indices(), slope, pattern.shape, check_invariants=False
        )
        return 2 * (weighted @ unit), None  # each pair is met from both its ends
