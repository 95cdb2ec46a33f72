"""What the references of a group taught: everything that the inference of a new target needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.spahgc.asked import AskedGenes
from tissuegraph.spahgc.baselines import Tuning
from tissuegraph.spahgc.level import Level
from tissuegraph.spahgc.model import Spahgc
from tissuegraph.spahgc.reference_set import ReferenceSet
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice


@dataclass(frozen=True, eq=False)
class LearnedRun:
    """What one seed gave. M panel genes.

    networks: the members, after the epochs that inner validation chose
    reliability: (M,) float32, PCC of each gene on inner folds of the references; NaN: unknown
    per_gene: (M,) float32 by name, how predictions vary and err there: see `calibration.calibrate`
    history: plain numbers, lists and text: JSON holds it
    """

    seed: int
    tuning: Tuning
    epochs: int
    networks: tuple[Spahgc, ...]
    reliability: np.ndarray
    history: dict[str, Any]
    seconds: float
    warnings: tuple[str, ...] = ()
    per_gene: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ReferenceModel:
    """References with what was learned from them, once per seed.

    names: of the slices, as they are called in the samplesheet (a single one serves as two halves)
    asked: what became of the genes asked for
    level: of genes in a slide as a whole, from its image; None where levels are left as predicted
    """

    names: tuple[str, ...]
    references: ReferenceSet
    runs: tuple[LearnedRun, ...]
    asked: AskedGenes = field(default_factory=AskedGenes)
    level: Level | None = None

    @property
    def genes(self) -> np.ndarray:
        return self.references.genes

    @property
    def settings(self) -> Settings:
        return self.references.settings

    def check_target(self, target: HistologySlice) -> None:
        """Refuse a target that these references cannot serve. Raises InputError."""
        if target.name in self.names:
            raise InputError(
                f"slices must have different names, and a target cannot be its own reference: {target.name} "
                "appears twice"
            )
        n_features = target.image.shape[1]
        if n_features != self.references.n_features:
            raise InputError(
                f"all slices need the same image features: {self.names[0]} has {self.references.n_features}, "
                f"{target.name} has {n_features}; encode them with the same encoder"
            )
