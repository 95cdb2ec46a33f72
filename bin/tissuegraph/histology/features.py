"""The image features of one slice, as one npz that needs nothing but numpy to read."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.intermediate import read_arrays, reading

_TYPES = {
    "features": np.float32,
    "names": str,
    "background": np.float32,
    "shown": np.int64,
    "tiles_before": np.uint8,
    "tiles_after": np.uint8,
    "overview_before": np.uint8,
    "overview_after": np.uint8,
    "overview_matrix": np.float64,
}
_WORDS = ("encoder", "weights_sha256", "stain_method", "stain_reference_sha256", "um_per_px_source")
_NUMBERS = ("tile_um", "tile_px", "side_px", "um_per_px")


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What an encoder saw of N kept spots in slice order, F features, and M tiles to show.

    features: (N, F) float32, finite; names: (F,) str
    background: (N,) float32, share of the tile that is no tissue, 0 to 1
    encoder: its name; tile_um: side of a tile; tile_px and side_px: the same in pixels of the
        image that was read, and in full-resolution pixels, in which spots have their positions
    shown: (M,) indices of spots; tiles_before, tiles_after: (M, h, w, 3) uint8, stain normalisation
    overview_before, overview_after: the whole section, (H, W, 3) uint8
    overview_matrix: (3, 3), full-resolution pixels (x, y, 1) to pixels of the overviews
    weights_sha256: of the file that the encoder's weights came from; empty for encoders without
    stain_method: of the normalisation; stain_reference_sha256: of the image that was matched, empty for the
        built-in reference
    um_per_px: micrometres per full-resolution pixel, which made side_px of tile_um; um_per_px_source: who
        said so; NaN and empty where the distance between spots stood in for it

    Construction converts types and checks shapes; raises InputError naming what is at fault.
    """

    features: np.ndarray
    names: np.ndarray
    background: np.ndarray
    encoder: str
    tile_um: float
    tile_px: float
    side_px: float
    shown: np.ndarray
    tiles_before: np.ndarray
    tiles_after: np.ndarray
    overview_before: np.ndarray
    overview_after: np.ndarray
    overview_matrix: np.ndarray
    weights_sha256: str = ""
    stain_method: str = "none"
    stain_reference_sha256: str = ""
    um_per_px: float = math.nan
    um_per_px_source: str = ""

    def __post_init__(self) -> None:
        for name, kind in _TYPES.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        for name in _WORDS:
            object.__setattr__(self, name, str(getattr(self, name)))
        for name in _NUMBERS:
            object.__setattr__(self, name, float(getattr(self, name)))
        _check(self)

    @property
    def n_spots(self) -> int:
        return len(self.features)

    @property
    def scale_is_known(self) -> bool:
        """Whether tiles are tile_um wide, and not so many distances between spots."""
        return math.isfinite(self.um_per_px)

    @property
    def overview_scale(self) -> float:
        """Pixels of the overviews per full-resolution pixel."""
        return float(np.sqrt(abs(np.linalg.det(self.overview_matrix[:2, :2]))))

    def on_overview(self, xy: np.ndarray) -> np.ndarray:
        """Pixels of the overviews (N, 2) of full-resolution positions xy (N, 2)."""
        return np.asarray(xy) @ self.overview_matrix[:2, :2].T + self.overview_matrix[:2, 2]

    def save(self, path: str | Path) -> None:
        """Write everything to one npz, not compressed; `load` gives back the same values."""
        with open(path, "wb") as file:
            np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: str | Path) -> ImageFeatures:
        """Read what `save` wrote; raises InputError when the file is something else or damaged."""
        with reading(path, "image features"):
            return cls(**read_arrays(path, "image features", [field.name for field in fields(cls)]))


def _check(image: ImageFeatures) -> None:
    if image.features.ndim != 2 or not image.features.size:
        raise InputError(f"features must be spots x features, got shape {image.features.shape}")
    n_spots, n_features = image.features.shape
    n_shown = len(image.shown)
    expected = {"names": (n_features,), "background": (n_spots,), "overview_matrix": (3, 3)}
    for name, shape in expected.items():
        if getattr(image, name).shape != shape:
            raise InputError(
                f"{name} must have shape {shape} to go with features {image.features.shape}, got "
                f"{getattr(image, name).shape}"
            )
    if not np.isfinite(image.features).all():
        raise InputError("features must be finite, got NaN or infinite values; encode the slice again")
    if not ((image.background >= 0) & (image.background <= 1)).all():
        raise InputError("background must be shares between 0 and 1; encode the slice again")
    if len(image.tiles_before) != n_shown or image.tiles_after.shape != image.tiles_before.shape:
        raise InputError(
            f"tiles_before and tiles_after must show the same {n_shown} spots, got "
            f"{image.tiles_before.shape} and {image.tiles_after.shape}"
        )
    if n_shown and not 0 <= image.shown.min() <= image.shown.max() < n_spots:
        raise InputError(f"shown must be spots below {n_spots}, got {image.shown.max()}")
