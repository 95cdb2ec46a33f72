"""What training leaves behind, whatever the method: embeddings, curves, attention of each seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


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
    image_trust: float | None = None  # share that the image deserves, 0: not used; None: no image


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
