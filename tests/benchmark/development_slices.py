"""The annotated slices that accuracy is measured on: a samplesheet of them, and their sections as arrays."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tissuegraph.io.stored import StoredSlice


@dataclass(frozen=True)
class AnnotatedSlice:
    """One slice below the data folder.

    annotation: a CSV below the data folder, or a column of obs; n_domains: how many regions it annotates;
    core: whether the slice belongs to mean5, the mean over the slices with clear regions.
    """

    sample: str
    path: str
    n_domains: int
    annotation: str = "ground_truth"
    core: bool = True


SLICES = (
    AnnotatedSlice("151673", "dlpfc/151673/outs", 7, annotation="dlpfc/151673/annotation.csv"),
    AnnotatedSlice("151675", "dlpfc/151675.h5ad", 7),
    AnnotatedSlice("BY3", "starmap/visual_cortex_BY3.h5ad", 7),
    AnnotatedSlice("BZ5", "starmap/mpfc_BZ5.h5ad", 4),
    AnnotatedSlice("B1", "her2st/B1.h5ad", 4),
    AnnotatedSlice("A1", "her2st/A1.h5ad", 5, core=False),
    AnnotatedSlice("G2", "her2st/G2.h5ad", 6, core=False),
)

BZ9 = AnnotatedSlice("BZ9", "starmap/mpfc_BZ9.h5ad", 4)  # the cortex of BZ5 in another mouse
# Neighbours of A1, B1 and G2 that nobody annotated
SISTERS = {name: AnnotatedSlice(name, f"her2st/{name}.h5ad", 0, annotation="") for name in ("A2", "B2", "G1")}
KNOWN = {entry.sample: entry for entry in (*SLICES, BZ9)}


def write_samplesheet(slices: Sequence[AnnotatedSlice], data: Path, path: Path) -> Path:
    """Write one row per slice with absolute paths; returns `path`."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("sample", "path", "n_domains", "annotation"))
        for entry in slices:
            is_file = entry.annotation.endswith(".csv")
            annotation = data / entry.annotation if is_file else entry.annotation
            writer.writerow((entry.sample, data / entry.path, entry.n_domains, annotation))
    return path


def read_section(entry: AnnotatedSlice, data: Path) -> tuple[StoredSlice, np.ndarray]:
    """A section, and the region of each of its spots, None where unlabelled."""
    import pandas as pd

    from tissuegraph.io.reading import read_slice
    from tissuegraph.io.request import Request
    from tissuegraph.io.stored import StoredSlice

    is_file = entry.annotation.endswith(".csv")
    slice_ = read_slice(
        Request(
            sample=entry.sample,
            path=data / entry.path,
            annotation=str(data / entry.annotation) if is_file else entry.annotation or None,
        )
    )
    names = np.asarray(slice_.var_names).astype(str)
    section = StoredSlice(
        counts=slice_.X.tocsr().astype(np.float32),
        barcodes=np.asarray(slice_.obs_names).astype(str),
        genes=names,
        gene_ids=np.asarray(slice_.var["gene_id"]).astype(str),
        symbols=np.asarray(slice_.var["gene_symbol"]).astype(str),
        xy=np.asarray(slice_.obsm["spatial"], dtype=float)[:, :2],
        pitch=float(slice_.uns["tissuegraph"]["pitch_px"]),
    )
    if not entry.annotation:
        return section, np.full(slice_.n_obs, None, dtype=object)
    regions = slice_.obs["annotation"].astype(object)
    return section, np.array([None if pd.isna(name) else str(name) for name in regions], dtype=object)
