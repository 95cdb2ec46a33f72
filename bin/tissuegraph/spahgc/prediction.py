"""Expression of one slice, inferred with several seeds, and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tissuegraph.io.intermediate import read_arrays, reading
from tissuegraph.keys import PREDICTION_SD, REFERENCE_SIMILARITY, VALIDATED_BY
from tissuegraph.spahgc.asked import AskedGenes
from tissuegraph.spahgc.gene_names import told_apart
from tissuegraph.spahgc.going_on import genes_that_go_on
from tissuegraph.spahgc.inference import Inference, baselines, infer_slice
from tissuegraph.spahgc.protocol import scored
from tissuegraph.spahgc.reference_model import ReferenceModel
from tissuegraph.spahgc.scores import mean_of_known, score
from tissuegraph.spahgc.slices import HistologySlice

METHODS = ("spahgc", "ridge", "knn", "mean")
_BY_NAME = ("baselines", "per_gene", "per_spot")  # fields that hold several arrays


@dataclass(frozen=True, eq=False)
class Prediction:
    """One slice of N kept spots, panel of M genes, averaged over seeds.

    genes: (M,) str; predicted: (N, M) float32, log-normalised as the preset's panel says
    reliability: (M,) float32, PCC of each gene when references were held out; NaN where unknown
    measured: (N, M) float32, or None where the slice was not sequenced; NaN for genes it does not measure
    gene_pcc: (M,) float32 of the average over seeds, NaN where there is nothing to compare with
    baselines: name to (N, M) float32, where the slice was sequenced
    scores: method to a list over seeds of {pcc, pcc_median, spot_pcc, rmse, ...}; empty without counts
    warnings: what deserves a look, beside what each inference says
    per_gene: (M,) float32 by name, see `calibration.calibrate`
    per_spot: (N,) float32 by name: similarity to the references; spread over seeds and members, if several
    goes_on: (M,) bool, genes that are reliable enough for domains; None: all
    """

    genes: np.ndarray
    predicted: np.ndarray
    reliability: np.ndarray
    measured: np.ndarray | None = None
    gene_pcc: np.ndarray | None = None
    baselines: dict[str, np.ndarray] = field(default_factory=dict)
    scores: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    inferences: tuple[Inference, ...] = ()
    warnings: tuple[str, ...] = ()
    per_gene: dict[str, np.ndarray] = field(default_factory=dict)
    per_spot: dict[str, np.ndarray] = field(default_factory=dict)
    goes_on: np.ndarray | None = None

    @property
    def validated_by(self) -> str | None:
        """What was left out together to learn reliability; None where unknown."""
        return self.inferences[0].history.get(VALIDATED_BY) if self.inferences else None

    @property
    def asked(self) -> AskedGenes:
        """What became of the genes asked for; the same for all seeds."""
        return self.inferences[0].asked if self.inferences else AskedGenes()

    def save(self, path: str | Path) -> None:
        """Write the arrays as one compressed npz; scores go to the record."""
        arrays = {"genes": self.genes, "predicted": self.predicted, "reliability": self.reliability}
        if self.measured is not None:
            arrays |= {"measured": self.measured, "gene_pcc": self.gene_pcc}
        if self.goes_on is not None:
            arrays["goes_on"] = self.goes_on
        for topic in _BY_NAME:
            arrays |= {f"{topic}.{name}": values for name, values in getattr(self, topic).items()}
        with open(path, "wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Prediction:
        """Read the arrays that `save` wrote; raises InputError for anything else."""
        with reading(path, "prediction"):
            found: dict = {topic: {} for topic in _BY_NAME}
            for name, values in read_arrays(path, "prediction").items():
                topic, _, own = name.partition(".")
                if own:
                    found[topic][own] = values
                else:
                    found[name] = values
            return cls(**found)


def predict(target: HistologySlice, model: ReferenceModel, *, device: str = "auto") -> Prediction:
    """Infer one slice with every seed of the model, and average.

    A slice with counts is held out: its counts are read after all predictions are made, to compare. One
    that measures no gene of the panel is predicted like one without counts, with a warning.
    """
    blind = target.without_counts()
    found = infer_slice(model, blind, device=device)
    genes = model.genes
    inferred = _averaged(genes, found, model.settings.panel.min_reliability)
    if target.counts is None:
        return inferred
    shared = np.isin(genes, target.genes)
    if not shared.any():
        warning = (
            f"not compared with its own counts: it measures none of the {len(genes)} genes of the panel, "
            f"{told_apart(target.genes, genes)}; name its genes as its references do"
        )
        return replace(inferred, warnings=(*inferred.warnings, warning))
    folds = [
        scored(target, target.name, run.seed, inference, controls, model.settings)
        for run, inference, controls in zip(model.runs, found, baselines(model, blind), strict=True)
    ]
    gene_pcc = np.full(len(genes), np.nan, dtype=np.float32)
    gene_pcc[shared] = score(folds[0].measured, inferred.predicted[:, shared]).gene_pcc
    partly = (
        f"compared with its own counts on {shared.sum()} of the {len(genes)} genes of the panel only: it "
        "measures no others"
    )
    return replace(
        inferred,
        warnings=(*inferred.warnings, *([partly] if 2 * shared.sum() < len(genes) else [])),
        measured=_over_panel(folds[0].measured, shared),
        gene_pcc=gene_pcc,
        baselines={name: _over_panel(values, shared) for name, values in folds[0].baselines.items()},
        scores={name: [fold.scores[name].summary() for fold in folds] for name in folds[0].scores},
    )


def _averaged(genes: np.ndarray, found: Sequence[Inference], least: float | None) -> Prediction:
    """Mean over seeds, of what is predicted and of what is known of each gene. least: see `going_on`."""
    predicted = found[0].predicted / len(found)
    for each in found[1:]:  # one at a time: together they would be the largest array of the run
        predicted += each.predicted / len(found)
    reliability = _known_mean([each.reliability for each in found])
    goes_on, warning = genes_that_go_on(reliability, least)
    per_spot = {REFERENCE_SIMILARITY: found[0].similarity}
    n_networks = sum(each.n_members for each in found)
    if n_networks > 1:
        squares = np.zeros(len(predicted))
        for each in found:
            between = np.square(each.predicted - predicted).mean(axis=1, dtype=np.float64)
            squares += each.n_members * (each.variance + between)
        per_spot[PREDICTION_SD] = np.sqrt(squares / (n_networks - 1)).astype(np.float32)
    return Prediction(
        genes=genes,
        predicted=predicted.astype(np.float32, copy=False),
        reliability=reliability,
        inferences=tuple(found),
        warnings=(warning,) if warning else (),
        per_gene={name: _known_mean([each.per_gene[name] for each in found]) for name in found[0].per_gene},
        per_spot=per_spot,
        goes_on=goes_on,
    )


def _known_mean(values: Sequence[np.ndarray]) -> np.ndarray:
    """Mean (M,) float32 over the seeds that know it."""
    return mean_of_known(np.array(values, dtype=np.float64)).astype(np.float32)


def _over_panel(values: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Columns of the genes that the slice measures among all M of the panel, NaN for the others."""
    full = np.full((len(values), len(shared)), np.nan, dtype=np.float32)
    full[:, shared] = values
    return full
