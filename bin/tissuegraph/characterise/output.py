"""How a characterising step leaves a figure: as files, with its copy for the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from tissuegraph.figures.save import save_with_picture
from tissuegraph.records import GROUP, Record


def add_figure(record: Record, figure: Figure, name: str, outdir: Path, formats: Sequence[str]) -> None:
    """Write `<sample>.<name>.png` (and .svg); its file and its small picture go into the record.

    Of a group, <group_id>.<name>.png.
    """
    stem = outdir / f"{record.sample.removeprefix(GROUP)}.{name}"
    (png, *_), picture = save_with_picture(figure, stem, formats=formats)
    record.metrics.setdefault("files", {})[name] = png.name
    record.metrics.setdefault("pictures", {})[name] = picture
