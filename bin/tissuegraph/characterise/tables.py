"""Tables of what was found, as CSV files: written so that a spreadsheet runs nothing, read as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tissuegraph.sheet.tables import guarded, without_guard

# Columns of text, whatever their values look like: a domain may be called NA, a gene 1
TEXTS = (
    *("domain", "domain_a", "domain_b", "sender", "receiver"),
    *("gene", "symbol", "gene_set", "overlap", "ligand", "receptor"),
)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without its index; text that a spreadsheet would run as a formula, in a cell or in the
    name of a column, is marked as text.
    """
    safe = frame.set_axis([guarded(str(name)) for name in frame.columns], axis=1)
    for place, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            safe.isetitem(place, frame.iloc[:, place].map(_cell))
    safe.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def read_csv(path: Path, texts: tuple[str, ...] = TEXTS) -> pd.DataFrame:
    """A table as it was before `write_csv`; texts: the columns that hold text, None in empty cells."""
    table = pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=[""])
    for name in table.columns.intersection(texts):
        table[name] = table[name].map(without_guard, na_action="ignore")
    return table.rename(columns=without_guard)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a record holds them: Python's values, None where there is none."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _cell(value: Any) -> Any:
    return guarded(value) if isinstance(value, str) else value
