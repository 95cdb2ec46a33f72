"""Space Ranger's tables of positions, as it writes them and as spreadsheets and R save them again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_count, check_declared
from tissuegraph.io.tables import INDEX_NAMES, as_flags, is_missing
from tissuegraph.io.text import SEPARATORS, brief, read_rows

POSITIONS = ("tissue_positions.parquet", "tissue_positions.csv", "tissue_positions_list.csv")
COLUMNS = ("barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres")
# What R calls the same columns
_OTHER_NAMES = {
    "barcodes": "barcode", "spot": "barcode", "tissue": "in_tissue", "row": "array_row", "col": "array_col",
    "imagerow": "pxl_row_in_fullres", "imagecol": "pxl_col_in_fullres",
    "pxl_row": "pxl_row_in_fullres", "pxl_col": "pxl_col_in_fullres",
    "y": "pxl_row_in_fullres", "x": "pxl_col_in_fullres",
}  # fmt: skip


def read_positions(spatial: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Barcodes (P,), under tissue (P,) bool, array row and column (P, 2), x and y in pixels (P, 2)."""
    names = [name for known in POSITIONS for name in (known, f"{known}.gz")]
    path = next((spatial / name for name in names if (spatial / name).is_file()), None)
    if path is None:
        prefixed = sorted(p.name for p in spatial.glob("*_tissue_positions*")) if spatial.is_dir() else []
        if prefixed:
            raise InputError(
                f"spatial/ holds {prefixed[0]}; rename it to "
                f"{prefixed[0][prefixed[0].index('tissue_positions') :]}"
            )
        raise InputError(f"spatial/ has no positions; expected {' or '.join(POSITIONS[1:])}")
    return read_position_file(path)


def read_position_file(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As `read_positions`, of one file."""
    name = f"spatial/{path.name}"
    columns = _parquet_columns(path, name) if path.suffix == ".parquet" else _csv_columns(path, name)
    numbers = {column: as_numbers(columns[column], name, column) for column in COLUMNS[2:]}
    try:
        given = columns["in_tissue"]
        numeric = isinstance(given, np.ndarray) and given.dtype.kind in "biuf"
        in_tissue = given == 1 if numeric else as_flags(given, otherwise=False)
    except ValueError as error:
        raise InputError(f"{name}: in_tissue is {brief(error)}; expected 0 or 1") from error
    xy = np.stack([numbers["pxl_col_in_fullres"], numbers["pxl_row_in_fullres"]], axis=1)
    array_position = np.stack([numbers["array_row"], numbers["array_col"]], axis=1)
    return np.asarray(columns["barcode"], dtype=str), in_tissue, array_position, xy


def as_numbers(values: Any, name: str, column: str) -> np.ndarray:
    """Numbers (P,) of one column of a table called `name`, NaN where missing; raises InputError."""
    try:
        if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
            return values.astype(np.float64)
        return np.array([np.nan if is_missing(value) else float(value) for value in values], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{name}: {brief(error)}; expected numbers in every column but barcode ({column})"
        ) from error


def with_decimal_points(rows: list[list[str]]) -> list[list[str]]:
    """Rows whose numbers have a decimal comma, as spreadsheets of many languages write them, with points."""
    comma, thousands = re.compile(r"-?\d+,\d+"), re.compile(r"-?[1-9]\d{0,2},\d{3}")
    found = {cell for row in rows for cell in row if comma.fullmatch(cell)}
    if all(map(thousands.fullmatch, found)):  # 1,234 alone is 1234 or 1.234: the reader of numbers refuses it
        return rows
    return [[cell.replace(",", ".") if cell in found else cell for cell in row] for row in rows]


def named_columns(rows: list[list[str]], header: list[str], name: str) -> dict[str, Any]:
    """Columns of a table by name; raises InputError for a row of another length."""
    if rows and all(len(row) == len(header) + 1 for row in rows):  # R leaves the names of rows without a name
        header = ["", *header]
    odd = next((row for row in rows if len(row) != len(header)), None)
    if odd is not None:
        raise InputError(
            f"{name}: {brief(','.join(odd))!r} has {len(odd)} values, expected {len(header)} separated by "
            f"{SEPARATORS}; save it with one of these, or copy it again where it is cut"
        )
    columns = zip(*rows, strict=True) if rows else ((),) * len(header)
    return dict(zip(header, columns, strict=True))


def _csv_columns(path: Path, name: str) -> dict[str, Any]:
    """Columns by name; Space Ranger 1 wrote no header, 2 and later do."""
    rows = with_decimal_points(read_rows(path, name))
    if not rows:
        raise InputError(f"{name} is empty; copy the directory again")
    if rows[0] in (list("012345"), ["", *"012345"]):  # pandas numbers the columns of a table without header
        header = [*([""] if len(rows.pop(0)) == 7 else []), *COLUMNS]
    elif any(_own_name(cell) in COLUMNS for cell in rows[0]):
        header = [_own_name(cell) for cell in rows.pop(0)]
    else:
        header = list(COLUMNS)
        if len(rows[0]) == len(COLUMNS) + 1 and all(row[0].isdecimal() for row in rows):
            header = ["", *header]
    columns = named_columns(rows, header, name)
    if "barcode" not in columns:  # the names of the rows, where R or pandas wrote the table
        unnamed = next((known for known in INDEX_NAMES if known in columns), None)
        if unnamed is not None:
            columns["barcode"] = columns[unnamed]
    _require_columns(name, columns)
    return columns


def _own_name(cell: str) -> str:
    """Space Ranger's name of a column, whatever its case and separators."""
    plain = re.sub(r"[ .]+", "_", cell.strip().lower())  # R writes in.tissue for "in tissue"
    return _OTHER_NAMES.get(plain, plain)


def _parquet_columns(path: Path, name: str) -> dict[str, Any]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(f"{name} needs the Python package pyarrow, which is not installed") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            check_count(name, file.metadata.num_rows)
            check_declared(
                name, sum(file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups))
            )
            names = {_own_name(known): known for known in file.schema_arrow.names}
            _require_columns(name, names)
            table = file.read(columns=[names[column] for column in COLUMNS])
            return {column: table.column(names[column]).to_numpy() for column in COLUMNS}
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise InputError(f"{name} cannot be read: truncated or damaged; copy it again") from error


def _require_columns(name: str, names: Any) -> None:
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise InputError(f"{name} lacks {', '.join(missing)}; expected {', '.join(COLUMNS)}")
