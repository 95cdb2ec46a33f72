"""CosMx: the directory of flat files that AtoMx exports and NanoString publishes.

Transcripts, polygons and images are not read.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.readers.cell_tables import CountTable, read_cells, read_counts
from tissuegraph.io.readers.cells import find, match
from tissuegraph.io.request import Request, Warn

COUNTS = ("*exprMat_file.csv", "*exprMat_file.csv.gz")
METADATA = ("*metadata_file.csv", "*metadata_file.csv.gz")
FOV, CELL_ID = "fov", "cell_ID"
X, Y = "CenterX_global_px", "CenterY_global_px"
LOCAL_X = "CenterX_local_px"
# Columns of the counts that are no genes, in lower case
ID_COLUMNS = {"", "fov", "cell_id", "cell", "slide_id", "slide_id_numeric", "run_tissue_name"}
BACKGROUND = "0"  # cell_ID of transcripts outside all cells
UM_PER_PX, OLD_UM_PER_PX = 0.12028, 0.18
FOV_WIDTH_PX = 4300  # 4,256 pixels of 0.12028 um; fields of the first instruments have 5,472 of 0.18 um
KEPT = re.compile(
    r"cell|fov|Area(\.um2)?|AspectRatio|Width|Height|(Mean|Max)\..+|n(Count|Feature)_.+|CenterX_local_px|"
    r"propNegative|complexity|.*qc.*",
    re.IGNORECASE,
)


def detect(path: Path) -> bool:
    """A directory with counts or metadata under NanoString's names."""
    return path.is_dir() and any(any(path.glob(pattern)) for pattern in (*COUNTS, *METADATA))


# spatialdata-io's reader needs CellComposite/ and CellLabels/, which flat files often come without, and makes
# the counts dense
def read(request: Request) -> RawSlice:
    """Read counts and metadata of one slide.

    Cells are named `<fov>_<cell_ID>`. Positions are global pixels made micrometres. Raises InputError.
    """
    request.refuse_annotation_column("for CosMx data ")
    path, warn = request.path, request.warn
    counts_path, metadata_path = find(path, *COUNTS), find(path, *METADATA)
    if counts_path is None or metadata_path is None:
        lacking = COUNTS[0] if counts_path is None else METADATA[0]
        raise InputError(f"{path.name} lacks {lacking} (or .csv.gz); copy the directory again")
    cells = read_cells(metadata_path, metadata_path.name, [FOV, CELL_ID], [X, Y], KEPT)
    table = read_counts(counts_path, counts_path.name, lambda _n, title: title.lower() in ID_COLUMNS)
    inside, barcodes = _barcodes(table, counts_path.name)
    names = _joined(cells[FOV], cells[CELL_ID])
    order = match(barcodes, names, (counts_path.name, metadata_path.name), warn)
    kept = order >= 0
    cells = cells.iloc[order[kept]]
    scale = _um_per_px(cells, warn)
    return RawSlice(
        platform="cosmx",
        counts=table.counts[np.flatnonzero(inside)[kept]],
        barcodes=barcodes[kept],
        gene_ids=table.genes,
        gene_symbols=table.genes,
        xy=cells[[X, Y]].to_numpy() * scale,
        um_per_px=1.0,
        obs=cells.drop(columns=[CELL_ID, X, Y, LOCAL_X], errors="ignore"),
    )


def _barcodes(table: CountTable, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Which rows (M,) of the counts are cells, and the names (N,) of these."""
    columns = {title.lower(): column for title, column in table.ids.items()}
    missing = [title for title in (FOV, CELL_ID) if title.lower() not in columns]
    if missing:
        raise InputError(
            f"{name} lacks {', '.join(missing)}; expected {FOV}, {CELL_ID} and one column per gene"
        )
    fov, cell = (columns[title.lower()].str.strip() for title in (FOV, CELL_ID))
    inside = (cell != BACKGROUND).to_numpy()
    if not inside.any():
        raise InputError(f"{name} holds background only: {CELL_ID} is 0 in all {len(inside)} rows")
    return inside, _joined(fov[inside], cell[inside])


def _joined(fov: pd.Series, cell: pd.Series) -> np.ndarray:
    """cell_ID counts from 1 in every field of view, so both together name a cell."""
    return (fov + "_" + cell).to_numpy(str)


def _um_per_px(cells: pd.DataFrame, warn: Warn) -> float:
    """Micrometres per pixel, which no file states: told by the width of the fields of view."""
    if LOCAL_X not in cells:
        return UM_PER_PX
    widest = pd.to_numeric(cells[LOCAL_X], errors="coerce").max()
    if widest > FOV_WIDTH_PX:
        warn(
            f"fields of view are wider than {FOV_WIDTH_PX} pixels ({LOCAL_X} reaches {widest:.0f}), as those "
            f"of the first instruments: a pixel is taken as {OLD_UM_PER_PX} micrometres"
        )
        return OLD_UM_PER_PX
    return UM_PER_PX
