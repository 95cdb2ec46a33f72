"""The tissue behind the spots as one small JPEG, and where it lies."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np

SIDE = 1200  # pixels of the longer side: a laptop's screen
_QUALITY = 78
_MARGIN = 0.04  # of the longer side of the spots, shown around them


@dataclass(frozen=True)
class Picture:
    """A data URI, and the full-resolution pixels of its left, top, right and lower edge."""

    uri: str
    edges: tuple[float, float, float, float]


def tissue_picture(image: np.ndarray, scale: float, xy: np.ndarray) -> Picture | None:
    """The part of an image (H, W, 3) uint8 around the spots xy (N, 2); None where they lie beside it.

    scale: image pixels per full-resolution pixel. The longer side has at most SIDE pixels.
    """
    from PIL import Image

    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = _MARGIN * float((high - low).max())
    height, width = image.shape[:2]
    left, top = np.floor(np.maximum((low - margin) * scale, 0)).astype(int)
    right, lower = np.ceil(np.minimum((high + margin) * scale, (width, height))).astype(int)
    if right - left < 2 or lower - top < 2:
        return None
    part = Image.fromarray(np.ascontiguousarray(image[top:lower, left:right]))
    part.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    part.save(buffer, "JPEG", quality=_QUALITY)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    edges = tuple(float(edge / scale) for edge in (left, top, right, lower))
    return Picture(f"data:image/jpeg;base64,{text}", edges)
