"""MultiST's gene branch and its adversary (arXiv 2601.13331; layer sizes from the released code).

Notation: N spots, D input features, L latent width, K cluster centres.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, relu

from tissuegraph.multist.settings import Adversary, GeneBranch
from tissuegraph.nn.random import Dropout, drawing_from
from tissuegraph.nn.sparse import SparseOperator


@dataclass(frozen=True)
class GeneEncoding:
    """z = [F || mu] (N, 2L), mu (N, L) and the reconstruction (N, D)."""

    z: Tensor
    mean: Tensor
    reconstructed: Tensor


class GeneNetwork(nn.Module):
    """Two dense layers to F, two graph convolutions to mu, and a linear graph convolution back.

    Batch normalisation uses the slice at hand, in training and afterwards alike: the slice is the batch.
    draws: for the initial weights, then for dropout.
    """

    def __init__(self, settings: GeneBranch, n_inputs: int, draws: torch.Generator):
        super().__init__()
        self.drop = Dropout(settings.dropout, draws)
        with drawing_from(draws):
            self._build(settings.hidden, settings.latent, n_inputs)
        self.token = nn.Parameter(torch.zeros(n_inputs)) if settings.mask_rate else None

    def _build(self, hidden: int, latent: int, n_inputs: int) -> None:
        self.dense = nn.ModuleList(  # without biases: the normalisation would take them out again
            [nn.Linear(n_inputs, hidden, bias=False), nn.Linear(hidden, latent, bias=False)]
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(width, eps=1e-3, track_running_stats=False) for width in (hidden, latent)
        )
        self.graph = nn.ParameterList([_xavier(latent, hidden), _xavier(hidden, latent)])
        self.decoder = nn.Parameter(_xavier(2 * latent, n_inputs))

    @property
    def width(self) -> int:
        return self.decoder.shape[0]

    def encode(self, x: Tensor, adjacency: SparseOperator, masked: Tensor | None = None) -> GeneEncoding:
        """x (N, D); masked: bool (N,), spots that the learnable token is added to."""
        if masked is not None and self.token is not None:
            x = x + masked[:, None] * self.token
        features = x  # F
        for dense, norm in zip(self.dense, self.norms, strict=True):
            features = self.drop(elu(norm(dense(features))))  # (N, H), (N, L)
        mean = relu(adjacency @ (self.drop(features) @ self.graph[0]))  # (N, H)
        mean = adjacency @ (self.drop(mean) @ self.graph[1])  # (N, L)
        z = torch.cat([features, mean], 1)  # (N, 2L)
        return GeneEncoding(z, mean, adjacency @ (z @ self.decoder))


class Generator(nn.Module):
    """Standard normal noise to a sample that looks like a spot: its latent, or its input features."""

    def __init__(self, width: int, draws: torch.Generator):
        super().__init__()
        self.width, self.draws = width, draws
        with drawing_from(draws):
            self.layers = nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, width))

    def forward(self, n_samples: int, device: torch.device) -> Tensor:
        """(n_samples, width)"""
        return self.layers(torch.randn(n_samples, self.width, generator=self.draws).to(device))


class Critic(nn.Module):
    """A score per sample, high for real ones."""

    def __init__(self, width: int, draws: torch.Generator):
        super().__init__()
        self.draws = draws
        with drawing_from(draws):
            final = nn.Linear(64, 1, bias=False)  # only differences of scores count
            self.layers = nn.Sequential(
                nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), final
            )

    def forward(self, samples: Tensor) -> Tensor:
        """(M, width) -> (M,)"""
        return self.layers(samples)[:, 0]

    def gradient_penalty(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean of (|gradient| - 1)^2 at points between pairs of (M, width), Gulrajani et al. 2017."""
        place = torch.rand(len(real), 1, generator=self.draws).to(real.device)
        between = (place * real + (1 - place) * generated).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self(between).sum(), between, create_graph=True)
        return (gradient.norm(dim=1) - 1).pow(2).mean()

    @torch.no_grad()
    def clip(self, limit: float = 0.01) -> None:
        """Cut the weights (inplace), as the released code does."""
        for parameter in self.parameters():
            parameter.clamp_(-limit, limit)


def adversary_width(settings: Adversary, network: GeneNetwork) -> int:
    """Width of what the generator imitates."""
    return network.width if settings.space == "latent" else network.decoder.shape[1]


def _xavier(n_in: int, n_out: int) -> Tensor:
    return nn.init.xavier_uniform_(torch.empty(n_in, n_out))
