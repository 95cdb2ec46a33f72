"""Expression of one target from what its references taught. A target's counts are never read here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.nn.device import resolve_device
from tissuegraph.spahgc.asked import AskedGenes
from tissuegraph.spahgc.reference_model import ReferenceModel
from tissuegraph.spahgc.slices import HistologySlice


@dataclass(frozen=True, eq=False)
class Inference:
    """Predicted expression of one target of N spots, M panel genes, with one seed."""

    name: str
    genes: np.ndarray  # (M,) str
    predicted: np.ndarray  # (N, M) float32, log-normalised as `settings.panel` says
    reliability: np.ndarray  # (M,) float32, PCC of each gene on inner folds of the references; NaN: unknown
    epochs_chosen: int  # by inner validation
    history: dict[str, Any]  # plain numbers, lists and text: JSON holds it
    seconds: float
    warnings: tuple[str, ...] = field(default=())
    asked: AskedGenes = field(default_factory=AskedGenes)  # what became of the genes asked for


def infer_slice(model: ReferenceModel, target: HistologySlice, *, device: str = "auto") -> list[Inference]:
    """One inference per seed of the model. Raises InputError for a target that it cannot serve."""
    model.check_target(target)
    where = resolve_device(device)
    found = []
    predictors = {}  # graphs depend on how a run was tuned, not on its seed
    for run in model.runs:
        started = time.perf_counter()
        if run.tuning not in predictors:
            arrays = target.position, target.image
            predictors[run.tuning] = model.references.predictor(*arrays, run.tuning, where)
        total = np.zeros((target.n_spots, len(model.genes)))
        for network in run.networks:
            predicted = predictors[run.tuning](network.to(where))
            if not np.isfinite(predicted).all():
                raise InputError(
                    f"the prediction with seed {run.seed} is not finite; the image features of "
                    f"{target.name} may be unlike those of {', '.join(model.names)}, or SpaHGC diverged: "
                    f"lower optimiser.lr (now {model.settings.optimiser.lr:g})"
                )
            total += predicted
        found.append(
            Inference(
                name=target.name,
                genes=model.genes,
                predicted=(total / len(run.networks)).astype(np.float32),
                reliability=run.reliability,
                epochs_chosen=run.epochs,
                history=run.history,
                seconds=time.perf_counter() - started,
                warnings=(*run.warnings, *model.asked.warnings),
                asked=model.asked,
            )
        )
    return found


def baselines(model: ReferenceModel, target: HistologySlice) -> list[dict[str, np.ndarray]]:
    """mean, knn and ridge of a target for every run of the model, (N, M) log-normalised."""
    plain = model.references.plain_scaling.apply(target.image)
    known: dict = {}
    for run in model.runs:
        if run.tuning not in known:
            known[run.tuning] = model.references.baselines(plain, run.tuning)
    return [known[run.tuning] for run in model.runs]
