"""stMFG: graph convolutions on several views, fused layer by layer by cross-view attention.

arXiv 2512.16188; the image as a third view is ours. E1 to E7 are the equations of docs/methods.md.
Notation: N spots, G genes, D channels of a layer, V views (spatial, feature and, where there is one, image).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from tissuegraph.stmfg.layers import CrossViewAttention, GraphConvolution, View
from tissuegraph.stmfg.settings import Model


@dataclass(frozen=True)
class Encoding:
    """What the encoder returns: embedding, what each view made of it in the last layer, weights."""

    z: Tensor  # (N, D)
    per_view: tuple[Tensor, ...]  # V times (N, D of the last layer)
    attention: Tensor  # (N, V, 1 or D), of the last fusion

    @property
    def differentiable(self) -> tuple[Tensor, ...]:
        """What the losses see: z and the views."""
        return self.z, *self.per_view

    def detached(self) -> Encoding:
        """The same values as leaves, which gather the losses' gradients."""
        z, *per_view = (item.detach().requires_grad_() for item in self.differentiable)
        return Encoding(z, tuple(per_view), self.attention.detach())


class Stmfg(nn.Module):
    """Encoder (E1 to E3) and decoder of stMFG.

    n_inputs: features of each view in the first layer; n_genes: genes that the decoder reconstructs;
    n_image: image components that `recall` reads back from the embedding, 0 without.
    """

    def __init__(self, settings: Model, n_inputs: Sequence[int], n_genes: int, n_image: int = 0):
        super().__init__()
        self.settings = settings
        n_views, widths = len(n_inputs), list(settings.dims)
        inputs = [list(n_inputs)] + [[width] * n_views for width in widths[:-1]]
        self.convolutions = nn.ModuleList(
            nn.ModuleList(GraphConvolution(n_in, width) for n_in in layer)
            for layer, width in zip(inputs, widths, strict=True)
        )
        fused = widths if settings.fusion == "layerwise" else widths[-1:]
        self.attentions = nn.ModuleList(
            CrossViewAttention(
                n_views, width, per_channel=settings.att == "channel", unit_length=settings.att_l2
            )
            for width in fused
        )
        self.head = nn.Linear(widths[-1], settings.head_dim) if settings.head_dim else nn.Identity()
        n_latent = settings.head_dim or widths[-1]
        self.decoder = Decoder(n_latent, settings.decoder_dim, n_genes)
        self.recall = nn.Linear(n_latent, n_image) if n_image else None

    @property
    def hops(self) -> int:
        """Graph steps between a spot and the farthest spot that its embedding depends on."""
        return len(self.convolutions)

    def forward(self, views: Sequence[View], presence: Tensor | None = None) -> Encoding:
        """presence: (N, V), 0 where a spot lacks a view, below 1 where it counts less; None: all 1."""
        if self.settings.fusion == "late":
            return self._late(views, presence)
        z = None  # Z(0) = X is held by the views
        for layer, (convolutions, attend) in enumerate(zip(self.convolutions, self.attentions, strict=True)):
            z_v = tuple(  # E1: Z_v(l) = phi( A~_v Z(l) W_v(l) + b_v(l) ), V times (N, D)
                self._phi(layer, convolve(view, z))
                for convolve, view in zip(convolutions, views, strict=True)
            )
            z, m = attend(z_v, presence)  # E2: M(l) (N, V, 1 or D); E3: Z(l+1) (N, D)
        return Encoding(self.head(z), z_v, m)

    def _late(self, views: Sequence[View], presence: Tensor | None) -> Encoding:
        """Ablation `w/o mf`: the views meet once, after the last layer."""
        z_v: list[Tensor | None] = [None] * len(views)
        for layer, convolutions in enumerate(self.convolutions):
            z_v = [
                self._phi(layer, convolve(view, z))  # E1, each view on its own
                for convolve, view, z in zip(convolutions, views, z_v, strict=True)
            ]
        z, m = self.attentions[0](z_v, presence)  # E2, E3
        return Encoding(self.head(z), tuple(z_v), m)

    def _phi(self, layer: int, x: Tensor) -> Tensor:
        """ReLU on all layers but the last."""
        is_last = layer == len(self.convolutions) - 1
        return x if is_last or self.settings.activation == "none" else relu(x)


class Decoder(nn.Module):
    """h = ReLU(BatchNorm(W z + b)) and three linear heads: logits of pi, theta and mu.

    The heads are applied inside the loss, block by block: (N, G) is never held.
    """

    def __init__(self, n_in: int, n_hidden: int, n_genes: int):
        super().__init__()
        self.linear = nn.Linear(n_in, n_hidden)
        self.norm = nn.BatchNorm1d(n_hidden)
        bound = n_hidden**-0.5  # as nn.Linear
        self.weight = nn.Parameter(torch.empty(3, n_genes, n_hidden).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(3, n_genes).uniform_(-bound, bound))

    def forward(self, z: Tensor) -> Tensor:
        """(N, D) -> (N, H)"""
        return self.norm(self.linear(z)).relu_()  # in place: at 500,000 spots an array is 256 MB
