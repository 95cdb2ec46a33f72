"""Write a figure as PNG and, where asked for, SVG, and as the small picture that the report carries."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
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

FORMATS = ("png", "svg")
SVG_DPI = 150
PANEL_INCHES = 3.4  # a panel with its margin
PANEL_PX = 400  # of a panel where two or three fill the card
CARD_PX = 1200  # a card on a laptop


def save(figure: Figure, stem: Path, dpi: int = 200, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write `stem`.png, and `stem`.svg where `formats` has it; returns the paths, the PNG first.

    Spots and images of an SVG are pixels at no more than SVG_DPI, its text and lines are not.
    """
    png, svg = Path(f"{stem}.png"), Path(f"{stem}.svg")
    with matplotlib.rc_context(STYLE):
        figure.savefig(png, dpi=dpi, facecolor="white")
        if "svg" not in formats:
            return [png]
        figure.savefig(svg, dpi=min(dpi, SVG_DPI), facecolor="white", metadata={"Date": None})
    return [png, svg]


def report_picture(figure: Figure) -> str:
    """The figure as a data URI for the report, where it fills a card: fine enough for that, no finer."""
    panels = figure.get_figwidth() / PANEL_INCHES
    return thumbnail(figure, min(round(panels * PANEL_PX), CARD_PX))


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
