"""What was made of each slice's image: tiles, stain, encoder, and the pictures that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.gallery import gallery
from tissuegraph.report.outcomes import Outcome, methods_of
from tissuegraph.report.section import Section, count

_STEP = "encode_histology"
_FIGURES = {"tiles": "Tiles on the tissue", "stain": "Before and after stain normalisation"}
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
    "tile_by": {
        "title": "Tile by",
        "description": "Who says how many pixels the micrometres of a tile are; without a scale one distance "
        "between neighbouring spots is assumed to be 100 µm",
        "scale": False,
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
    headers = _HEADERS | _trust_headers(methods_of(seen))
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
            headers={name: header for name, header in headers.items() if name in filled},
            extra=gallery([(o.sample, "", _pictures(o)) for o in seen if _pictures(o)]),
        )
    ]


def _trust_headers(titles: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """A column for each method that reads images. titles: method -> title."""
    what = (
        "Share of the image in what {} learned, judged without labels: 0 not used, 0.5 as much as the genes"
    )
    return {
        f"image_trust_{name}": {
            "title": f"Trust, {escape(title)}",
            "description": what.format(escape(title)),
            "scale": "Purples",
            "min": 0,
            "max": 1,
            "format": "{:,.2f}",
        }
        for name, title in titles.items()
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    metrics = outcome.metrics["histology"]
    row = {name: metrics.get(name) for name in _HEADERS}
    if row["mean_background"] is not None:
        row["mean_background"] = 100 * row["mean_background"]
    source = row["image_source"]
    row["image_source"] = _SOURCES.get(source, source)
    reasons = [line.partition(": ")[2] for line in outcome.reasons if line.startswith(f"{_STEP}:")]
    row["warnings"] = "; ".join(reasons) or None
    row |= {f"image_trust_{name}": trust for name, trust in outcome.metrics.get("image_trust", {}).items()}
    return {
        name: escape(value) if isinstance(value, str) else value
        for name, value in row.items()
        if value is not None
    }


def _pictures(outcome: Outcome) -> dict[str, str]:
    pictures = outcome.metrics.get("pictures", {})
    return {caption: pictures[kind] for kind, caption in _FIGURES.items() if kind in pictures}
