"""How a characterising step leaves what it found: a table as CSV, a figure with its copy for the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from tissuegraph.figures.save import save_with_picture
from tissuegraph.records import GROUP, Record
from tissuegraph.sheet.tables import guarded


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without its index; text that a spreadsheet would run as a formula is marked as text."""
    text = {name: frame[name].map(guarded) for name in frame if frame[name].map(type).eq(str).all()}
    frame.assign(**text).to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a record holds them: Python's values, None where there is none."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def add_figure(record: Record, figure: Figure, name: str, outdir: Path, formats: Sequence[str]) -> None:
    """Write `<sample>.<name>.png` (and .svg); its file and its small picture go into the record.

    Of a group, <group_id>.<name>.png.
    """
    stem = outdir / f"{record.sample.removeprefix(GROUP)}.{name}"
    (png, *_), picture = save_with_picture(figure, stem, formats=formats)
    record.metrics.setdefault("files", {})[name] = png.name
    record.metrics.setdefault("pictures", {})[name] = picture
