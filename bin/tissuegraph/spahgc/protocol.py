"""Inference for slices without expression, and its honest evaluation on slices with it.

No function here reads a target's counts before its prediction is finished: `run_fold` hands the held-out
slices to `infer` without them. What has to be chosen (epochs, ridge penalty, neighbours) is chosen by
inner validation: references are held out in turn and inferred from the other references.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.nn.device import resolve_device
from tissuegraph.spahgc.baselines import NEIGHBOURS, PENALTIES, STARTS
from tissuegraph.spahgc.folds import at_least_two, folds, inner_folds, references_of
from tissuegraph.spahgc.panel import choose_panel, log_expression
from tissuegraph.spahgc.problem import Problem, Tuning
from tissuegraph.spahgc.scores import Scores, pearson, score
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice, check_cohort
from tissuegraph.spahgc.training import train_network

Progress = Callable[[str, int, float], None]  # what is trained, epoch, loss or validation PCC
_MEMBER_SEEDS = 1_000_003  # keeps the members of one seed apart from those of the next

__all__ = ["FoldResult", "Inference", "evaluate", "folds", "infer", "run_fold"]


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
    genes: np.ndarray  # (M,) panel genes that the held-out slice measures
    measured: np.ndarray  # (N, M) float32, log-normalised
    predicted: np.ndarray  # (N, M) float32, SpaHGC
    baselines: dict[str, np.ndarray]  # mean, knn, ridge: (N, M) float32
    scores: dict[str, Scores]  # spahgc, mean, knn, ridge
    inference: Inference


@dataclass(frozen=True, eq=False)
class InnerValidation:
    """What holding out references in turn decided, and how well each gene did at the chosen epoch."""

    tuning: Tuning
    epochs: int
    reliability: np.ndarray  # (M,)
    history: dict[str, Any]


def infer(
    references: Sequence[HistologySlice],
    targets: Sequence[HistologySlice],
    settings: Settings,
    *,
    seed: int,
    device: str = "auto",
    by: str = "slice",
    progress: Progress | None = None,
) -> list[Inference]:
    """Predict the expression of every target from the references.

    Targets' counts, where they have any, are not read. by: "patient" keeps the slices of one patient apart
    in inner validation and among a training slice's references. A single reference is cut into halves.
    Raises InputError for slices that cannot serve each other.
    """
    return [result for result, _ in _infer(references, targets, settings, seed, device, by, progress)]


def run_fold(
    slices: Sequence[HistologySlice],
    held_out: Sequence[str],
    settings: Settings,
    *,
    seed: int,
    device: str = "auto",
    by: str = "slice",
    progress: Progress | None = None,
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
        found = _infer(references, hidden, settings, seed, device, by, progress)
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
) -> list[FoldResult]:
    """Every fold with every seed; `only` names the folds to run (see `folds`)."""
    chosen = [(name, held) for name, held in folds(slices, by) if only is None or name in only]
    return [
        result
        for _, held in chosen
        for seed in seeds
        for result in run_fold(slices, held, settings, seed=seed, device=device, by=by, progress=progress)
    ]


def _infer(references, targets, settings, seed, device, by, progress):
    """Inference and baseline predictions of each target."""
    started = time.perf_counter()
    references, targets = list(references), [target.without_counts() for target in targets]
    check_cohort(references, targets)
    where = resolve_device(device)
    genes = choose_panel(references, settings.panel)
    inner = validate_inside(references, genes, settings, seed=seed, device=where, by=by, progress=progress)
    problem = Problem(references, targets, genes, settings, by=by, device=where)
    predict_all = problem.target_predictor(inner.tuning)
    graphs = problem.training_graphs(inner.tuning)
    total = [np.zeros((target.n_spots, len(genes))) for target in targets]
    losses = None
    for member in range(settings.optimiser.members):
        trained = train_network(
            graphs,
            settings,
            n_features=problem.n_features,
            n_genes=len(genes),
            epochs=inner.epochs,
            seed=seed + member * _MEMBER_SEEDS,
            device=where,
        )
        losses = losses or trained.losses
        if progress and inner.epochs:
            progress(f"member {member + 1}", inner.epochs, trained.losses["total"][-1])
        for sum_so_far, predicted in zip(total, predict_all(trained.network), strict=True):
            sum_so_far += predicted
    baselines = problem.baselines(inner.tuning)
    history = inner.history | {"losses": losses, "references": [each.name for each in references]}
    seconds = time.perf_counter() - started
    notes = _warnings(references, inner)
    return [
        (
            Inference(
                name=target.name,
                genes=genes,
                predicted=(summed / settings.optimiser.members).astype(np.float32),
                reliability=inner.reliability,
                epochs_chosen=inner.epochs,
                history=history,
                seconds=seconds,
                warnings=notes,
            ),
            baseline,
        )
        for target, summed, baseline in zip(targets, total, baselines, strict=True)
    ]


def validate_inside(
    references: Sequence[HistologySlice],
    genes: np.ndarray,
    settings: Settings,
    *,
    seed: int,
    device,
    by: str,
    progress: Progress | None = None,
) -> InnerValidation:
    """Hold out references in turn; choose what the mean PCC over all of them likes best.

    The panel is the one for the real targets; scaling, image scaling, graphs and network are made anew
    from the remaining references in every fold.
    """
    units = at_least_two(references)
    problems, truths = [], []
    for held in inner_folds(units, by, settings.validation.folds):
        training = [unit for i, unit in enumerate(units) if i not in held]
        hidden = [units[i] for i in held]
        problems.append(Problem(training, hidden, genes, settings, by=by, device=device))
        truths.append([log_expression(unit, genes, settings.panel).toarray() for unit in hidden])
    tuning, start_scores = _tune(problems, truths, settings.model.base)

    curves = []  # per fold: (looks, held-out units, M)
    looks: list[int] = []
    for place, (problem, truth) in enumerate(zip(problems, truths, strict=True)):
        predict_all, seen = problem.target_predictor(tuning), []
        looks = []

        def look(epoch, network, predict_all=predict_all, truth=truth, seen=seen, looks=looks, place=place):
            pairs = zip(truth, predict_all(network), strict=True)
            seen.append([pearson(measured, predicted)[0] for measured, predicted in pairs])
            looks.append(epoch)
            if progress:
                progress(f"inner fold {place + 1}", epoch, float(np.nanmean(seen[-1])))

        train_network(
            problem.training_graphs(tuning),
            settings,
            n_features=problem.n_features,
            n_genes=len(genes),
            epochs=settings.optimiser.epochs,
            seed=seed,
            device=device,
            look=look,
            every=settings.validation.every,
        )
        curves.append(np.array(seen))
    per_gene = np.concatenate(curves, axis=1)  # (looks, units, M)
    curve = _mean_over(_mean_over(per_gene, 2), 1)
    best = int(np.argmax(np.nan_to_num(curve, nan=-np.inf)))
    history = {
        "epoch": list(looks),
        "validation_pcc": [float(value) for value in curve],
        "validation_pcc_of": {
            "spahgc": float(curve[best]),
            **start_scores,
            "mean": 0.0,
        },
        "start": tuning.start,
        "ridge_penalty": tuning.penalty,
        "neighbours": tuning.neighbours,
        "held_out_inside": [[unit.name for unit in problem.targets] for problem in problems],
    }
    reliability = _mean_over(per_gene[best], 0).astype(np.float32)
    return InnerValidation(tuning, looks[best], reliability, history)


def _tune(problems, truths, base: str) -> tuple[Tuning, dict[str, float]]:
    """Neighbours, penalty and starting point with the best mean PCC over the inner folds, and their PCC."""
    knn_paths, ridge_paths = (
        [getattr(each, path)() for each in problems] for path in ("knn_path", "ridge_path")
    )
    knn, ridge = _path_scores(truths, knn_paths), _path_scores(truths, ridge_paths)
    nearest, penalty = int(np.argmax(knn)), int(np.argmax(ridge))
    blends = [
        [[(by_knn[nearest] + by_ridge[penalty]) / 2] for by_knn, by_ridge in zip(*both, strict=True)]
        for both in zip(knn_paths, ridge_paths, strict=True)
    ]
    found = {"knn": knn[nearest], "ridge": ridge[penalty], "blend": _path_scores(truths, blends)[0]}
    start = max(STARTS, key=found.__getitem__) if base == "best" else base
    scores = {name: float(value) for name, value in found.items()}
    return Tuning(NEIGHBOURS[nearest], PENALTIES[penalty], start), scores


def _path_scores(truths, paths) -> np.ndarray:
    """Mean PCC over all held-out units of every candidate."""
    found = [
        [_mean_over(pearson(measured, predicted)[0], 0) for predicted in candidates]
        for truth, path in zip(truths, paths, strict=True)
        for measured, candidates in zip(truth, path, strict=True)
    ]
    return np.nan_to_num(_mean_over(np.array(found), 0), nan=-1.0)


def _mean_over(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of the defined values; NaN where none is."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=axis)
    total = np.where(defined, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _scored(piece, fold, seed, inference, baselines, settings) -> FoldResult:
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
