"""What training leaves behind, whatever the method: embeddings, curves, attention of each seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """One seed's outcome. N spots, D latent dimensions, V views."""

    embedding: np.ndarray  # (N, D) float32, after the last epoch
    untrained: np.ndarray  # (N, D) float32, the same network before the first step
    attention: np.ndarray  # (N, V) float32, weight of each view in the last fusion, mean over channels
    losses: dict[str, list[float]]  # one value per epoch and term; unweighted, `total` weighted
    seconds: float
    device: str
    views: tuple[str, ...]  # V names
    warnings: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())  # worth knowing, no reason to look at the slice
    image_trust: float | None = None  # share that the image deserves, 0: not used; None: no image


def refuse_divergence(result: TrainingResult, title: str, seed: int, lr: float) -> None:
    """Raise InputError where a loss or the embedding of a seed is not finite: nothing can be read from it.

    title: of the method; lr: its learning rate, which the message advises to lower.
    """
    total = np.asarray(result.losses["total"])
    if np.isfinite(result.embedding).all() and np.isfinite(total).all():
        return
    wrong = np.flatnonzero(~np.isfinite(total))
    what = "its embedding is not finite"
    if len(wrong):
        what = f"its loss is {total[wrong[0]]} in epoch {wrong[0] + 1} of {len(total)}"
    raise InputError(
        f"{title} diverged with seed {seed}: {what}; lower optimiser.lr (now {lr:g}) or look for "
        "spots of extreme depth"
    )


def save_embeddings(path: str | Path, seeds: Sequence[int], results: Sequence[TrainingResult]) -> None:
    """npz with embeddings (S, N, D), untrained (S, N, D) and attention (S, N, V), all float32; seeds (S,)."""
    with open(path, "wb") as file:
        np.savez(
            file,
            embeddings=np.stack([result.embedding for result in results]),
            untrained=np.stack([result.untrained for result in results]),
            attention=np.stack([result.attention for result in results]),
            seeds=np.asarray(list(seeds)),
        )
