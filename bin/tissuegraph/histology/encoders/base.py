"""What every encoder offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Encoder(Protocol):
    """Tiles of a fixed size to features.

    name: as on the command line; tile_px: side of the tiles it takes; dim: number of features F;
    names: F names; resample: how tiles are brought to tile_px (see Slide.read_region);
    runs_in_threads: whether `encode` may be called from several threads at once. Networks also have
    weights_sha256, which file they came from, and device.
    """

    name: str
    tile_px: int
    dim: int
    names: tuple[str, ...]
    resample: str
    runs_in_threads: bool

    def encode(self, tiles: np.ndarray) -> np.ndarray:
        """Tiles (B, tile_px, tile_px, 3) uint8 to features (B, F) float32."""
