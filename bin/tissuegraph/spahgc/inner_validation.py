"""What has to be chosen, chosen on references alone: each is held out in turn and inferred from the others.

Neighbours of the kNN baseline, penalty of the ridge, starting point and number of epochs are those with the
best mean PCC over all held-out references. The PCC of each gene there is its reliability. M panel genes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from tissuegraph.keys import VALIDATED_BY
from tissuegraph.spahgc.baselines import NEIGHBOURS, PENALTIES, STARTS, Tuning, knn_path
from tissuegraph.spahgc.calibration import HeldOut, agreement, calibrate
from tissuegraph.spahgc.folds import at_least_two, inner_folds, kept_apart, validated_by
from tissuegraph.spahgc.level import LevelChoice, LevelPath, choose_level
from tissuegraph.spahgc.likeness import shift, some_tiles, usual
from tissuegraph.spahgc.model import Spahgc
from tissuegraph.spahgc.panel import log_expression
from tissuegraph.spahgc.reference_set import ReferenceSet
from tissuegraph.spahgc.sampling import sampled_parts
from tissuegraph.spahgc.scores import Measured, mean_of_known
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice
from tissuegraph.spahgc.training import GraphSource, train_network
from tissuegraph.spahgc.training_set import TrainingSet

Progress = Callable[[str, int, float], None]  # what is trained, epoch, loss or validation PCC


@dataclass(frozen=True, eq=False)
class InnerValidation:
    """What holding out references in turn decided with one seed, and how well each gene did then."""

    seed: int
    tuning: Tuning
    epochs: int
    reliability: np.ndarray  # (M,) float32, NaN where unknown
    per_gene: dict[str, np.ndarray]  # (M,) float32 each, see `calibration.calibrate`
    history: dict[str, Any]  # plain numbers, lists and text: JSON holds it
    seconds: float
    level: LevelChoice | None  # None where levels are left as predicted; the same for all seeds


@dataclass(frozen=True, eq=False)
class _Fold:
    """Some references held out (U of them), without counts, and their measured expression: U times (N, M)."""

    training: TrainingSet
    held_out: list[HistologySlice]
    measured: list[np.ndarray]

    def units(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Scaled image features (N, F) of each held-out reference, and its measured expression."""
        scale = self.training.references.plain_scaling.apply
        return ((scale(unit.image), known) for unit, known in zip(self.held_out, self.measured, strict=True))


def validate_inside(
    references: Sequence[HistologySlice],
    genes: np.ndarray,
    settings: Settings,
    *,
    seeds: Sequence[int],
    device: torch.device,
    progress: Progress | None = None,
) -> list[InnerValidation]:
    """Hold out references in turn; choose what the mean PCC over all of them likes best, for every seed.

    Whole patients are held out wherever there are two or more. The panel is the one for the real targets;
    scaling, image scaling, graphs and network are made anew from the remaining references in every fold.
    """
    started = time.perf_counter()
    folds = _folds(references, genes, settings)
    tuning, start_scores = _tune(folds, settings.model.base)
    level = _level(folds, references, settings)
    tunings = [tuning]
    if settings.graph.serve == "best" and settings.graph.cs_k:
        tunings.append(replace(tuning, served=False))
    shared = {
        "start": tuning.start,
        "ridge_penalty": tuning.penalty,
        "neighbours": tuning.neighbours,
        "held_out_inside": [[unit.name for unit in fold.held_out] for fold in folds],
        VALIDATED_BY: validated_by(references),
        "usual": _usual(folds, device),
        "level": level and {"share": level.share, "error": level.error, "error_of_mean": level.error_of_mean},
    }
    looks = [_looks(folds, each, settings, seeds, device, progress) for each in tunings]
    seconds = (time.perf_counter() - started) / len(seeds)
    found = []
    for seed, curves in zip(seeds, zip(*looks, strict=True), strict=True):
        chosen = max(curves, key=lambda each: each.best_pcc)  # the first of equal ones: with references
        held_out = HeldOut(*np.moveaxis(chosen.seen[chosen.best], 1, 0))
        if level and level.share:
            held_out = replace(held_out, difference=level.difference)
        found.append(
            InnerValidation(
                seed=seed,
                tuning=chosen.tuning,
                epochs=chosen.epochs[chosen.best],
                reliability=mean_of_known(held_out.pcc, 0).astype(np.float32),
                per_gene=calibrate(held_out),
                level=level if level and level.share else None,
                history=_history(chosen, curves, start_scores) | shared,
                seconds=seconds,
            )
        )
    return found


