"""A table of positions: spots that were not sequenced."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice, without_counts
from tissuegraph.io.platforms import PLATFORMS
from tissuegraph.io.position_table import (
    POSITIONS,
    as_numbers,
    named_columns,
    read_position_file,
    with_decimal_points,
)
from tissuegraph.io.request import Request
from tissuegraph.io.tables import INDEX_NAMES
from tissuegraph.io.text import brief, read_rows

# By name, whatever their order
_X = ("x", "xcoord", "x_coord", "x_centroid", "pxl_col_in_fullres", "imagecol", "col", "column")
_Y = ("y", "ycoord", "y_coord", "y_centroid", "pxl_row_in_fullres", "imagerow", "row")
_BARCODE = ("barcode", "barcodes", "spot", "spot_id", "id", "cell_id")


def detect(path: Path) -> bool:
    """A table goes by its ending."""
    return path.suffix.lower() in PLATFORMS["positions"].suffixes


def read(request: Request) -> RawSlice:
    """Read a CSV or TSV with the columns barcode, x and y, in full-resolution pixels.

    Space Ranger's own tables of positions are read too, spots under tissue only. Raises InputError.
    """
    path = request.path
    if path.name in POSITIONS:
        barcodes, in_tissue, array_position, xy = read_position_file(path)
        return without_counts("positions", barcodes, xy, array_position).select(in_tissue)
    barcodes, xy = read_xy(path)
    return without_counts("positions", barcodes, xy)


def read_xy(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Barcodes (P,) str and x and y (P, 2) of a CSV or TSV whose first line names them. Raises InputError."""
    rows = with_decimal_points(read_rows(path, path.name))
    names = [name.lower() for name in rows[0]] if rows else []
    x, y = (next((name for name in known if name in names), None) for known in (_X, _Y))
    if x is None or y is None:
        raise InputError(
            f"{path.name} has the columns {brief(', '.join(names)) or 'none'}; expected barcode, x and y in "
            f"full-resolution pixels"
        )
    if len(rows) == 1:
        raise InputError(f"{path.name} has a header but no rows; expected one row per spot")
    columns = named_columns(rows[1:], names, path.name)
    others = [name for name in columns if name not in (x, y)]
    named = next((name for name in (*_BARCODE, *INDEX_NAMES) if name in others), None) or (others or [x])[0]
    xy = np.stack([as_numbers(columns[name], path.name, name) for name in (x, y)], axis=1)
    return np.array(columns[named], dtype=str), xy
