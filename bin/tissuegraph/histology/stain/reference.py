"""The built-in appearance that every slide is brought to where no reference image is given."""

from __future__ import annotations

from functools import cache

import numpy as np

# Directions of optical density in red, green, blue: haematoxylin after Ruifrok and Johnston (2001), eosin
# a little pinker than theirs, as most scanners show it.
HAEMATOXYLIN = np.array([0.65, 0.70, 0.29]) / np.linalg.norm([0.65, 0.70, 0.29])
EOSIN = np.array([0.13, 0.80, 0.36]) / np.linalg.norm([0.13, 0.80, 0.36])
GLASS = np.array([244.0, 243.0, 245.0])
_SIDE = 128  # pixels; 16,384 colours fill the percentiles that the methods look at
_NUCLEI = 0.30  # share of tissue pixels inside nuclei


@cache
def builtin_reference() -> np.ndarray:
    """(128, 128, 3) uint8 pixels of evenly stained tissue: nuclei, cytoplasm and fibres, no glass.

    Amounts lie amid those of real sections: nuclei at a haematoxylin density of about 0.9, the rest at
    0.25; eosin about 0.5. Always the same array, whatever the slide, so that all slides of all runs agree.
    """
    rng = np.random.default_rng(2001)
    shape = (_SIDE, _SIDE)
    nucleus = rng.random(shape) < _NUCLEI
    spread = rng.standard_normal((2, *shape))
    haematoxylin = np.where(nucleus, 0.9, 0.25) * np.exp(0.30 * spread[0])
    eosin = np.where(nucleus, 0.25, 0.5) * np.exp(0.35 * spread[1])
    density = haematoxylin[..., None] * HAEMATOXYLIN + eosin[..., None] * EOSIN
    return np.round(GLASS * np.exp(-density)).astype(np.uint8)
