"""Loss terms of MultiST's gene branch. N spots, D features or latent dimensions, K centres, P pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus

WIDEST_KERNEL, N_KERNELS = 4.0, 5  # multiple of the mean squared distance; each further one half as wide
MMD_ROWS = 256  # rows of each sample that the MMD compares: constant cost
_REDRAWS = 8  # of negatives that turn out to be neighbours


@dataclass(frozen=True)
class EdgeList:
    """The edges of a slice with self-loops, sorted: what positives and refused negatives are read from."""

    first: Tensor  # (E,) int64
    second: Tensor  # (E,) int64
    key: Tensor  # (E,) int64, first * N + second, ascending
    n_spots: int

    def holds(self, first: Tensor, second: Tensor) -> Tensor:
        """Whether (first, second) is an edge: bool (P,)."""
        wanted = first * self.n_spots + second
        place = torch.searchsorted(self.key, wanted).clamp(max=len(self.key) - 1)
        return self.key[place] == wanted

    @property
    def norm(self) -> float:
        """N^2 / (2 (N^2 - E)): undoes the scarcity of edges among all pairs."""
        pairs = float(self.n_spots) ** 2
        return pairs / (2 * max(pairs - len(self.key), 1.0))


def scaled_cosine_error(predicted: Tensor, target: Tensor, power: int = 3) -> Tensor:
    """Mean over the rows of (1 - cos)^power. Both (N, D)."""
    cosine = (normalize(predicted, dim=1) * normalize(target, dim=1)).sum(1)
    return (1 - cosine).pow(power).mean()


def unit_variance_kl(mean: Tensor) -> Tensor:
    """KL of N(mean, 1) from N(0, 1) as the released code scales it: sum of squares / (2 N^2). (N, D)."""
    n_spots = len(mean)
    return mean.pow(2).sum(1).mean() / (2 * n_spots)


def draw_pairs(
    edges: EdgeList, n_pairs: int, draws: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Edges and as many non-edges from the same spots: first, positive, negative and kept, each (P,).

    n_pairs: edges drawn, 0 for all. A negative that is a neighbour or the spot itself is drawn again;
    `kept` is False for the few that never found one (a spot joined to nearly all others).
    """
    device = edges.key.device
    if 0 < n_pairs < len(edges.key):
        chosen = torch.randint(len(edges.key), (n_pairs,), generator=draws).to(device)
        first, positive = edges.first[chosen], edges.second[chosen]
    else:
        first, positive = edges.first, edges.second
    negative = torch.randint(edges.n_spots, (len(first),), generator=draws).to(device)
    refused = edges.holds(first, negative)
    for _ in range(_REDRAWS):
        again = refused.nonzero()[:, 0]
        if len(again) == 0:
            break
        negative[again] = torch.randint(edges.n_spots, (len(again),), generator=draws).to(device)
        refused[again] = edges.holds(first[again], negative[again])
    return first, positive, negative, ~refused


def edge_loss(z: Tensor, pairs: tuple[Tensor, Tensor, Tensor, Tensor], norm: float) -> Tensor:
    """norm * binary cross-entropy of sigma(z_i . z_j) against edge or not, mean over all pairs. z: (N, D)."""
    first, positive, negative, kept = pairs
    anchor = z[first]
    near = softplus(-(anchor * z[positive]).sum(1))
    far = softplus((anchor * z[negative]).sum(1)) * kept
    return norm * (near.sum() + far.sum()) / (len(near) + kept.sum())


def mmd(x: Tensor, y: Tensor) -> Tensor:
    """Squared maximum mean discrepancy under a mixture of Gaussian kernels, biased V-statistic.

    x (N, D), y (M, D). exp(-d^2 / (w s)), averaged over w = 4, 2, 1, 1/2, 1/4, with s the mean squared
    distance over all pairs of the pooled rows, taken as a constant.
    """
    pooled = torch.cat([x, y])
    square = (pooled * pooled).sum(1)
    distance = (square[:, None] + square - 2 * pooled @ pooled.T).clamp(min=0)
    scale = distance.detach().mean().clamp(min=1e-12)
    power = torch.exp(-distance / (WIDEST_KERNEL * scale))
    kernel = power
    for _ in range(N_KERNELS - 1):  # half the width is the square: one exponential serves all
        power = power * power
        kernel = kernel + power
    kernel, n = kernel / N_KERNELS, len(x)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def mean_distance(x: Tensor, y: Tensor) -> Tensor:
    """|mean x - mean y|^2 / D: what the released code falls back on. x (N, D), y (M, D)."""
    return (x.mean(0) - y.mean(0)).pow(2).mean()


def soft_assignment(z: Tensor, centres: Tensor) -> Tensor:
    """Student-t similarity of z (N, D) to centres (K, D) with one degree of freedom; rows sum to 1."""
    square = (z * z).sum(1)[:, None] + (centres * centres).sum(1) - 2 * z @ centres.T
    similar = 1 / (1 + square.clamp(min=0))
    return similar / similar.sum(1, keepdim=True)


def target_distribution(q: Tensor) -> Tensor:
    """Sharpened assignments q^2 / column sums, rows scaled to sum 1 (Xie et al. 2016). q: (N, K)."""
    weight = q.pow(2) / q.sum(0)
    return weight / weight.sum(1, keepdim=True)


def clustering_loss(p: Tensor, q: Tensor) -> Tensor:
    """KL(P || Q), mean over all N K entries. p, q: (N, K)."""
    return (p * (p.clamp(min=1e-12).log() - q.clamp(min=1e-12).log())).mean()
