"""A table of positions: spots that were not sequenced."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io import spaceranger
from tissuegraph.io.canonical import RawSlice, without_counts
from tissuegraph.io.platforms import PLATFORMS
from tissuegraph.io.request import Request

_X = ("x", "pxl_col_in_fullres")
_Y = ("y", "pxl_row_in_fullres")


def detect(path: Path) -> bool:
    """A table goes by its ending."""
    return path.suffix.lower() in PLATFORMS["positions"].suffixes


def read(request: Request) -> RawSlice:
    """Read a CSV or TSV with the columns barcode, x and y, in full-resolution pixels.

    Space Ranger's own tables of positions are read too, spots under tissue only. Raises InputError.
    """
    path = request.path
    if path.name in spaceranger.POSITIONS:
        barcodes, in_tissue, array_position, xy = spaceranger.read_position_file(path)
        return without_counts("positions", barcodes, xy, array_position).select(in_tissue)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not a readable text file; save it as CSV in UTF-8") from error
    delimiter = max(",\t;", key=text.partition("\n")[0].count)
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    names = [name.strip().lower() for name in rows[0]] if rows else []
    x, y = (next((name for name in known if name in names), None) for known in (_X, _Y))
    if x is None or y is None:
        raise InputError(
            f"{path.name} has the columns {', '.join(names) or 'none'}; expected barcode, x and y in "
            f"full-resolution pixels"
        )
    if odd := next((row for row in rows if len(row) != len(names)), None):
        raise InputError(f"{path.name}: {','.join(odd)!r} has {len(odd)} values, expected {len(names)}")
    if len(rows) == 1:
        raise InputError(f"{path.name} has a header but no rows; expected one row per spot")
    columns = dict(zip(names, zip(*rows[1:], strict=True), strict=True))
    try:
        xy = np.array([columns[x], columns[y]], dtype=np.float64).T
    except ValueError as error:
        raise InputError(f"{path.name}: {error}; expected numbers in {x} and {y}") from error
    return without_counts("positions", np.array(columns.get("barcode", columns[names[0]])), xy)
