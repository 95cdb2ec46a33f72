"""Write a figure as PNG and SVG, and as the small picture that the report carries."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no display on a compute node

from matplotlib.figure import Figure

STYLE = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same picture in every container
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # text stays text: figures can be edited for a paper
    "svg.hashsalt": "tissuegraph",  # the same input gives the same file
    "text.parse_math": False,  # names are what users wrote: a dollar sign begins no formula
    "image.composite_image": False,
}


def save(figure: Figure, stem: Path, dpi: int = 200) -> list[Path]:
    """Write `stem`.png and `stem`.svg; returns the two paths."""
    written = [Path(f"{stem}.png"), Path(f"{stem}.svg")]
    with matplotlib.rc_context(STYLE):
        figure.savefig(written[0], dpi=dpi, facecolor="white")
        figure.savefig(written[1], dpi=dpi, facecolor="white", metadata={"Date": None})
    return written


def thumbnail(figure: Figure, width_px: int) -> str:
    """The figure as a WebP data URI of the given width: small enough for a report with many slices."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(
            buffer,
            format="webp",
            dpi=width_px / figure.get_figwidth(),
            facecolor="white",
            pil_kwargs={"quality": 72, "method": 4},
        )
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
