"""Expression of one slice, inferred with several seeds, and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tissuegraph.io.intermediate import read_arrays, reading
from tissuegraph.spahgc.asked import AskedGenes
from tissuegraph.spahgc.gene_names import told_apart
from tissuegraph.spahgc.inference import Inference, baselines, infer_slice
from tissuegraph.spahgc.protocol import scored
from tissuegraph.spahgc.reference_model import ReferenceModel
from tissuegraph.spahgc.scores import score
from tissuegraph.spahgc.slices import HistologySlice

METHODS = ("spahgc", "ridge", "knn", "mean")


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

    @property
    def asked(self) -> AskedGenes:
        """What became of the genes asked for; the same for all seeds."""
        return self.inferences[0].asked if self.inferences else AskedGenes()

    def save(self, path: str | Path) -> None:
        """Write the arrays as one compressed npz; scores go to the record."""
        arrays = {"genes": self.genes, "predicted": self.predicted, "reliability": self.reliability}
        if self.measured is not None:
            arrays |= {"measured": self.measured, "gene_pcc": self.gene_pcc}
            arrays |= {f"baseline.{name}": values for name, values in self.baselines.items()}
        with open(path, "wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Prediction:
        """Read the arrays that `save` wrote; raises InputError for anything else."""
        with reading(path, "prediction"):
            found = read_arrays(path, "prediction")
            prefix = "baseline."
            baselines = {k.removeprefix(prefix): found.pop(k) for k in list(found) if k.startswith(prefix)}
            return cls(**found, baselines=baselines)


def predict(target: HistologySlice, model: ReferenceModel, *, device: str = "auto") -> Prediction:
    """Infer one slice with every seed of the model, and average.

    A slice with counts is held out: its counts are read after all predictions are made, to compare. One
    that measures no gene of the panel is predicted like one without counts, with a warning.
    """
    blind = target.without_counts()
    found = infer_slice(model, blind, device=device)
    genes = model.genes
    predicted, reliability = _averages(found)
    if target.counts is None:
        return Prediction(genes, predicted, reliability, inferences=tuple(found))
    shared = np.isin(genes, target.genes)
    if not shared.any():
        warning = (
            f"not compared with its own counts: it measures none of the {len(genes)} genes of the panel, "
            f"{told_apart(target.genes, genes)}; name its genes as its references do"
        )
        return Prediction(genes, predicted, reliability, inferences=tuple(found), warnings=(warning,))
    folds = [
        scored(target, target.name, run.seed, inference, controls, model.settings)
        for run, inference, controls in zip(model.runs, found, baselines(model, blind), strict=True)
    ]
    gene_pcc = np.full(len(genes), np.nan, dtype=np.float32)
    gene_pcc[shared] = score(folds[0].measured, predicted[:, shared]).gene_pcc
    return Prediction(
        genes=genes,
        predicted=predicted,
        reliability=reliability,
        measured=_over_panel(folds[0].measured, shared),
        gene_pcc=gene_pcc,
        baselines={name: _over_panel(values, shared) for name, values in folds[0].baselines.items()},
        scores={name: [fold.scores[name].summary() for fold in folds] for name in folds[0].scores},
        inferences=tuple(found),
    )


def _averages(found: Sequence[Inference]) -> tuple[np.ndarray, np.ndarray]:
    """Mean prediction (N, M) over seeds, and mean reliability (M,) over the seeds that know it."""
    predicted = found[0].predicted / len(found)
    for each in found[1:]:  # one at a time: together they would be the largest array of the run
        predicted += each.predicted / len(found)
    known = np.array([each.reliability for each in found], dtype=np.float64)
    count = np.isfinite(known).sum(axis=0)
    mean = np.where(count > 0, np.nansum(known, axis=0) / np.maximum(count, 1), np.nan)
    return predicted.astype(np.float32, copy=False), mean.astype(np.float32)


def _over_panel(values: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Columns of the genes that the slice measures among all M of the panel, NaN for the others."""
    full = np.full((len(values), len(shared)), np.nan, dtype=np.float32)
    full[:, shared] = values
    return full
