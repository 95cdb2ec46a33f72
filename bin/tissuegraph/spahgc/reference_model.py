"""What the references of a group taught: everything that the inference of a new target needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.spahgc.asked import AskedGenes, GeneNames, find_genes
from tissuegraph.spahgc.baselines import Tuning
from tissuegraph.spahgc.level import Level
from tissuegraph.spahgc.model import Spahgc
from tissuegraph.spahgc.reference_set import ReferenceSet
from tissuegraph.spahgc.scales import check_scales
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice
from tissuegraph.spahgc.sources import ReferenceSlice, check_origin, image_digest


@dataclass(frozen=True, eq=False)
class LearnedRun:
    """What one seed gave. M panel genes.

    networks: the members, after the epochs that inner validation chose
    reliability: (M,) float32, PCC of each gene on inner folds of the references; NaN: unknown
    per_gene: (M,) float32 by name, how predictions vary and err there: see `calibration.calibrate`
    history: plain numbers, lists and text: JSON holds it
    seconds: that learning took; None in a model from disk
    """

    seed: int
    tuning: Tuning
    epochs: int
    networks: tuple[Spahgc, ...]
    reliability: np.ndarray
    history: dict[str, Any]
    seconds: float | None = None
    warnings: tuple[str, ...] = ()
    per_gene: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ReferenceModel:
    """References with what was learned from them, once per seed.

    names: of the slices, as they are called in the samplesheet (a single one serves as two halves)
    asked: what became of the genes asked for; gene_names: of the panel, in the first reference
    level: of genes in a slide as a whole, from its image; None where levels are left as predicted
    sources: the slices, as they were when they taught; by: what targets are held out by, slice or patient
    """

    names: tuple[str, ...]
    references: ReferenceSet
    runs: tuple[LearnedRun, ...]
    asked: AskedGenes = field(default_factory=AskedGenes)
    level: Level | None = None
    gene_names: GeneNames | None = None
    sources: tuple[ReferenceSlice, ...] = ()
    by: str = "slice"

    @property
    def genes(self) -> np.ndarray:
        return self.references.genes

    @property
    def settings(self) -> Settings:
        return self.references.settings

    def asked_for(self, names: Sequence[str]) -> ReferenceModel:
        """The same model, of which these genes are asked; those that its panel lacks are left out by name."""
        found = find_genes(names, [self.gene_names or GeneNames(self.genes, self.genes, self.genes)])
        return replace(self, asked=replace(found, lacking="that the panel of the reference model lacks"))

    def check_target(self, target: HistologySlice) -> None:
        """Refuse a target that these references cannot serve. Raises InputError."""
        if target.name in self.names:
            raise InputError(
                f"a reference is called {target.name} as well, and a target cannot be its own reference; if "
                "it is another slice, call it otherwise in the samplesheet"
            )
        if target.origin is not None:
            check_origin(target.name, target.origin, self.sources)
        n_features = target.image.shape[1]
        if n_features != self.references.n_features:
            raise InputError(
                f"all slices need the same image features: {self.names[0]} has {self.references.n_features}, "
                f"{target.name} has {n_features}; encode them with the same encoder"
            )
        origins = {each.name: each.origin for each in self.sources if each.origin is not None}
        if target.origin is not None and origins:
            check_scales(target.name, {target.name: target.origin, **origins})

    def taught_by(self, target: HistologySlice) -> str | None:
        """The reference that a slice with counts is, under whatever name; None for one that did not teach."""
        digest = image_digest(target)
        return next((each.name for each in self.sources if each.image_sha256 == digest), None)
