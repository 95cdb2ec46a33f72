"""Image features of a slice as tokens: standardised, reduced, and gathered around each spot.

N spots, F image features, C components, T tokens per spot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tissuegraph.histology.view import SpotImages
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


def image_tokens(
    arrays: SliceArrays, images: SpotImages, settings: Fusion, device: torch.device
) -> ImageTokens:
    """Reduce the features to components, scale these to mean square 1, and say who attends to whom."""
    present = images.present
    components = pca(images.features, settings.image_pcs)
    components /= max(np.sqrt(np.square(components).mean()), 1e-12)
    values = images.spread_out(components.astype(np.float64))
    if settings.image_smoothing:
        values = _smoothed(values, present, arrays.position, settings.image_smoothing)
    neighbours = np.arange(arrays.n_spots)[:, None]
    distance = np.zeros((arrays.n_spots, 1))
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


def _smoothed(values: np.ndarray, present: np.ndarray, position: np.ndarray, share: float) -> np.ndarray:
    """(1 - share) f_i + share * Gaussian mean of the nearest tiles, sigma twice their median distance."""
    nearest, distance = nearest_spots(position, SMOOTHED_OVER)
    sigma = max(2 * np.median(distance), 1e-12)
    weight = np.exp(-((distance / sigma) ** 2) / 2) * present[nearest]
    total = weight.sum(axis=1, keepdims=True)
    mean = np.einsum("nk,nkc->nc", weight / np.maximum(total, 1e-12), values[nearest])
    blended = (1 - share) * values + share * np.where(total > 0, mean, values)
    return np.where(present[:, None], blended, 0.0)
