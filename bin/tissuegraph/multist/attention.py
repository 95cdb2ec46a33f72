"""Cross-attention between a spot's genes and image tokens, and how the two become one embedding.

Notation: B spots of a batch, T tokens (the spot itself first, then its neighbours), H heads, W width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from tissuegraph.multist.settings import Fusion


@dataclass(frozen=True)
class Tokens:
    """What a batch attends to.

    values: (B, T, C); distance: (B, T) from the spot, in pitches, 0 for the spot itself; present: bool (B, T)
    """

    values: Tensor
    distance: Tensor
    present: Tensor


@dataclass(frozen=True)
class Fused:
    """image and genes (B, W): what is aligned and combined; attention (B, T): weight of each image token."""

    image: Tensor
    genes: Tensor
    attention: Tensor


class TokenAttention(nn.Module):
    """Multi-head attention of one query per spot over its tokens.

    A token's logit is q . k / sqrt(W / H) less a learned multiple of its distance. With one token the
    weights are 1 whatever the query, so queries, keys and distances are not learned there at all.
    """

    def __init__(self, n_query: int, n_token: int, width: int, heads: int, *, single: bool):
        super().__init__()
        self.heads = heads
        self.value = nn.Linear(n_token, width)
        # Orthogonal: before any training the image passes through undistorted, as far as it fits.
        nn.init.orthogonal_(self.value.weight)
        nn.init.zeros_(self.value.bias)
        self.query = None if single else nn.Linear(n_query, width)
        self.key = None if single else nn.Linear(n_token, width, bias=False)  # a bias cancels in the softmax
        self.reach = None if single else nn.Parameter(torch.zeros(heads))

    def forward(self, query: Tensor, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """query (B, Q) -> attended (B, W) and weights (B, T), mean over heads.

        Missing tokens have weight 0; a spot without any token gets zeros.
        """
        n_batch, n_tokens, _ = tokens.values.shape
        weights = self._weights(query, tokens)  # (B, T, H)
        values = self.value(tokens.values).view(n_batch, n_tokens, self.heads, -1)  # (B, T, H, W/H)
        attended = (weights[..., None] * values).sum(1).flatten(1)  # (B, W)
        return attended, weights.mean(2)

    def _weights(self, query: Tensor, tokens: Tokens) -> Tensor:
        if self.query is None:
            return tokens.present[:, :, None].expand(-1, -1, self.heads).to(tokens.values.dtype)
        n_batch, n_tokens, _ = tokens.values.shape
        key = self.key(tokens.values).view(n_batch, n_tokens, self.heads, -1)  # (B, T, H, W/H)
        asked = self.query(query).view(n_batch, 1, self.heads, -1)
        score = (asked * key).sum(3) / math.sqrt(key.shape[3])  # (B, T, H)
        score = score - tokens.distance[:, :, None] * softplus(self.reach)
        score = score.masked_fill(~tokens.present[:, :, None], -math.inf)
        anywhere = tokens.present.any(1)[:, None, None]
        return torch.where(anywhere, torch.softmax(torch.where(anywhere, score, 0.0), 1), 0.0)


class Direction(nn.Module):
    """One modality attends to the other: one attention, or a stack with residuals and a shared LayerNorm."""

    def __init__(self, settings: Fusion, n_query: int, n_token: int):
        super().__init__()
        width, single = settings.width, settings.tokens == "spot"
        self.lift = nn.Linear(n_query, width) if settings.residual else None
        self.norm = nn.LayerNorm(width) if settings.residual else None
        self.layers = nn.ModuleList(
            TokenAttention(
                width if settings.residual else n_query, n_token, width, settings.heads, single=single
            )
            for _ in range(settings.layers)
        )

    def forward(self, query: Tensor, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """query (B, Q) -> (B, W) and the last layer's weights (B, T)."""
        state = query if self.lift is None else self.lift(query)
        for layer in self.layers:
            attended, weights = layer(state, tokens)
            state = attended if self.norm is None else self.norm(state + attended)
        return state, weights


class FusionNetwork(nn.Module):
    """Genes attend to image tokens (and, with `directions: both`, the image to gene tokens).

    With one direction the genes stand for themselves and two linear heads project both sides to where they
    are aligned, so that alignment shapes the attention without flattening what it returns.
    """

    def __init__(self, settings: Fusion, n_genes: int, n_image: int):
        super().__init__()
        both = settings.directions == "both"
        self.to_image = Direction(settings, n_genes, n_image)
        self.to_genes = Direction(settings, n_image, n_genes) if both else None
        self.image_head = None if both else nn.Linear(settings.width, settings.width)
        self.gene_head = None if both else nn.Linear(n_genes, settings.width)
        self.recall = nn.Linear(settings.width, n_image) if settings.retention else None

    def forward(self, genes: Tokens, image: Tokens) -> Fused:
        attended, weights = self.to_image(genes.values[:, 0], image)
        if self.to_genes is None:
            return Fused(attended, genes.values[:, 0], weights)
        return Fused(attended, self.to_genes(image.values[:, 0], genes)[0], weights)

    def aligned(self, fused: Fused) -> tuple[Tensor, Tensor]:
        """Both modalities where they are compared: image and genes (B, W)."""
        if self.to_genes is not None:
            return fused.image, fused.genes
        return self.image_head(fused.image), self.gene_head(fused.genes)
