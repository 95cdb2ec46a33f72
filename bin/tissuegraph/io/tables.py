"""Small text tables that come with a slice: annotations, and the words that tables use."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.text import SEPARATORS, brief, read_rows

SUFFIXES = (".csv", ".tsv", ".txt")
# What people write where a spot has no label, in lower case
MISSING = {
    "n.d.", "n/d", "not available", "not applicable", "not determined", "not defined", "not known",
    "unidentified", "unspecified", "indeterminate", "un annotated", "un assigned", "un labelled",
    "", "na", "nan", "n/a", "n.a.", "<na>", "#n/a", "null", "nil", "none", "missing", "-", "--", ".", "?",
    "unknown", "unk", "unassigned", "not assigned", "not_assigned", "undetermined", "undefined", "unlabelled",
    "unlabeled", "unannotated", "not annotated", "not_annotated", "unclassified", "no label", "no_label",
    "no annotation", keys.UNSURE,
}  # fmt: skip
LABEL_NAMES = ("label", "annotation", "ground_truth", "layer", "region", "domain", "cluster")
INDEX_NAMES = ("", "index", "unnamed: 0", "x", "...1", "rowname", "row_name")
_BARCODE = re.compile(r"[ACGT]{10,}(-\d+)?|\d+x\d+|s_\d+um_\d+_\d+(-\d+)?")
_YES, _NO = {"1", "1.0", "true", "t", "yes", "y"}, {"0", "0.0", "false", "f", "no", "n"}


def is_table(annotation: str) -> bool:
    """Whether an annotation is meant as a file rather than as the name of a column."""
    return annotation.lower().endswith(SUFFIXES)


def is_missing(value: Any) -> bool:
    """Whether a label means that there is none: empty, or one of MISSING in any case, bracketed or joined."""
    if value is None or value != value:
        return True
    word = str(value).strip().lower()
    plain = re.sub(r"[\s_-]+", " ", word.strip("<>()[]. ")).strip()
    return word in MISSING or plain in MISSING or not word.strip("-_\u2013\u2014. ")


def as_flags(values: Iterable[Any], otherwise: bool) -> np.ndarray:
    """1 and 0, TRUE and FALSE, yes and no as (n,) bool, `otherwise` where missing; ValueError names "
    "another."""
    flags = []
    for value in values:
        word = str(value).strip().lower()
        if word in _YES or word in _NO:
            flags.append(word in _YES)
        elif is_missing(value):
            flags.append(otherwise)
        else:
            raise ValueError(repr(value))
    return np.array(flags, dtype=bool)


def read_annotation(path: Path, spots: Collection[str] = ()) -> dict[str, str]:
    """Barcode to label from a table; spots without a label are left out.

    The column called `barcode` holds barcodes, else the one with most of the `spots`, else the first; the
    label is the only other column, or one called `label` (or another usual name). A table whose first line
    holds a barcode has no header. Raises InputError.
    """
    name = f"annotation {path.name}"
    if not path.is_file():
        raise InputError(f"{name} does not exist")
    rows = read_rows(path, name)
    if not rows:
        raise InputError(f"{name} is empty; expected a header and lines of barcode,label")
    known = set(spots)
    names = [cell.lower() for cell in rows[0]]
    headed = "barcode" in names or not any(cell in known or _BARCODE.fullmatch(cell) for cell in rows[0])
    rows = rows[1:] if headed else rows
    width = max(map(len, rows), default=0)
    if headed and len(names) == width - 1:  # R writes the names of the rows without a name of their own
        names = ["", *names]
    barcode = names.index("barcode") if "barcode" in names else _barcode_column(rows, known)
    label = _label_column(path, names if headed else [f"column {n + 1}" for n in range(width)], barcode)
    table: dict[str, str] = {}
    for row in rows:
        if len(row) <= max(barcode, label):
            raise InputError(f"{name}: line {brief(','.join(row))!r} has no label column")
        key, value = row[barcode], row[label]
        if table.get(key, value) != value:
            raise InputError(
                f"{name}: barcode {brief(key)} has two labels, {brief(table[key])} and {brief(value)}"
            )
        table[key] = value
    labelled = {key: value for key, value in table.items() if not is_missing(value)}
    if not labelled:
        raise InputError(f"{name} holds no label")
    return labelled


def _barcode_column(rows: list[list[str]], spots: Collection[str]) -> int:
    """The column that holds most of the spots, the first of several."""
    width = max(map(len, rows), default=1)
    held = [sum(len(row) > index and row[index] in spots for row in rows) for index in range(width)]
    return held.index(max(held))


def _label_column(path: Path, names: list[str], barcode: int) -> int:
    others = [index for index in range(len(names)) if index != barcode]
    if len(others) > 1:
        others = [index for index in others if names[index] not in INDEX_NAMES]
    if len(others) == 1:
        return others[0]
    for name in LABEL_NAMES:
        if name in names:
            return names.index(name)
    raise InputError(
        f"annotation {path.name} has the columns {brief(', '.join(names))}; expected barcode,label "
        f"(separated by {SEPARATORS})"
    )
