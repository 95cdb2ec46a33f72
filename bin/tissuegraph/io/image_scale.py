"""Micrometres per pixel of an image file, as its own fields say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tissuegraph.errors import InputError
from tissuegraph.io.images import image_kind, image_size, open_tiff
from tissuegraph.io.kinds import TIFF
from tissuegraph.io.registration import read_matrix
from tissuegraph.io.tiff import plane_size

# Histology is scanned at 0.1 to 1 um per pixel, its overviews at up to 20; 72 or 96 dots per inch, 353 and
# 265 um, are what programs write that know nothing of the tissue.
LEAST_OF_IMAGE, MOST_OF_IMAGE = 0.05, 20.0
SQUARE = 1.05  # the longer side of a pixel over the shorter one, at most

_UM = {
    **{"pm": 1e-6, "Å": 1e-4, "nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0},
    **{"mm": 1e3, "cm": 1e4, "m": 1e6, "in": 25_400.0},
}  # the two signs of micro differ
_UM_OF_TAG = {2: 25_400.0, 3: 10_000.0}  # ResolutionUnit: inch, centimetre; 1 says nothing
_NUMBER = r"([0-9.eE+-]+)"
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b([^<>]{0,4000})>")
_ATTRIBUTE = re.compile(r"""(\w+)\s*=\s*["']([^"'<>]*)["']""")
_APERIO = re.compile(rf"(?:^|[|\s])MPP\s*=\s*{_NUMBER}")


def image_scale(path: Path) -> tuple[float, str] | None:
    """Micrometres per pixel of an image, and which of its fields says so; None where none does.

    Of a TIFF that is OME-XML, `openslide.mpp-x` or Aperio's `MPP` in its description, or the resolution tags;
    the first one that can be the scale of histology. PNG and JPEG know dots per inch of paper only.
    """
    try:
        if image_kind(path) != TIFF:
            return None
        size = image_size(path)
        with open_tiff(path) as tiff:
            series = next((s for s in tiff.series if plane_size(s.levels[0]) == size), tiff.series[0])
            page = series.levels[0].keyframe
            described = f"{tiff.pages[0].description}\n{page.description}"
            candidates = (
                ("OME-XML", _of_ome(tiff.ome_metadata, size) if tiff.is_ome else None),
                ("openslide.mpp-x", _of_openslide(described)),
                ("Aperio MPP", _square(_APERIO.findall(described)[:1])),
                ("resolution tags", _of_tags(page.tags)),
            )
    except InputError:  # whoever reads its pixels says what is wrong with it
        return None
    return next(((um, field) for field, um in candidates if um is not None), None)


def registered_scale(image: Path, matrix: Path) -> tuple[float, str] | None:
    """As `image_scale`, in micrometres per unit of the coordinates that a matrix maps pixels to."""
    told = image_scale(image)
    try:
        return told and (told[0] * read_matrix(matrix).scale, told[1])
    except InputError:  # as above
        return None


def _of_ome(xml: str | None, size: tuple[int, int]) -> float | None:
    """By the Pixels element of an image of `size`. Searched as text: the XML of a stranger is not parsed."""
    for found in _PIXELS.finditer(xml or ""):
        said: Mapping[str, str] = dict(_ATTRIBUTE.findall(found[1]))
        if (said.get("SizeX"), said.get("SizeY")) == tuple(map(str, size)):
            units = [_UM.get(said.get(f"PhysicalSize{axis}Unit", "µm"), math.nan) for axis in "XY"]
            return _square([said.get(f"PhysicalSize{axis}") for axis in "XY"], units)
    return None


def _of_openslide(text: str) -> float | None:
    """As libvips writes it into XML, or as `name: value` or `name = value`."""
    between = r"[\"']?\s*(?:</name>\s*<value[^<>]*>|[:=])\s*[\"']?"
    found = [re.search(rf"openslide\.mpp-{axis}{between}{_NUMBER}", text) for axis in "xy"]
    return _square([each and each[1] for each in found])


def _of_tags(tags: Any) -> float | None:
    """By pixels per inch or centimetre; without a stated unit these are a ratio of sides."""
    um = _UM_OF_TAG.get(int(tags.valueof("ResolutionUnit", 1)))
    ratios = [tags.valueof(name) for name in ("XResolution", "YResolution")]
    if um is None or any(ratio is None or 0 in ratio for ratio in ratios):
        return None
    return _square([um * below / above for above, below in ratios])


def _square(sides: list[Any], units: list[float] | None = None) -> float | None:
    """Side of a pixel in micrometres, of its width and height; None where it is none of a scan.

    sides: numbers or text, of which the height may be missing; units: micrometres in one of each.
    """
    try:
        told = [float(side) * unit for side, unit in zip(sides, units or [1.0, 1.0], strict=False) if side]
    except ValueError:
        return None
    if not told or not all(LEAST_OF_IMAGE <= side <= MOST_OF_IMAGE for side in told):
        return None
    return math.sqrt(told[0] * told[-1]) if max(told) <= SQUARE * min(told) else None
