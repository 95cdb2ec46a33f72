"""Inference for slices without expression, and its honest evaluation on slices with it.

No function here reads a target's counts before its prediction is finished: `run_fold` hands the held-out
slices to `infer` without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tissuegraph.spahgc.scores import Scores
from tissuegraph.spahgc.slices import HistologySlice

Progress = Callable[[str, int, float], None]  # what is trained, epoch, loss


@dataclass(frozen=True, eq=False)
class Inference:
    """Predicted expression of one target of N spots, M panel genes."""

    name: str
    genes: np.ndarray  # (M,) str
    predicted: np.ndarray  # (N, M) float32, log-normalised as `settings.panel` says
    reliability: np.ndarray  # (M,) float32, PCC of each gene on inner folds of the references; NaN: unknown
    epochs_chosen: int  # by inner validation
    history: dict[str, Any]  # plain numbers, lists and text: JSON holds it
    seconds: float
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One held-out slice in one fold and with one seed."""

    name: str  # the held-out slice
    fold: str  # what was held out together: a slice or a patient
    seed: int
    genes: np.ndarray  # (M,)
    measured: np.ndarray  # (N, M) float32, log-normalised
    predicted: np.ndarray  # (N, M) float32, SpaHGC
    baselines: dict[str, np.ndarray]  # mean, knn, ridge: (N, M) float32
    scores: dict[str, Scores]  # spahgc, mean, knn, ridge
    inference: Inference


def infer(
    references: Sequence[HistologySlice],
    targets: Sequence[HistologySlice],
    settings: Any,
    *,
    seed: int,
    device: str = "auto",
    by: str = "slice",
    progress: Progress | None = None,
) -> list[Inference]:
    """Predict the expression of every target from the references."""
    raise NotImplementedError


def run_fold(
    slices: Sequence[HistologySlice],
    held_out: Sequence[str],
    settings: Any,
    *,
    seed: int,
    device: str = "auto",
    by: str = "slice",
    progress: Progress | None = None,
) -> list[FoldResult]:
    """Hold out the named slices, infer them from the others of their group, and score: one per slice."""
    raise NotImplementedError


def folds(slices: Sequence[HistologySlice], by: str = "slice") -> list[tuple[str, tuple[str, ...]]]:
    """(name of the fold, names of the slices it holds out), for leave-one-slice- or -patient-out."""
    raise NotImplementedError


def evaluate(
    slices: Sequence[HistologySlice],
    settings: Any,
    *,
    by: str = "slice",
    seeds: Sequence[int],
    device: str = "auto",
    only: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> list[FoldResult]:
    """Every fold with every seed; `only` names the folds to run."""
    raise NotImplementedError
