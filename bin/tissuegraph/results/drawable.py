"""What scanpy and squidpy need to draw an h5ad as it is: a picture named hires, and the size of a spot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

SPOT_PER_PITCH = 0.55  # diameter of a drawn spot where the platform does not say: that of Visium's
BLANK_SIDE = 100  # pixels of the longer side of the empty picture of a slice without any


def drawable(library: Mapping[str, Any], xy: np.ndarray, pitch: float) -> dict[str, Any]:
    """A library of uns['spatial'], completed: images, scalefactors.

    Both packages look for `hires` first: where there is lowres alone it stands under both names, each with
    its scale factor, and where there is no image an empty one, which our reader leaves out again. xy (N, 2),
    pitch: full-resolution pixels.
    """
    images, factors = dict(library.get("images", {})), dict(library.get("scalefactors", {}))
    if np.isfinite(pitch):
        factors.setdefault("spot_diameter_fullres", SPOT_PER_PITCH * float(pitch))
    if not images:
        right, lower = np.maximum(np.asarray(xy, dtype=float).max(axis=0) + np.nan_to_num(pitch), 1.0)
        factors["tissue_hires_scalef"] = scale = BLANK_SIDE / max(right, lower)
        shape = (int(np.ceil(lower * scale)), int(np.ceil(right * scale)), 3)
        images["hires"] = np.full(shape, 255, dtype=np.uint8)
    elif "hires" not in images and "lowres" in images:
        images["hires"] = images["lowres"]
        factors["tissue_hires_scalef"] = factors["tissue_lowres_scalef"]
    return {**library, "images": images, "scalefactors": factors}