def _history(chosen: _Looks, curves: Sequence[_Looks], start_scores: dict[str, float]) -> dict[str, Any]:
    """What one seed looked at and found, as plain numbers, lists and text."""
    return {
        "epoch": chosen.epochs,
        "validation_pcc": [float(value) for value in chosen.pcc],
        "validation_pcc_of": {"spahgc": chosen.best_pcc, **start_scores, "mean": 0.0},
        "served": chosen.tuning.served,
        "validation_pcc_served": {
            "with" if each.tuning.served else "without": each.best_pcc for each in curves
        },
    }


def _folds(references: Sequence[HistologySlice], genes: np.ndarray, settings: Settings) -> list[_Fold]:
    units, by, found = at_least_two(references), kept_apart(references), []
    for held in inner_folds(units, by, settings.validation.folds):
        training = [unit for i, unit in enumerate(units) if i not in held]
        hidden = _sampled([units[i] for i in held], settings.validation.max_spots)
        measured = [log_expression(unit, genes, settings.panel).toarray() for unit in hidden]
        blind = [unit.without_counts() for unit in hidden]
        found.append(_Fold(TrainingSet(training, genes, settings, by=by), blind, measured))
    return found


def _sampled(units: Sequence[HistologySlice], limit: int) -> list[HistologySlice]:
    """The units, or contiguous parts of them, each as a unit of its slice's name."""
    parts = sampled_parts([unit.position for unit in units], limit)
    return [
        unit if len(spots) == unit.n_spots else unit.subset(spots, unit.name)
        for unit, chosen in zip(units, parts, strict=True)
        for spots in chosen
    ]


def _usual(folds: Sequence[_Fold], device: torch.device) -> dict[str, Any]:
    """What the images of references look like to each other, see `likeness`."""
    pairs = [(fold.training.references, unit) for fold in folds for unit in fold.held_out]
    return usual(
        [unit.name for _, unit in pairs],
        [known.similarity(some_tiles(unit.image), device) for known, unit in pairs],
        [shift(unit.image, known.image_scaling) for known, unit in pairs],
    )


def _level(
    folds: Sequence[_Fold], references: Sequence[HistologySlice], settings: Settings
) -> LevelChoice | None:
    """How well levels of held-out references are told by their image; None where that is not asked."""
    features = settings.features
    if features.level == "none" or features.scale != "slice" or len(references) < 2:
        return None
    mean_off, ridge_off = [], []
    for fold in folds:
        known = fold.training.references
        path = LevelPath.of(fold.training.encoded, known.expression, known.image_scaling)
        for unit, measured in zip(fold.held_out, fold.measured, strict=True):
            mean_off.append(path.mean - measured.mean(axis=0, dtype=np.float64))
            ridge_off.append(path.off(unit.image))
    return choose_level(np.array(mean_off), np.array(ridge_off))


@dataclass(frozen=True, eq=False)
class _Looks:
    """Epochs that were looked at, and the agreement there: (looks, all held-out units, 4, M)."""

    tuning: Tuning
    epochs: list[int]
    seen: np.ndarray

    @property
    def pcc(self) -> np.ndarray:
        """(looks,) mean over genes, then units; NaN where unknown."""
        return mean_of_known(mean_of_known(self.seen[:, :, 0], 2), 1)

    @property
    def best(self) -> int:
        return int(np.argmax(np.nan_to_num(self.pcc, nan=-np.inf)))

    @property
    def best_pcc(self) -> float:
        return float(self.pcc[self.best])


