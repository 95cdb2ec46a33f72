"""What was made of each slice's image: tiles, stain, encoder, and the pictures that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.section import Section, count
from tissuegraph.summarise import Outcome

_STEP = "encode_histology"
_FIGURES = {"tiles": "Tiles on the tissue", "stain": "Before and after stain normalisation"}
_BUDGET = 8_000_000  # characters of pictures, beside those of the maps
_SOURCES = {"full": "image file", "hires": "hires image", "lowres": "lowres image"}
_HEADERS: dict[str, dict[str, Any]] = {
    "image_source": {"title": "Image", "description": "Which image of the slice was read", "scale": False},
    "encoder": {"title": "Encoder", "description": "What turned tiles into features", "scale": False},
    "n_features": {"title": "Features", "scale": False, "format": "{:,.0f}"},
    "tile_um": {"title": "Tile", "scale": False, "format": "{:,.0f}", "suffix": " µm"},
    "tile_px": {
        "title": "Tile in image",
        "description": "Side of a tile in pixels of the image that was read: few pixels show colour only",
        "scale": False,
        "format": "{:,.1f}",
        "suffix": " px",
    },
    "mean_background": {
        "title": "Background",
        "description": "Share of a tile that is no tissue, mean over spots",
        "scale": "YlOrBr",
        "min": 0,
        "max": 100,
        "format": "{:,.1f}",
        "suffix": "%",
    },
    "stain_method": {"title": "Stain normalisation", "scale": False},
    "warnings": {"title": "Warnings", "description": "Of the image step", "scale": False},
}


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """A table over the slices that have an image, their pictures above it; nothing where none has."""
    seen = [outcome for outcome in outcomes if outcome.metrics.get("histology")]
    if not seen:
        return []
    without = sum(outcome.assembled for outcome in outcomes) - sum(outcome.assembled for outcome in seen)
    description = "Features of the image are taken from tiles, squares around the spots."
    if without:
        description += f" {count(without, 'slice')} without an image went on by genes alone."
    data = {outcome.sample: _row(outcome) for outcome in seen}
    filled = {name for row in data.values() for name in row}
    return [
        Section(
            "histology_images",
            "Histology",
            ("tissuegraph_histology", "Histology", description),
            "table",
            data,
            config={"col1_header": "Slice", "sort_rows": False, "no_violin": True},
            headers={name: header for name, header in _HEADERS.items() if name in filled},
            extra=_gallery(seen),
        )
    ]


def _row(outcome: Outcome) -> dict[str, Any]:
    metrics = outcome.metrics["histology"]
    row = {name: metrics.get(name) for name in _HEADERS}
    if row["mean_background"] is not None:
        row["mean_background"] = 100 * row["mean_background"]
    source = row["image_source"]
    row["image_source"] = _SOURCES.get(source, source)
    reasons = [line.partition(": ")[2] for line in outcome.reasons if line.startswith(f"{_STEP}:")]
    row["warnings"] = "; ".join(reasons) or None
    return {
        name: escape(value) if isinstance(value, str) else value
        for name, value in row.items()
        if value is not None
    }


def _gallery(outcomes: Sequence[Outcome], budget: int = _BUDGET) -> str:
    """Pictures of each slice behind its name, without scripts; of the first slices only beyond the budget."""
    shown, left_out = "", 0
    pictured = [(o.sample, _pictures(o)) for o in outcomes if _pictures(o)]
    for sample, pictures in pictured:
        size = sum(map(len, pictures.values()))
        if left_out or size > budget:
            left_out += 1
            continue
        budget -= size
        images = "".join(
            f'<p style="margin:8px 0 2px">{_FIGURES[kind]}</p>'
            f'<img style="max-width:100%;background:#fff" alt="{_FIGURES[kind]} of {escape(sample)}" '
            f'src="{picture}">'
            for kind, picture in pictures.items()
        )
        opened = " open" if len(pictured) == 1 else ""
        shown += (
            f'<details{opened} style="margin-bottom:6px"><summary><strong>{escape(sample)}</strong></summary>'
            f"{images}</details>"
        )
    if left_out:
        shown += (
            f"<p>To keep this page light, the pictures of {count(left_out, 'further slice')} are not in it; "
            "they are in <code>slices/&lt;sample&gt;/</code>.</p>"
        )
    return shown


def _pictures(outcome: Outcome) -> dict[str, str]:
    pictures = outcome.metrics.get("pictures", {})
    return {kind: pictures[kind] for kind in _FIGURES if kind in pictures}
