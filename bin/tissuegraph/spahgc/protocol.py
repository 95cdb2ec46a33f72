"""Inference for slices without expression, and its honest evaluation on slices with it.

No function here reads a target's counts before its prediction is finished: `run_fold` hands the held-out
slices to `infer` without them. What has to be chosen (epochs, ridge penalty, neighbours) is chosen by
inner validation (`inner_validation`): references are held out in turn and inferred from the others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.nn.device import resolve_device
from tissuegraph.spahgc.asked import AskedGenes, find_genes
from tissuegraph.spahgc.folds import folds, references_of
from tissuegraph.spahgc.inner_validation import InnerValidation, Progress, validate_inside
from tissuegraph.spahgc.panel import choose_panel, log_expression
from tissuegraph.spahgc.problem import Problem
from tissuegraph.spahgc.scores import Scores, score
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice, check_cohort
from tissuegraph.spahgc.training import train_network

_MEMBER_SEEDS = 1_000_003  # keeps the members of one seed apart from those of the next

__all__ = ["FoldResult", "Inference", "Progress", "evaluate", "folds", "infer", "run_fold"]


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
    asked: AskedGenes = field(default_factory=AskedGenes)  # what became of the genes asked for


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
    by: str = "slice",
    progress: Progress | None = None,
    asked: Sequence[str] = (),
) -> list[Inference]:
    """Predict the expression of every target from the references.

    Targets' counts, where they have any, are not read. by: "patient" keeps the slices of one patient apart
    in inner validation and among a training slice's references. A single reference is cut into halves.
    asked: symbols or identifiers of genes that are inferred in any case, where all references measure them.
    Raises InputError for slices that cannot serve each other.
    """
    return [result for result, _ in _infer(references, targets, settings, seed, device, by, progress, asked)]


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
        hidden = [piece.without_counts() for piece in members]
        found = _infer(references, hidden, settings, seed, device, by, progress, asked)
        fold = members[0].owner if by == "patient" else "+".join(names)
        results += [
            _scored(piece, fold, seed, inference, baselines, settings)
            for piece, (inference, baselines) in zip(members, found, strict=True)
        ]
    return results


def evaluate(
    slices: Sequence[HistologySlice],
    settings: Settings,
    *,
    by: str = "slice",
    seeds: Sequence[int],
    device: str = "auto",
    only: Sequence[str] | None = None,
    progress: Progress | None = None,
    asked: Sequence[str] = (),
) -> list[FoldResult]:
    """Every fold with every seed; `only` names the folds to run (see `folds`)."""
    chosen = [(name, held) for name, held in folds(slices, by) if only is None or name in only]
    return [
        result
        for _, held in chosen
        for seed in seeds
        for result in run_fold(
            slices, held, settings, seed=seed, device=device, by=by, progress=progress, asked=asked
        )
    ]


def _infer(
    references: Sequence[HistologySlice],
    targets: Sequence[HistologySlice],
    settings: Settings,
    seed: int,
    device: str,
    by: str,
    progress: Progress | None,
    asked: Sequence[str],
) -> list[tuple[Inference, dict[str, np.ndarray]]]:
    """Inference of each target, and the baselines' predictions (N, M) by name."""
    started = time.perf_counter()
    references, targets = list(references), [target.without_counts() for target in targets]
    check_cohort(references, targets)
    where = resolve_device(device)
    wanted = find_genes(asked, [each.gene_names for each in references])
    genes = choose_panel(references, settings.panel, wanted.genes)
    inner = validate_inside(references, genes, settings, seed=seed, device=where, by=by, progress=progress)
    problem = Problem(references, targets, genes, settings, by=by, device=where)
    predicted, losses = _mean_of_members(problem, inner, seed, progress)
    shared = {
        "genes": genes,
        "reliability": inner.reliability,
        "epochs_chosen": inner.epochs,
        "history": inner.history | {"losses": losses, "references": [each.name for each in references]},
        "warnings": (*_warnings(references, inner), *wanted.warnings),
        "asked": wanted,
    }
    baselines = problem.baselines(inner.tuning)
    seconds = time.perf_counter() - started
    return [
        (Inference(name=target.name, predicted=values, seconds=seconds, **shared), baseline)
        for target, values, baseline in zip(targets, predicted, baselines, strict=True)
    ]


def _mean_of_members(
    problem: Problem, inner: InnerValidation, seed: int, progress: Progress | None
) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Train every member for the epochs chosen inside; mean prediction (N, M) per target, first losses.

    Raises InputError where a member diverges.
    """
    settings = problem.settings
    graphs, predict_all = problem.training_graphs(inner.tuning), problem.target_predictor(inner.tuning)
    total = [np.zeros((target.n_spots, len(problem.genes))) for target in problem.targets]
    losses = None
    for member in range(settings.optimiser.members):
        trained = train_network(
            graphs,
            settings,
            n_features=problem.n_features,
            n_genes=len(problem.genes),
            epochs=inner.epochs,
            seed=seed + member * _MEMBER_SEEDS,
            device=problem.device,
        )
        losses = losses or trained.losses
        if progress and inner.epochs:
            progress(f"member {member + 1}", inner.epochs, trained.losses["total"][-1])
        for sum_so_far, predicted in zip(total, predict_all(trained.network), strict=True):
            if not np.isfinite(predicted).all():
                raise InputError(
                    f"SpaHGC diverged with seed {seed}: its prediction after {inner.epochs} epochs is not "
                    f"finite; lower optimiser.lr (now {settings.optimiser.lr:g})"
                )
            sum_so_far += predicted
    return [(summed / settings.optimiser.members).astype(np.float32) for summed in total], losses


def _scored(
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


def _warnings(references: Sequence[HistologySlice], inner: InnerValidation) -> tuple[str, ...]:
    notes = []
    if len(references) == 1:
        notes.append(
            f"one reference slice only ({references[0].name}): it was cut into halves for training and inner "
            "validation, and the reliability of genes is optimistic for other slices"
        )
    if inner.epochs == 0:
        notes.append("inner validation found no gain from training; predictions are the starting point's")
    unknown = int(np.isnan(inner.reliability).sum())
    if unknown:
        notes.append(f"{unknown} of {len(inner.reliability)} genes have no reliability: constant inside")
    return tuple(notes)
