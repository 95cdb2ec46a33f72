"""What readers of imaging platforms share: finding the files, and cells matched between matrix and table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.request import Warn
from tissuegraph.io.text import brief


def find(directory: Path, *patterns: str) -> Path | None:
    """The one file of a directory that fits the first pattern that any fits, None where none does.

    A file that is there twice, compressed and not, is one. Raises InputError for several.
    """
    for pattern in patterns:
        found = sorted(
            path for path in directory.glob(pattern) if path.is_file() and not path.name.startswith(".")
        )
        plain = {path.name.removesuffix(".gz") for path in found}
        if len(plain) > 1:
            raise InputError(
                f"{directory.name} holds {len(plain)} files {pattern} ({brief(', '.join(sorted(plain)))}); "
                f"give each slice a directory and a row of its own"
            )
        if found:
            return found[0]
    return None


def match(matrix: np.ndarray, table: np.ndarray, files: Sequence[str], warn: Warn) -> np.ndarray:
    """Row of the table for each cell of the matrix (N,), -1 where it has none.

    matrix (N,), table (M,): ids as text; files: what messages call the two. Raises InputError where an id is
    there twice or none matches.
    """
    import pandas as pd

    for ids, name in ((matrix, files[0]), (table, files[1])):
        twice = pd.Index(ids).duplicated()
        if twice.any():
            raise InputError(
                f"{name}: {int(twice.sum())} cells are there twice, e.g. {brief(ids[np.argmax(twice)])}; "
                f"were slices joined into one file? give each a directory and a row of its own"
            )
    order = pd.Index(table).get_indexer(pd.Index(matrix))
    n_lost = int((order < 0).sum())
    if n_lost == len(matrix):
        raise InputError(
            f"no cell of {files[0]} is in {files[1]} ({brief(matrix[0]) if len(matrix) else 'none'} and "
            f"{brief(table[0]) if len(table) else 'none'}); are both of one run? copy the directory again"
        )
    if n_lost:
        warn(f"{n_lost} of {len(matrix)} cells are not in {files[1]} and were left out")
    return order
