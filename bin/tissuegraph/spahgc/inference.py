"""Expression of one target from what its references taught. A target's counts are never read here."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.nn.device import resolve_device
from tissuegraph.spahgc.asked import AskedGenes
from tissuegraph.spahgc.likeness import is_far, shift, unlike
from tissuegraph.spahgc.reference_model import ReferenceModel
from tissuegraph.spahgc.slices import HistologySlice


@dataclass(frozen=True, eq=False)
class Inference:
    """Predicted expression of one target of N spots, M panel genes, with one seed."""

    name: str
    genes: np.ndarray  # (M,) str
    predicted: np.ndarray  # (N, M) float32, log-normalised as `settings.panel` says
    reliability: np.ndarray  # (M,) float32, PCC of each gene on inner folds of the references; NaN: unknown
    similarity: np.ndarray  # (N,) float32, mean cosine of each tile to its references
    variance: np.ndarray  # (N,) float64, of the members' predictions about their mean, mean over genes
    epochs_chosen: int  # by inner validation
    history: dict[str, Any]  # plain numbers, lists and text: JSON holds it
    seconds: float
    warnings: tuple[str, ...] = field(default=())
    asked: AskedGenes = field(default_factory=AskedGenes)  # what became of the genes asked for
    per_gene: dict[str, np.ndarray] = field(default_factory=dict)  # (M,) float32, see `calibration`
    n_members: int = 1
    level_told: bool = False  # whether the image says how much of each gene the slide has as a whole


def infer_slice(model: ReferenceModel, target: HistologySlice, *, device: str = "auto") -> list[Inference]:
    """One inference per seed of the model. Raises InputError for a target that it cannot serve."""
    model.check_target(target)
    where = resolve_device(device)
    found = []
    predictors = {}  # graphs depend on how a run was tuned, not on its seed
    similarity = model.references.similarity(target.image, where)
    moved = shift(target.image, model.references.image_scaling)
    usual = model.runs[0].history.get("usual", {})  # the same for all seeds
    strange = unlike(target.name, similarity, moved, usual)
    level = None
    if model.level and not is_far(moved, usual):
        level = model.level.of(target.image, model.references.image_scaling)
    for run in model.runs:
        started = time.perf_counter()
        if run.tuning not in predictors:
            arrays = target.position, target.image
            predictors[run.tuning] = model.references.predictor(*arrays, run.tuning, where)
        each_member = (predictors[run.tuning](network.to(where)) for network in run.networks)
        predicted, variance = _averaged(each_member, target, run.seed, model)
        if level is not None:
            predicted += level - predicted.mean(axis=0)
        found.append(
            Inference(
                name=target.name,
                genes=model.genes,
                predicted=predicted,
                reliability=run.reliability,
                similarity=similarity,
                variance=variance,
                epochs_chosen=run.epochs,
                history=run.history,
                seconds=time.perf_counter() - started,
                warnings=(*run.warnings, *model.asked.warnings, *strange),
                asked=model.asked,
                per_gene=run.per_gene,
                n_members=len(run.networks),
                level_told=level is not None,
            )
        )
    return found


def _averaged(
    members: Iterable[np.ndarray], target: HistologySlice, seed: int, model: ReferenceModel
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (N, M) float32 of the members' predictions, and (N,) their variance, mean over genes.

    One member at a time: together they would be the largest array of the run. Raises InputError.
    """
    mean = np.zeros((target.n_spots, len(model.genes)))
    squares = np.zeros(target.n_spots)
    count = 0
    for predicted in members:
        if not np.isfinite(predicted).all():
            raise InputError(
                f"the prediction with seed {seed} is not finite; the image features of {target.name} may be "
                f"unlike those of {', '.join(model.names)}, or SpaHGC diverged: lower optimiser.lr "
                f"(now {model.settings.optimiser.lr:g})"
            )
        count += 1
        before = predicted - mean
        mean += before / count
        squares += (before * (predicted - mean)).mean(axis=1)
    return mean.astype(np.float32), squares / count


def baselines(model: ReferenceModel, target: HistologySlice) -> list[dict[str, np.ndarray]]:
    """mean, knn and ridge of a target for every run of the model, (N, M) log-normalised."""
    plain = model.references.plain_scaling.apply(target.image)
    known: dict = {}
    for run in model.runs:
        if run.tuning not in known:
            known[run.tuning] = model.references.baselines(plain, run.tuning)
    return [known[run.tuning] for run in model.runs]
