"""Image features of a slice as tokens: standardised, reduced, and gathered around each spot.

N spots, F image features, C components, T tokens per spot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tissuegraph.errors import InputError
from tissuegraph.multist.attention import Tokens
from tissuegraph.multist.settings import Fusion
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.neighbours import nearest_spots
from tissuegraph.slices.preprocess import pca

SMOOTHED_OVER = 7  # nearest tiles


@dataclass(frozen=True, eq=False)
class ImageTokens:
    """The tiles of a slice and who attends to which, on the device.

    values: (N, C) float32 of mean square 1, 0 in missing rows; present: bool (N,); neighbours: (N, T) int64,
    the spot itself first; distance: (N, T) float32 in pitches
    """

    values: Tensor
    present: Tensor
    neighbours: Tensor
    distance: Tensor

    def around(self, spots: Tensor, source: Tensor | None = None) -> Tokens:
        """Tokens of some spots (B,), from the whole slice; of another source (N, C'), all present."""
        chosen = self.neighbours[spots]  # (B, T)
        values = (self.values if source is None else source)[chosen]
        present = self.present[chosen] if source is None else torch.ones_like(chosen, dtype=torch.bool)
        return Tokens(values, self.distance[spots], present)


def checked_image(image: np.ndarray, n_spots: int) -> np.ndarray:
    """Image features as float64 (N, F), or an InputError. A row with NaN is a spot without a tile."""
    image = np.asarray(image, dtype=np.float64)
    if image.ndim != 2 or len(image) != n_spots or image.shape[1] == 0:
        raise InputError(
            f"image features need one row per kept spot ({n_spots}), got shape {image.shape}; "
            "encode the image again with the spots of this slice"
        )
    if np.isinf(image).any():
        raise InputError("image features must be finite, got infinite values; encode the image again")
    return image


def image_tokens(
    arrays: SliceArrays, image: np.ndarray, settings: Fusion, device: torch.device
) -> ImageTokens:
    """Prepare the tokens. image: (N, F) as `checked_image` returns it."""
    present = ~np.isnan(image).any(axis=1)
    components = pca(standardised(image[present]), settings.image_pcs)
    values = np.zeros((len(image), components.shape[1]))
    values[present] = components / max(np.sqrt(np.square(components).mean()), 1e-12)
    if settings.image_smoothing:
        values = _smoothed(values, present, arrays.position, settings.image_smoothing)
    neighbours = np.arange(len(image))[:, None]
    distance = np.zeros((len(image), 1))
    if settings.tokens == "neighbourhood":
        nearest, away = nearest_spots(arrays.position, settings.token_neighbours)
        neighbours = np.hstack([neighbours, nearest])
        distance = np.hstack([distance, away / arrays.pitch])
    return ImageTokens(
        values=torch.as_tensor(values, dtype=torch.float32).to(device),
        present=torch.as_tensor(present).to(device),
        neighbours=torch.as_tensor(neighbours.astype(np.int64)).to(device),
        distance=torch.as_tensor(distance, dtype=torch.float32).to(device),
    )


def standardised(image: np.ndarray) -> np.ndarray:
    """Each feature to mean 0 and variance 1; constant ones to 0."""
    deviation = image.std(axis=0)
    return (image - image.mean(axis=0)) / np.where(deviation > 1e-12, deviation, np.inf)


def _smoothed(values: np.ndarray, present: np.ndarray, position: np.ndarray, share: float) -> np.ndarray:
    """(1 - share) f_i + share * Gaussian mean of the nearest tiles, sigma twice their median distance."""
    nearest, distance = nearest_spots(position, SMOOTHED_OVER)
    sigma = max(2 * np.median(distance), 1e-12)
    weight = np.exp(-((distance / sigma) ** 2) / 2) * present[nearest]
    total = weight.sum(axis=1, keepdims=True)
    mean = np.einsum("nk,nkc->nc", weight / np.maximum(total, 1e-12), values[nearest])
    blended = (1 - share) * values + share * np.where(total > 0, mean, values)
    return np.where(present[:, None], blended, 0.0)
