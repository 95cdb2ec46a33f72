"""Honest evaluation on slices with counts: held out, inferred from the others as if never sequenced, scored.

No function here reads a held-out slice's counts before its prediction is finished. What has to be chosen
(epochs, ridge penalty, neighbours) is chosen by inner validation (`inner_validation`): references are held
out in turn and inferred from the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.spahgc.folds import folds, references_of
from tissuegraph.spahgc.inference import Inference, baselines, infer_slice
from tissuegraph.spahgc.inner_validation import Progress
from tissuegraph.spahgc.learning import learn
from tissuegraph.spahgc.panel import log_expression
from tissuegraph.spahgc.scores import Scores, score
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One held-out slice in one fold and with one seed."""

    name: str  # the held-out slice
    fold: str  # what was held out together: a slice or a patient
    seed: int
    genes: np.ndarray  # (M,) panel genes that the held-out slice measures
    measured: np.ndarray  # (N, M) float32, log-normalised
    predicted: np.ndarray  # (N, M) float32, SpaHGC
    baselines: dict[str, np.ndarray]  # mean, knn, ridge: (N, M) float32
    scores: dict[str, Scores]  # spahgc, mean, knn, ridge
    inference: Inference


def infer(
    references: Sequence[HistologySlice],
    targets: Sequence[HistologySlice],
    settings: Settings,
    *,
    seed: int,
    device: str = "auto",
    **how,
) -> list[Inference]:
    """Learn from the references with one seed, and predict every target; how: see `learning.learn`."""
    model = learn(references, settings, seeds=[seed], device=device, **how)
    return [infer_slice(model, target, device=device)[0] for target in targets]


def run_fold(
    slices: Sequence[HistologySlice],
    held_out: Sequence[str],
    settings: Settings,
    *,
    seed: int,
    device: str = "auto",
    by: str = "slice",
    progress: Progress | None = None,
    asked: Sequence[str] = (),
) -> list[FoldResult]:
    """Hold out the named slices, infer them from the others of their group, and score: one per slice.

    by: "patient" also keeps the other slices of the held-out patients out of the references. Raises
    InputError for unknown names, slices without counts, and folds without references.
    """
    held = [piece for piece in slices if piece.name in held_out]
    if len(held) != len(set(held_out)) or any(piece.counts is None for piece in held):
        known = ", ".join(piece.name for piece in slices if piece.counts is not None)
        raise InputError(f"only slices with counts can be held out ({known}), got {', '.join(held_out)}")
    results = []
    for group in dict.fromkeys(piece.group for piece in held):
        members = [piece for piece in held if piece.group == group]
        names = [piece.name for piece in members]
        references = references_of([piece for piece in slices if piece.group == group], names, by)
        model = learn(
            references, settings, seeds=[seed], device=device, by=by, progress=progress, asked=asked
        )
        fold = members[0].owner if by == "patient" else "+".join(names)
        for piece in members:
            blind = piece.without_counts()
            (inference,), (controls,) = infer_slice(model, blind, device=device), baselines(model, blind)
            results.append(scored(piece, fold, seed, inference, controls, settings))
    return results


def evaluate(
    slices: Sequence[HistologySlice],
    settings: Settings,
    *,
    by: str = "slice",
    seeds: Sequence[int],
    only: Sequence[str] | None = None,
    **how,
) -> list[FoldResult]:
    """Every fold with every seed; `only` names the folds to run (see `folds`). how: see `run_fold`."""
    chosen = [(name, held) for name, held in folds(slices, by) if only is None or name in only]
    return [
        result
        for _, held in chosen
        for seed in seeds
        for result in run_fold(slices, held, settings, seed=seed, by=by, **how)
    ]


def scored(
    piece: HistologySlice,
    fold: str,
    seed: int,
    inference: Inference,
    baselines: dict[str, np.ndarray],
    settings: Settings,
) -> FoldResult:
    """The first look at the held-out counts."""
    known = np.isin(inference.genes, piece.genes)
    genes = inference.genes[known]
    measured = log_expression(piece, genes, settings.panel).toarray()
    predicted = inference.predicted[:, known]
    baselines = {name: values[:, known] for name, values in baselines.items()}
    scores = {name: score(measured, values) for name, values in {"spahgc": predicted, **baselines}.items()}
    return FoldResult(piece.name, fold, seed, genes, measured, predicted, baselines, scores, inference)
