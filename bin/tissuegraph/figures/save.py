"""Write a figure as PNG and, where asked for, SVG, and as the small picture that the report carries.

Drawing costs more than anything else of a small slice: the small picture is the PNG made smaller, not drawn
again.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no display on a compute node

from matplotlib.figure import Figure
from PIL import Image, WebPImagePlugin  # noqa: F401  (that one alone: else PIL loads all formats to find it)

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
_LEVEL = 4  # of zlib: half the time of 6, for 2 % more bytes


def save(figure: Figure, stem: Path, dpi: int = 200, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write `stem`.png, and `stem`.svg where `formats` has it; returns the paths, the PNG first.

    Spots and images of an SVG are pixels at no more than SVG_DPI, its text and lines are not.
    """
    return _write(figure, _drawn(figure, dpi), stem, dpi, formats)


def save_with_picture(
    figure: Figure, stem: Path, dpi: int = 200, formats: Sequence[str] = FORMATS
) -> tuple[list[Path], str]:
    """As `save`, and the figure as a data URI for the report, as fine as the card that it fills there."""
    drawn = _drawn(figure, dpi)
    panels = figure.get_figwidth() / PANEL_INCHES
    width = min(round(panels * PANEL_PX), CARD_PX, drawn.width)
    small = drawn.resize((width, round(drawn.height * width / drawn.width)), Image.Resampling.LANCZOS)
    return _write(figure, drawn, stem, dpi, formats), _webp(small)


def thumbnail(figure: Figure, width_px: int) -> str:
    """The figure as a WebP data URI of the given width: small enough for a report with many slices."""
    return _webp(_drawn(figure, width_px / figure.get_figwidth()))


def _drawn(figure: Figure, dpi: float) -> Image.Image:
    """The figure as pixels on white. What a layout engine placed stays there when it is drawn again."""
    pixels = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(pixels, format="rgba", dpi=dpi, facecolor="white")
    figure.set_layout_engine("none")
    size = tuple(int(inches * dpi) for inches in figure.get_size_inches())
    return Image.frombytes("RGBA", size, pixels.getvalue()).convert("RGB")


def _write(figure: Figure, drawn: Image.Image, stem: Path, dpi: int, formats: Sequence[str]) -> list[Path]:
    png, svg = Path(f"{stem}.png"), Path(f"{stem}.svg")
    drawn.save(png, dpi=(dpi, dpi), compress_level=_LEVEL)
    if "svg" not in formats:
        return [png]
    with matplotlib.rc_context(STYLE):
        figure.savefig(svg, dpi=min(dpi, SVG_DPI), facecolor="white", metadata={"Date": None})
    return [png, svg]


def _webp(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=72, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
