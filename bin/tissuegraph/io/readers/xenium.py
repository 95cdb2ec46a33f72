"""Xenium: the output directory of Xenium Onboard Analysis 1 to 3, or of Xenium Ranger.

Transcripts and boundaries are not read. The nuclear stain lies under pictures, and nothing learns from it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.fluorescence import read_fluorescence
from tissuegraph.io.readers.cell_tables import read_cells
from tissuegraph.io.readers.cells import match
from tissuegraph.io.request import Request, Warn
from tissuegraph.io.spaceranger import Matrix, read_10x_h5, read_10x_mtx
from tissuegraph.io.text import read_text

EXPERIMENT = "experiment.xenium"
MATRIX_H5, MATRIX_DIR = "cell_feature_matrix.h5", "cell_feature_matrix"
CELLS = ("cells.parquet", "cells.csv.gz", "cells.csv")
X, Y, CELL_ID = "x_centroid", "y_centroid", "cell_id"  # micrometres
PIXEL_UM = 0.2125  # of the instrument's images, where the description does not say
# By version: 3, 2, 1; of several channels the first is DAPI
MORPHOLOGY = (
    "morphology_focus/ch0000*.ome.tif",
    "morphology_focus/morphology_focus_0000.ome.tif",
    "morphology_focus.ome.tif",
    "morphology_mip.ome.tif",
)
KEPT = re.compile(r"\w+_(counts|area)|nucleus_count|segmentation_method|z_level")


def detect(path: Path) -> bool:
    """A directory with the experiment's description, a matrix of cells or their table, also in its `outs`."""
    marks = (EXPERIMENT, MATRIX_H5, MATRIX_DIR, CELLS[0])
    return any((run / mark).exists() for run in _runs(path) for mark in marks)


# spatialdata-io's reader needs cells.zarr.zip, 1 to 10 GB that is often not shipped with the tables
def read(request: Request) -> RawSlice:
    """Read the matrix and the table of cells of one output directory, or of its `outs`.

    Positions are centroids in micrometres. The instrument's counts of controls and its areas (um^2) go to
    obs. Raises InputError.
    """
    request.refuse_annotation_column("for Xenium data ")
    run = next((run for run in _runs(request.path) if _has_matrix(run) or _cells(run)), request.path)
    matrix, file = _read_matrix(run)
    path = _cells(run)
    if path is None:
        raise InputError(f"{run.name} lacks cells.parquet (or cells.csv.gz); copy the directory again")
    cells = read_cells(path, path.name, [CELL_ID], [X, Y], KEPT)
    pixel_um = _check_experiment(run / EXPERIMENT, len(matrix.barcodes), request.warn)
    order = match(matrix.barcodes, cells[CELL_ID].to_numpy(str), (file, path.name), request.warn)
    kept = order >= 0
    cells = cells.iloc[order[kept]]
    images, scalefactors = _morphology(run, pixel_um, request.warn)
    return RawSlice(
        platform="xenium",
        counts=matrix.counts[kept],
        barcodes=matrix.barcodes[kept],
        gene_ids=matrix.gene_ids,
        gene_symbols=matrix.gene_symbols,
        xy=cells[[X, Y]].to_numpy(),
        um_per_px=1.0,
        feature_types=matrix.feature_types,
        images=images,
        scalefactors=scalefactors,
        fluorescence=bool(images),
        obs=cells.drop(columns=[CELL_ID, X, Y]),
    )


def _runs(path: Path) -> tuple[Path, Path]:
    """Where the files may lie: Xenium Ranger writes them to `outs`."""
    return path, path / "outs"


def _has_matrix(run: Path) -> bool:
    return (run / MATRIX_H5).is_file() or (run / MATRIX_DIR).is_dir()


def _cells(run: Path) -> Path | None:
    return next((run / name for name in CELLS if (run / name).is_file()), None)


def _read_matrix(run: Path) -> tuple[Matrix, str]:
    """The matrix, and what messages call its file."""
    if (run / MATRIX_H5).is_file():
        return read_10x_h5(run / MATRIX_H5), MATRIX_H5
    if (run / MATRIX_DIR).is_dir():
        return read_10x_mtx(run / MATRIX_DIR), f"{MATRIX_DIR}/"
    packed = next(
        (p for p in (run / f"{MATRIX_DIR}{end}" for end in (".tar.gz", ".zip")) if p.is_file()), None
    )
    remedy = f"unpack {packed.name}" if packed else "copy the directory again"
    raise InputError(f"{run.name} lacks {MATRIX_H5} and {MATRIX_DIR}/; {remedy}")


def _morphology(run: Path, pixel_um: float, warn: Warn) -> tuple[dict[str, Any], dict[str, float]]:
    """The nuclear stain as a small picture with its scale factor; nothing where the image was not shipped."""
    path = next((found for pattern in MORPHOLOGY for found in sorted(run.glob(pattern))), None)
    picture = read_fluorescence(path, warn) if path is not None else None
    if picture is None:
        return {}, {}
    return {"hires": picture[0]}, {"tissue_hires_scalef": picture[1] / pixel_um}  # positions are micrometres


def _check_experiment(path: Path, n_cells: int, warn: Warn) -> float:
    """Warn where the description is of another run than the matrix, of a version not known, or damaged.

    Returns micrometres per pixel of the images.
    """
    if not path.is_file():
        return PIXEL_UM
    try:
        found = json.loads(read_text(path, path.name))
    except (InputError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        warn(f"{path.name} is not valid JSON and was ignored")
        return PIXEL_UM
    declared = found.get("num_cells")
    if isinstance(declared, int) and declared not in (0, n_cells):
        warn(f"{path.name} declares {declared:,} cells and the matrix has {n_cells:,}: are both of one run?")
    version = re.search(r"(\d+)\.\d+", str(found.get("analysis_sw_version", "")))
    if version and not 1 <= int(version[1]) <= 3:
        warn(f"{path.name}: version {version[0]} is not known; versions 1 to 3 are")
    size = found.get("pixel_size")
    return float(size) if isinstance(size, int | float) and 0 < size < 100 else PIXEL_UM
