"""What every step found out about one slice, read from its files and held against each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anndata
import numpy as np
import pandas as pd

from tissuegraph.errors import InputError
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.intermediate import reading
from tissuegraph.records import Record, read_record
from tissuegraph.results.kept import annotation_codes, kept_slice
from tissuegraph.results.taught import FILE, Taught, known_names, read_taught
from tissuegraph.scores.labellings import (
    JOINT,
    JOINTS,
    BaselineResult,
    JointResult,
    MethodResult,
    read_baseline,
    read_joint,
    read_method,
)
from tissuegraph.slices.arrays import SliceArrays

_NUMBERS = ".numbers.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """What the steps found out about one slice, of which N spots passed QC.

    whole: the canonical slice, all its spots but no counts, with `spots` their QC table; kept: the N
    spots that passed; methods: at least one; joints: domains of the slice's group by name, empty without;
    numbers: result -> the group's number of each of its domains (K,), from 1, empty without group; image:
    None for a slice without; annotation: (N,) int from 0, -1 = unlabelled, with the regions' names, or
    None; known: names that the model of the group knows, which come first among regions; taught: regions
    that other sections taught, None where there are none.
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
    known: tuple[str, ...] = ()
    joints: Mapping[str, JointResult] = field(default_factory=dict)
    numbers: Mapping[str, np.ndarray] = field(default_factory=dict)
    taught: Taught | None = None

    @property
    def joint_answer(self) -> JointResult | None:
        """The joint domains that are the answer, None where each section keeps its own."""
        return next((joint for joint in self.joints.values() if joint.final), None)


def read_whole(slice_path: Path, spots_path: Path) -> tuple[anndata.AnnData, pd.DataFrame]:
    """The canonical slice and its QC table, one row per spot; raises InputError where one is damaged."""
    with reading(slice_path, "slice"):
        whole = anndata.read_h5ad(slice_path)
    with reading(spots_path, "table of spots"):
        spots = pd.read_csv(spots_path, index_col=0, dtype={0: str}, keep_default_na=False, na_values=[""])
    return whole, spots


def read_steps(sample: str, parts: Path, names: Sequence[str]) -> Steps:
    """Read the files of one slice from a directory, each under the name that its step gives it.

    slice.h5ad, spots.csv.gz, baseline.npz, features.npz where there is an image, regions.npz where other
    sections taught it, the records *.json, and for every method that answered <method>.arrays.npz,
    <method>.embedding.npz and <method>.domains.npz. Of a section also <sample>.components.npz,
    <sample>.joint_stmfg.npz where one encoder was trained over the group, and <sample>.numbers.json.
    names: the methods asked, in the order of trust. Raises InputError where none of them answered, and where
    two steps saw different spots.
    """
    answered = [name for name in names if (parts / f"{name}.domains.npz").is_file()]
    if not answered:
        raise InputError(f"no domains were found by {' or '.join(names)}; see what their steps say")
    whole, spots = read_whole(parts / "slice.h5ad", parts / "spots.csv.gz")
    kept = kept_slice(whole, spots)
    del whole.X  # the largest array of the task, twice
    records = tuple(map(_read_record, _record_paths(parts)))
    taught = read_taught(parts / FILE, records, kept.n_obs)
    known = known_names(taught, records)
    annotation, regions = annotation_codes(kept, known)
    image = parts / "features.npz"
    return Steps(
        sample=sample,
        whole=whole,
        spots=spots,
        kept=kept,
        arrays=SliceArrays.load(parts / f"{answered[0]}.arrays.npz"),
        methods=tuple(
            read_method(name, parts / f"{name}.embedding.npz", parts / f"{name}.domains.npz", kept.n_obs)
            for name in answered
        ),
        baseline=read_baseline(parts / "baseline.npz", kept.n_obs),
        image=ImageFeatures.load(image) if image.is_file() else None,
        records=records,
        annotation=annotation,
        regions=regions,
        known=known,
        joints=_joints(sample, parts, kept.n_obs, records),
        numbers=_numbers(parts / f"{sample}{_NUMBERS}"),
        taught=taught,
    )


def _record_paths(parts: Path) -> list[Path]:
    return sorted(path for path in parts.glob("*.json") if not path.name.endswith(_NUMBERS))


def _joints(sample: str, parts: Path, n_spots: int, records: Sequence[Record]) -> dict[str, JointResult]:
    """Joint domains of the section's group; where asked for, the first in the order of trust is the answer,
    unless its verdict refuses it.
    """
    told = {record.step: record.metrics for record in records}
    found: dict[str, JointResult] = {}
    for name in JOINTS:
        path = parts / f"{sample}.{'components' if name == JOINT else name}.npz"
        if path.is_file():
            verdict = told.get("cohort" if name == JOINT else "join", {}).get("verdict", {})
            asked = bool(told.get("match", {}).get("joint")) and not found
            final = asked and not verdict.get("joint_refused", True)
            found[name] = read_joint(name, path, n_spots, final)
    return found


def _numbers(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        return {}
    with reading(path, "numbers of domains"):
        found = json.loads(path.read_text(encoding="utf-8"))
        return {result: np.array(numbers, dtype=int) for result, numbers in found.items()}


def _read_record(path: Path) -> Record:
    with reading(path, "record"):
        return read_record(path)
