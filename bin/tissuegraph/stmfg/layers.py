"""Graph convolution and cross-view attention for any number of views (stMFG E1 to E3).

Notation: N spots, V views (spatial graph, feature graph, image), D channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from tissuegraph.nn.sparse import SparseOperator

LEAKY_SLOPE = 0.01  # of the attention logits, as in AGCN


@dataclass(frozen=True)
class View:
    """One view of the slice: how its spots are connected, and what enters the first layer.

    propagated, A~ X as dense (N, D), replaces features where it is cheaper to hold A~ X than to
    multiply by A~ after every product X W.
    """

    adjacency: SparseOperator  # A~ (N, N)
    features: Tensor | SparseOperator | None = None  # X (N, D)
    propagated: Tensor | None = None  # A~ X (N, D)


class GraphConvolution(nn.Module):
    """A~ Z W + b of one view; weights uniform in +-1/sqrt(out)."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        bound = 1 / math.sqrt(n_out)
        self.weight = nn.Parameter(torch.empty(n_in, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound))

    def forward(self, view: View, z: Tensor | None) -> Tensor:
        """z: (N, n_in), or None in the first layer, which reads the view's own features."""
        if z is not None:
            return view.adjacency @ (z @ self.weight) + self.bias  # (N, n_out)
        if view.propagated is not None:
            return view.propagated @ self.weight + self.bias
        return view.adjacency @ (view.features @ self.weight) + self.bias


class CrossViewAttention(nn.Module):
    """E2 and E3: weights of the views per spot (or spot and channel), and their weighted sum."""

    def __init__(self, n_views: int, width: int, *, per_channel: bool = False, unit_length: bool = False):
        super().__init__()
        self.n_views, self.unit_length = n_views, unit_length
        self.score = nn.Linear(n_views * width, n_views * (width if per_channel else 1))

    def forward(self, per_view: Sequence[Tensor], presence: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """per_view: V times (N, D); presence: (N, V), 0 or False where a spot lacks a view, else up to 1.

        A presence between 0 and 1 is the prior weight of a view: its logarithm joins the logit.
        Returns the fused (N, D) and the weights (N, V, 1 or D). A missing view has weight 0 and no
        influence on the others' weights; a spot without any view gets a row of zeros.
        """
        stacked = torch.stack(list(per_view), 1)  # (N, V, D)
        if presence is not None:
            there = presence > 0
            stacked = torch.where(there[:, :, None], stacked, 0.0)
        score = leaky_relu(self.score(stacked.flatten(1)), LEAKY_SLOPE)
        score = score.view(len(stacked), self.n_views, -1)  # (N, V, 1 or D)
        if presence is not None:
            score = score + torch.log(presence.to(score.dtype))[:, :, None]  # -inf where missing
            score = torch.where(there.any(1)[:, None, None], score, 0.0)
        weights = torch.softmax(score, 1)  # E2
        if self.unit_length:
            weights = weights / weights.norm(dim=1, keepdim=True)
        return (weights * stacked).sum(1), weights  # E3
