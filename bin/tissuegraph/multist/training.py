"""MultiST on one slice: gene branch, image tokens, fusion (arXiv 2601.13331).

The gene branch is trained first, then frozen; the fusion learns which tiles around a spot go with its genes.
A slice without image has the gene branch alone. No label is ever read.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from tissuegraph.errors import SettingsError
from tissuegraph.histology.trust import image_trust
from tissuegraph.histology.view import NO_SECOND_VIEW, chosen_trust, spot_images
from tissuegraph.multist.fusion import TERMS as FUSION_TERMS
from tissuegraph.multist.fusion import FusionTrainer
from tissuegraph.multist.genes import TERMS as GENE_TERMS
from tissuegraph.multist.genes import GeneData, GeneTrainer, gene_data
from tissuegraph.multist.settings import Settings
from tissuegraph.multist.tokens import ImageTokens, image_tokens
from tissuegraph.nn.device import resolve_device
from tissuegraph.nn.progress import Progress
from tissuegraph.nn.random import generator
from tissuegraph.nn.result import TrainingResult, refuse_divergence
from tissuegraph.slices.arrays import SliceArrays

OWN, NEIGHBOURS, GENES = "own tile", "neighbouring tiles", "genes"


@dataclass(frozen=True, eq=False)
class _Slice:
    """What all seeds share. image is None where the gene branch runs alone."""

    genes: GeneData
    image: ImageTokens | None
    trust: float | None  # share of the image in the embedding
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def train_seeds(
    arrays: SliceArrays,
    settings: Settings,
    *,
    seeds: Sequence[int],
    device: str = "auto",
    image: np.ndarray | None = None,
    part_spots: int = 0,
    progress: Progress | None = None,
) -> list[TrainingResult]:
    """Train one network per seed. Same seed, settings and thread count give the same bits on a CPU.

    image: (N, F) features of the spots' tiles, a row with NaN where a spot has none; None: no image. It is
    not read where the counts were inferred from it.
    progress: called with seed, epoch, epochs and total loss of each stage, see nn.progress.
    attention of a result: weight of the spot's own tile and of its neighbours' together, (N, 2), sums to 1;
    with tokens: spot (N, 1), all 1; without image (N, 1) for the genes.
    Raises InputError where a seed diverges or image features do not fit the slice, SettingsError for
    part_spots: MultiST trains on the whole slice.
    """
    if part_spots:
        raise SettingsError(f"MultiST trains on the whole slice, got part_spots {part_spots}; leave it at 0")
    chosen = resolve_device(device)
    ready = _prepare(arrays, settings, image, chosen)
    return [_train_one(ready, settings, seed, chosen, progress) for seed in seeds]


def _prepare(
    arrays: SliceArrays, settings: Settings, image: np.ndarray | None, device: torch.device
) -> _Slice:
    genes = gene_data(arrays, device)
    if arrays.inferred:
        return _Slice(genes, None, None, notes=(NO_SECOND_VIEW,))
    if image is None:
        return _Slice(genes, None, None, notes=("the slice has no image; MultiST ran on its genes alone",))
    images = spot_images(image, arrays.n_spots)
    if images.flaw is not None:
        return _Slice(genes, None, None, warnings=(f"{images.flaw}; MultiST ran on the genes alone",))
    tokens = image_tokens(arrays, images, settings.fusion, device)
    present, setting = images.present, settings.fusion.image_trust

    def judge() -> float:
        """On the spots that have a tile, and the graph among them."""
        return image_trust(
            genes.x.cpu().numpy()[present], images.features, arrays.spatial[present][:, present]
        )

    trust = chosen_trust(setting, judge)
    notes = ()
    if trust == 0 and setting == "auto":
        notes = ("the image follows no structure that the genes support; it has no part in the embedding",)
    return _Slice(genes, tokens, trust, notes=notes)


def _train_one(
    ready: _Slice, settings: Settings, seed: int, device: torch.device, progress: Progress | None
) -> TrainingResult:
    started, draws = time.perf_counter(), generator(seed)
    report = None if progress is None else partial(progress, seed)
    trainer = GeneTrainer(ready.genes, settings, draws)
    untrained = trainer.embed()
    if ready.image is not None:
        untrained = _fusion(ready, settings, untrained, draws).embed().embedding
        draws = generator(seed)  # as without an image: the gene branch does not depend on it
        trainer = GeneTrainer(ready.genes, settings, draws)
    curves, fused_curves = trainer.train(report), []
    final, attention, views = trainer.embed(), torch.ones(len(untrained), 1), (GENES,)
    if ready.image is not None:
        fusion = _fusion(ready, settings, final, draws)
        fused_curves = fusion.train(report)
        fused = fusion.embed()
        final, (attention, views) = fused.embedding, _summary(fused.attention)
    result = TrainingResult(
        embedding=final.cpu().numpy(),
        untrained=untrained.cpu().numpy(),
        attention=attention.numpy(),
        losses=_curves(curves, fused_curves),
        seconds=time.perf_counter() - started,
        device=device.type,
        warnings=ready.warnings,
        notes=ready.notes,
        views=views,
        image_trust=ready.trust,
    )
    refuse_divergence(result, "MultiST", seed, settings.optimiser.lr)
    return result


def _fusion(ready: _Slice, settings: Settings, genes: Tensor, draws: torch.Generator) -> FusionTrainer:
    return FusionTrainer(settings.fusion, genes, ready.image, ready.genes.adjacency, ready.trust, draws)


def _summary(attention: Tensor) -> tuple[Tensor, tuple[str, ...]]:
    """Weight of the own tile and of all others: (N, 2), or (N, 1) where there are no others."""
    if attention.shape[1] == 1:
        return attention, (OWN,)
    return torch.stack([attention[:, 0], attention[:, 1:].sum(1)], 1), (OWN, NEIGHBOURS)


def _curves(genes: list[dict[str, float]], fusion: list[dict[str, float]]) -> dict[str, list[float]]:
    """One list per term: the gene branch's epochs, then the fusion's, each where its stage has the term."""
    losses = {name: [terms[name] for terms in genes] for name in GENE_TERMS}
    if fusion:
        losses |= {name: [terms[name] for terms in fusion] for name in FUSION_TERMS}
    losses["total"] = [terms["total"] for terms in [*genes, *fusion]]
    return losses
