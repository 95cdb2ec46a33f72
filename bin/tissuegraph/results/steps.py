"""What every step found out about one slice, read from its files and held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd

from tissuegraph.histology.features import ImageFeatures
from tissuegraph.records import Record, read_record
from tissuegraph.results.kept import annotation_codes, kept_slice
from tissuegraph.scores.labellings import BaselineResult, MethodResult, read_baseline, read_method
from tissuegraph.slices.arrays import SliceArrays


@dataclass(frozen=True, kw_only=True)
class StepFiles:
    """The files of one slice; methods: (name, embedding npz, domains npz) each."""

    sample: str
    slice_path: Path
    spots_path: Path
    arrays: Path
    baseline: Path
    features: Path | None
    methods: tuple[tuple[str, Path, Path], ...]
    records: Sequence[Path]


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """What the steps found out about one slice, of which N spots passed QC.

    whole: the canonical slice, all its spots, with `spots` their QC table; kept: the N spots that passed;
    methods: at least one; image: None for a slice without; annotation: (N,) int from 0, -1 = unlabelled,
    with the regions' names, or None.
    """

    sample: str
    whole: anndata.AnnData
    spots: pd.DataFrame
    kept: anndata.AnnData
    arrays: SliceArrays
    methods: tuple[MethodResult, ...]
    baseline: BaselineResult
    image: ImageFeatures | None
    records: tuple[Record, ...]
    annotation: np.ndarray | None
    regions: tuple[str, ...]


def read_steps(files: StepFiles) -> Steps:
    """Read everything; raises InputError where two steps saw different spots."""
    whole = anndata.read_h5ad(files.slice_path)
    spots = pd.read_csv(files.spots_path, index_col=0, dtype={0: str})
    kept = kept_slice(whole, spots)
    annotation, regions = annotation_codes(kept)
    return Steps(
        sample=files.sample,
        whole=whole,
        spots=spots,
        kept=kept,
        arrays=SliceArrays.load(files.arrays),
        methods=tuple(
            read_method(name, latent, labels, kept.n_obs) for name, latent, labels in files.methods
        ),
        baseline=read_baseline(files.baseline, kept.n_obs),
        image=ImageFeatures.load(files.features) if files.features else None,
        records=tuple(map(read_record, files.records)),
        annotation=annotation,
        regions=regions,
    )
