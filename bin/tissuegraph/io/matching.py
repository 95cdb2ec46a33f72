"""Which row of a table of positions belongs to which spot of a matrix."""

from __future__ import annotations

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.request import Warn


def match(spots: np.ndarray, barcodes: np.ndarray, positions: str, warn: Warn) -> np.ndarray:
    """Row of the positions (P,) for each spot (N,), -1 for one that has none.

    positions: what is wrong with them where none fits, as a question. Raises InputError where none fits, or
    where a barcode has two places.
    """
    rows = {barcode: row for row, barcode in enumerate(barcodes.tolist())}
    if len(rows) < len(barcodes):
        names, counts = np.unique(barcodes, return_counts=True)
        raise InputError(
            f"{int((counts > 1).sum())} barcodes have more than one position, e.g. {names[counts > 1][0]}; "
            f"each needs one"
        )
    order = np.array([rows.get(spot, -1) for spot in spots.tolist()], dtype=np.int64)
    n_lost = int((order < 0).sum())
    if len(spots) and n_lost == len(spots):
        raise InputError(
            f"no barcode of the matrix has a position (matrix: {spots[0]}, positions: "
            f"{barcodes[0] if len(barcodes) else 'none'}); {positions}"
        )
    if n_lost:
        warn(f"{n_lost} of {len(spots)} spots have no position and were left out")
    return order
