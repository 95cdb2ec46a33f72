"""Training of MultiST's fusion on one slice: cross-attention between the frozen gene latent and the image.

N spots, B spots of a batch, L latent width of the genes, W width of the fusion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tissuegraph.multist.alignment import infonce, similarity_matching
from tissuegraph.multist.attention import Fused, FusionNetwork
from tissuegraph.multist.settings import Fusion
from tissuegraph.multist.tokens import ImageTokens
from tissuegraph.nn.graphed import Replayed, descend
from tissuegraph.nn.optimiser import Adam
from tissuegraph.nn.progress import StageProgress, Teller
from tissuegraph.nn.random import drawing_from
from tissuegraph.nn.sparse import SparseOperator

TERMS = ("sdm", "infonce", "retention")
LARGEST_GRADIENT = 1.0  # norm that gradients are cut to
BLOCK = 8_192  # spots fused at a time outside training


@dataclass(frozen=True, eq=False)
class FusedSlice:
    """embedding (N, D) and attention (N, T), on the CPU."""

    embedding: Tensor
    attention: Tensor


class FusionTrainer:
    """One seed's fusion; draws: for the initial weights and the order of the batches.

    genes: (N, L) latent, constant; trust: share of the image in the embedding, in [0, 1].
    """

    def __init__(
        self,
        settings: Fusion,
        genes: Tensor,
        image: ImageTokens,
        adjacency: SparseOperator,
        trust: float,
        draws: torch.Generator,
    ):
        self.settings, self.image, self.trust, self.adjacency = settings, image, trust, adjacency
        self.draws, self.genes = draws, unit_scale(genes)
        self.raw_genes = genes
        self.usable = image.present[image.neighbours].any(1).nonzero()[:, 0]  # spots with any tile in reach
        with drawing_from(draws):
            network = FusionNetwork(settings, genes.shape[1], image.values.shape[1])
        self.network = network.to(genes.device)

    def train(self, progress: StageProgress | None = None) -> list[dict[str, float]]:
        """AdamW on a cosine schedule; per epoch the mean terms (unweighted) and the weighted `total`."""
        chosen = self.settings
        optimiser = Adam(self.network.parameters(), lr=chosen.lr)
        self.network.train()
        n_batches = -(-len(self.usable) // chosen.batch)
        step = partial(descend, self.loss, optimiser.parameters)
        if self.genes.is_cuda:
            step = Replayed(self.loss, optimiser.parameters)
        curves, teller = [], Teller(chosen.epochs)
        for epoch in range(chosen.epochs):
            shuffled = torch.randperm(len(self.usable), generator=self.draws)
            order = self.usable[shuffled.to(self.usable.device)]
            optimiser.lr = chosen.lr * (1 + math.cos(math.pi * epoch / chosen.epochs)) / 2
            sums: dict[str, Tensor] = {}
            # Chunks of equal size: a rest of one or two spots would have hardly a negative.
            for spots in order.tensor_split(n_batches):
                terms = step(spots)
                torch.nn.utils.clip_grad_norm_(optimiser.parameters, LARGEST_GRADIENT)
                _decay(optimiser, chosen.weight_decay)
                optimiser.step()
                sums = {name: sums.get(name, 0) + value for name, value in terms.items()}
            curves.append({name: float(value) / n_batches for name, value in sums.items()})
            if progress and teller.due(epoch + 1):
                progress(epoch + 1, chosen.epochs, curves[-1]["total"])
        return curves

    def loss(self, spots: Tensor) -> dict[str, Tensor]:
        """The terms of TERMS and `total` for some spots (B,); one of weight 0 is not computed and stays 0."""
        chosen = self.settings
        fused = self._fuse(spots)
        first, second = self.network.aligned(fused)
        terms = dict.fromkeys(TERMS, first.sum() * 0)
        if chosen.sdm:
            terms["sdm"] = similarity_matching(first, second, chosen.temperature)
        if chosen.infonce:
            terms["infonce"] = infonce(first, second, chosen.temperature)
        if chosen.retention:
            tokens = self.image.around(spots)
            counted = tokens.present[:, :, None]
            mean = (tokens.values * counted).sum(1) / counted.sum(1).clamp(min=1)  # (B, C)
            terms["retention"] = (self.network.recall(fused.image) - mean).pow(2).mean()
        terms["total"] = sum(getattr(chosen, name) * terms[name] for name in TERMS)
        return terms

    @torch.no_grad()
    def embed(self) -> FusedSlice:
        """Fuse the whole slice, block by block."""
        self.network.eval()
        spots = torch.arange(len(self.genes), device=self.genes.device)
        parts = [self._fuse(block) for block in spots.split(BLOCK)]
        image, genes, attention = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("image", "genes", "attention")
        )
        reached = self.image.present[self.image.neighbours].any(1)[:, None]
        share = self.trust * reached.to(image.dtype)  # a spot without any tile in reach has its genes only
        if self.settings.combine == "sum":
            embedding = (1 - share) * genes + share * image
        else:
            blocks = [self._comparable(self.raw_genes), self._comparable(image)]
            embedding = torch.cat([(1 - share).sqrt() * blocks[0], share.sqrt() * blocks[1]], 1)
        return FusedSlice(embedding.cpu(), attention.cpu())

    def _fuse(self, spots: Tensor) -> Fused:
        return self.network(self.image.around(spots, self.genes), self.image.around(spots))

    def _comparable(self, block: Tensor) -> Tensor:
        """Centred, and scaled by what of it is smooth over the tissue: noise should not buy weight."""
        centred = block - block.mean(0)
        return centred / (self.adjacency @ centred).pow(2).sum(1).mean().sqrt().clamp(min=1e-12)


def unit_scale(x: Tensor) -> Tensor:
    """Centred, mean square 1 over all entries: (N, D)."""
    centred = x - x.mean(0)
    return centred / centred.pow(2).mean().sqrt().clamp(min=1e-12)


@torch.no_grad()
def _decay(optimiser: Adam, weight_decay: float) -> None:
    """Decoupled weight decay (Loshchilov and Hutter 2019), inplace."""
    torch._foreach_mul_(optimiser.parameters, 1 - optimiser.lr * weight_decay)
