"""Colour, stain and texture statistics: no weights, the default."""

from __future__ import annotations

import numpy as np


class HandcraftedEncoder:
    """The statistics of tissuegraph.histology.handcrafted on tiles of 128 pixels.

    At the default side of 100 um that is 0.8 um per pixel: nuclei are several pixels wide, and slides of
    different scanners are compared at one resolution.
    """

    name = "handcrafted"
    tile_px = 128
    resample = "bilinear"
    runs_in_threads = True

    def __init__(self) -> None:
        from tissuegraph.histology.handcrafted import FEATURE_NAMES, handcrafted_features

        self.names = tuple(FEATURE_NAMES)
        self.dim = len(self.names)
        self._features = handcrafted_features

    def encode(self, tiles: np.ndarray) -> np.ndarray:
        """Tiles (B, h, w, 3) uint8 to (B, F) float32."""
        return self._features(tiles)
