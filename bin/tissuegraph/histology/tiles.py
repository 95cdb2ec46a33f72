"""Square tiles around spots: how large, in which order, and their pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tissuegraph.errors import SettingsError
from tissuegraph.histology.slide import Slide

PITCH_UM = 100.0  # distance of two spots where the scale of a slice is unknown
MOST_GLASS = 0.3  # share of the tiles that may show more glass than tissue
FEW_PIXELS = 16  # a tile of fewer pixels shows colour and hardly any texture


def tile_side(tile_um: float, um_per_px: float | None, pitch: float, note: Callable[[str], None]) -> float:
    """Side of a tile in full-resolution pixels.

    Where micrometres per pixel are unknown, one pitch (pixels between neighbouring spots) counts as
    PITCH_UM, which is noted. Raises SettingsError for a side that is not positive.
    """
    if not (np.isfinite(tile_um) and tile_um > 0):
        raise SettingsError(f"the tile side must be a positive number of micrometres, got {tile_um}")
    if um_per_px is not None:
        return tile_um / um_per_px
    times = f"{tile_um / PITCH_UM:.2g}"
    wide = "as wide as that" if times == "1" else f"{times} times as wide as that"
    note(
        f"micrometres per pixel are unknown (the column um_per_px gives them): the distance of neighbouring "
        f"spots ({pitch:.0f} px) is assumed to be {PITCH_UM:.0f} um, and a tile is {wide}"
    )
    return tile_um / PITCH_UM * pitch


def warn_of_glass(background: np.ndarray, warn: Callable[[str], None]) -> None:
    """Warn where many tiles show glass; background: (N,) share of each tile that is no tissue."""
    glass = float((background > 0.5).mean())
    if glass > MOST_GLASS:
        warn(
            f"{glass:.0%} of the tiles lie on glass, not on tissue: is it the image of these spots, in their "
            f"pixels?"
        )


def reading_order(centres: np.ndarray, side: float) -> np.ndarray:
    """Indices (N,) of tile centres (N, 2) in bands from top to bottom, each from left to right.

    Tiles read one after the other then share the decoded blocks of the slide.
    """
    return np.lexsort((centres[:, 0], np.floor(centres[:, 1] / (2 * side))))


def read_tiles(
    slide: Slide, centres: np.ndarray, side: float, tile_px: int, resample: str = "bilinear"
) -> np.ndarray:
    """Tiles (B, tile_px, tile_px, 3) uint8 of `side` pixels of the slide around centres (B, 2)."""
    tiles = np.empty((len(centres), tile_px, tile_px, 3), np.uint8)
    for tile, (x, y) in zip(tiles, centres, strict=True):
        tile[:] = slide.read_region(x - side / 2, y - side / 2, side, side, (tile_px, tile_px), resample)
    return tiles


def spread_out(centres: np.ndarray, side: float, n: int) -> np.ndarray:
    """At most n indices of tile centres (N, 2), evenly spaced in reading order, ascending."""
    order = reading_order(centres, side)
    if len(order) <= n:
        return np.sort(order)
    return np.sort(order[np.linspace(0, len(order) - 1, n).round().astype(int)])