def _looks(folds, tuning, settings, seeds, device, progress) -> list[_Looks]:
    """Those of every seed; the graphs of a fold are made once for all of them."""
    found = []  # per fold and seed: epochs, (looks, U, 4, M)
    for place, fold in enumerate(folds, 1):
        name = f"inner fold {place}" + ("" if tuning.served else " without references")
        known = fold.training.references
        graphs = fold.training.graphs(tuning, device)
        predictors = [known.predictor(each.position, each.image, tuning, device) for each in fold.held_out]
        against = [Measured(values) for values in fold.measured]
        curve = partial(_learning_curve, known, against, graphs, predictors, settings, device, name, progress)
        found.append([curve(seed) for seed in seeds])
    return [
        _Looks(tuning, of_seed[0][0], np.concatenate([seen for _, seen in of_seed], axis=1))
        for of_seed in zip(*found, strict=True)
    ]


def _learning_curve(
    known: ReferenceSet,
    against: Sequence[Measured],
    graphs: Sequence[GraphSource],
    predictors: Sequence[Callable[[Spahgc], np.ndarray]],
    settings: Settings,
    device: torch.device,
    name: str,
    progress: Progress | None,
    seed: int,
) -> tuple[list[int], np.ndarray]:
    """Epochs at which the network in training was looked at, and its agreement there: (looks, U, 4, M)."""
    epochs, seen = [], []

    def look(epoch: int, network: Spahgc) -> None:
        pairs = zip(against, predictors, strict=True)
        seen.append(np.stack([agreement(measured, predict(network)) for measured, predict in pairs]))
        epochs.append(epoch)
        if progress:
            progress(name, epoch, float(np.nanmean(seen[-1][:, 0])))

    train_network(
        graphs,
        settings,
        n_features=known.n_features,
        n_genes=len(known.genes),
        epochs=settings.optimiser.epochs,
        seed=seed,
        device=device,
        look=look,
        every=settings.validation.every,
    )
    return epochs, np.array(seen)


def _tune(folds: Sequence[_Fold], base: str) -> tuple[Tuning, dict[str, float]]:
    """Neighbours, penalty and starting point with the best mean PCC over the inner folds, and their PCC."""
    knn, ridge = _path_scores(folds, _knn_path), _path_scores(folds, _ridge_path)
    nearest, penalty = int(np.argmax(knn)), int(np.argmax(ridge))
    best = NEIGHBOURS[nearest], PENALTIES[penalty]
    blend = _path_scores(folds, lambda known, image: [known.base(image, Tuning(*best, "blend"))])[0]
    found = {"knn": knn[nearest], "ridge": ridge[penalty], "blend": blend}
    start = max(STARTS, key=found.__getitem__) if base == "best" else base
    return Tuning(*best, start), {name: float(value) for name, value in found.items()}


def _knn_path(known: ReferenceSet, image: np.ndarray) -> Iterable[np.ndarray]:
    return knn_path(known.plain_images, known.expression, image)


def _ridge_path(known: ReferenceSet, image: np.ndarray) -> Iterable[np.ndarray]:
    return (known.ridge_path.with_penalty(penalty).predict(image) for penalty in PENALTIES)


def _path_scores(
    folds: Sequence[_Fold], candidates: Callable[[ReferenceSet, np.ndarray], Iterable[np.ndarray]]
) -> np.ndarray:
    """Mean PCC over all held-out units of every candidate, of which one at a time is in memory."""
    found = []
    for fold in folds:
        for image, values in fold.units():
            measured = Measured(values)
            shown = candidates(fold.training.references, image)
            found.append([mean_of_known(measured.pearson(predicted), 0) for predicted in shown])
    return np.nan_to_num(mean_of_known(np.array(found), 0), nan=-1.0)
