"""Small text tables that come with a slice: annotations."""

from __future__ import annotations

import csv
from pathlib import Path

from tissuegraph.errors import InputError

SUFFIXES = (".csv", ".tsv", ".txt")
MISSING = {"", "na", "nan", "n/a", "<na>"}
LABEL_NAMES = ("label", "annotation", "ground_truth", "layer", "region", "domain", "cluster")


def is_table(annotation: str) -> bool:
    """Whether an annotation is meant as a file rather than as the name of a column."""
    return annotation.lower().endswith(SUFFIXES)


def read_annotation(path: Path) -> dict[str, str]:
    """Barcode to label from a table with a header; spots without a label are left out.

    The first column holds barcodes, or the one called `barcode`; the label is the only other column,
    or one called `label` (or another usual name). Raises InputError.
    """
    if not path.is_file():
        raise InputError(f"annotation {path.name} does not exist")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"annotation {path.name} is not UTF-8 text; save it as UTF-8") from error
    header, _, _ = text.partition("\n")
    delimiter = max(",\t;", key=header.count)
    try:
        rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter, strict=True) if row]
    except csv.Error as error:
        raise InputError(
            f"annotation {path.name} is not a readable table ({error}); check its quotes"
        ) from error
    if not rows:
        raise InputError(f"annotation {path.name} is empty; expected a header and lines of barcode,label")
    names = [name.strip().lower() for name in rows[0]]
    barcode = names.index("barcode") if "barcode" in names else 0
    label = _label_column(path, names, barcode)
    table: dict[str, str] = {}
    for row in rows[1:]:
        if len(row) <= max(barcode, label):
            raise InputError(f"annotation {path.name}: line {','.join(row)!r} has no label column")
        key, value = row[barcode].strip(), row[label].strip()
        if table.get(key, value) != value:
            raise InputError(
                f"annotation {path.name}: barcode {key} has two labels, {table[key]} and {value}"
            )
        table[key] = value
    labelled = {key: value for key, value in table.items() if value.lower() not in MISSING}
    if not labelled:
        raise InputError(f"annotation {path.name} holds no label")
    return labelled


def _label_column(path: Path, names: list[str], barcode: int) -> int:
    others = [index for index in range(len(names)) if index != barcode]
    if len(others) == 1:
        return others[0]
    for name in LABEL_NAMES:
        if name in names:
            return names.index(name)
    raise InputError(
        f"annotation {path.name} has the columns {', '.join(names)}; expected barcode,label "
        f"(separated by commas, tabs or semicolons)"
    )
