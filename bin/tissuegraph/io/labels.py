"""Manual labels of regions: held against the spots, and refused where they cannot be regions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.request import Warn
from tissuegraph.io.tables import is_missing

MAX_LABELS = 200
_NUMBER, _WHOLE = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?"), re.compile(r"([+-]?[0-9]+)\.0+")


def labels_from_table(table: Mapping[str, str], barcodes: np.ndarray, warn: Warn) -> np.ndarray:
    """Labels (N,) of the spots from barcode to label, None where the table has none.

    Raises InputError if no barcode of the table is a spot.
    """
    known = set(barcodes)
    n_strange = sum(barcode not in known for barcode in table)
    if n_strange == len(table):
        example = next(iter(table), "none")
        raise InputError(
            f"annotation: none of its {len(table)} barcodes is a spot of the slice (annotation: {example}, "
            f"slice: {barcodes[0]}); is it the annotation of another slice, or does it lack the suffix -1?"
        )
    if n_strange:
        warn(f"annotation: {n_strange} of {len(table)} barcodes are no spots of the slice and were ignored")
    return checked_labels(np.array([table.get(barcode) for barcode in barcodes], dtype=object), warn)


def labels_from_values(found: np.ndarray, warn: Warn) -> np.ndarray:
    """Labels (N,) of a column (N,) of objects, None where missing; raises InputError as `checked_labels`."""
    labels = [None if is_missing(value) else _label(value) for value in found]
    return checked_labels(np.array(labels, dtype=object), warn)


def _label(value: Any) -> str:
    """Whole numbers stored as floats (a column with gaps) are labels 1, 2, not 1.0, 2.0."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def checked_labels(labels: np.ndarray, warn: Warn) -> np.ndarray:
    """Labels (N,) str or None; raises InputError where they cannot be domains.

    A column of whole numbers with gaps, which pandas writes as 1.0 and 2.0, has the labels 1 and 2 however it
    was saved: else the same region would have two names in two files.
    """
    values = {label for label in labels if label is not None}
    if any(_WHOLE.fullmatch(label) for label in values) and all(map(_NUMBER.fullmatch, values)):
        labels = np.array([label and _WHOLE.sub(r"\1", label) for label in labels], dtype=object)
        values = {label for label in labels if label is not None}
    if not values:
        raise InputError("annotation: no spot has a label; leave the column annotation empty")
    if len(values) > MAX_LABELS:
        raise InputError(
            f"annotation: {len(values)} different values, e.g. {min(values)}; expected labels of regions "
            f"(at most {MAX_LABELS}), not a measurement or an identifier"
        )
    if len(values) == 1:
        warn(f"annotation: all labelled spots are {values.pop()!r}, so agreement with it says nothing")
    return labels
