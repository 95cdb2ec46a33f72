"""Whether a target's image is like those of its references: tile by tile, and the slide as a whole.

What is usual is learned from references that were held out from each other. N spots, F image features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from tissuegraph.keys import REFERENCE_SIMILARITY
from tissuegraph.spahgc.retrieval import retrieve
from tissuegraph.spahgc.scaling import ImageScaling

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SAMPLE = 2_000  # tiles of a held-out reference whose similarity is taken
_NEAREST = 7  # where the graph has no edges from references
LEAST_SHIFT = 1.0  # standard deviations: a smaller difference between slides is not worth a word
SHIFT_FACTOR = 2.0  # so many times the largest difference among references is unlike them


def similarity(
    image: np.ndarray, references: Sequence[np.ndarray], k: int, device: str | torch.device = "cpu"
) -> np.ndarray:
    """Mean cosine of each tile (N, F) to its k most similar references, all scaled alike: (N,) float32."""
    found = retrieve(image, references, k or _NEAREST, "cosine", device=device)
    return found.score.mean(axis=1, dtype=np.float64).astype(np.float32)


def some_tiles(image: np.ndarray) -> np.ndarray:
    """At most SAMPLE rows of (N, F), evenly spread: enough for quantiles, whatever the size of a slice."""
    if len(image) <= SAMPLE:
        return image
    return image[np.linspace(0, len(image) - 1, SAMPLE).round().astype(int)]


def shift(image: np.ndarray, scaling: ImageScaling) -> float:
    """How far the mean of a slide's features (N, F) lies from that of the references.

    In standard deviations over the references' spots, mean over the features that vary there. Scaling slice
    by slice takes this difference out, so it is judged on features as they were encoded.
    """
    varies = scaling.deviation > 1e-7 * np.maximum(np.abs(scaling.mean), 1e-12)
    if not varies.any():
        return 0.0
    off = np.abs(image.mean(axis=0, dtype=np.float64) - scaling.mean)[varies] / scaling.deviation[varies]
    return float(off.mean())


def usual(
    names: Sequence[str], similarities: Sequence[np.ndarray], shifts: Sequence[float]
) -> dict[str, Any]:
    """What held-out references were like, as plain numbers, lists and text."""
    return {
        "held_out": list(names),
        "quantiles": list(QUANTILES),
        REFERENCE_SIMILARITY: [
            [round(float(value), 4) for value in np.quantile(each, QUANTILES)] for each in similarities
        ],
        "shift": [round(each, 4) for each in shifts],
    }


def is_far(moved: float, known: Mapping[str, Any]) -> bool:
    """Whether a slide as a whole lies further from the references than they from each other; see `unlike`."""
    return bool(known) and moved > max(LEAST_SHIFT, SHIFT_FACTOR * max(known["shift"]))


def unlike(name: str, found: np.ndarray, moved: float, known: Mapping[str, Any]) -> tuple[str, ...]:
    """In words, what about a target is unlike its references; empty where nothing is.

    found: (N,) similarity of its tiles; moved: its shift; known: see `usual`, empty where unknown.
    A target is unlike where its median tile is less similar than 95 % of the tiles of every reference were,
    when held out; and where its slide as a whole lies further away than SHIFT_FACTOR times the furthest
    reference did, and than LEAST_SHIFT.
    """
    if not known:
        return ()
    notes, remedy = [], "check organ, stain and magnification; reliability does not hold for it"
    middle, rows = float(np.median(found)), np.array(known[REFERENCE_SIMILARITY])
    if middle < rows[:, 0].min():
        low, high = rows[:, QUANTILES.index(0.5)].min(), rows[:, QUANTILES.index(0.5)].max()
        notes.append(
            f"the tiles of {name} are unlike those of its references: the similarity of the median tile is "
            f"{middle:.2f}, of references held out from each other {low:.2f} to {high:.2f}; {remedy}"
        )
    if is_far(moved, known):
        notes.append(
            f"the slide of {name} is unlike those of its references as a whole: its mean image features lie "
            f"{moved:.1f} standard deviations away, those of references held out from each other "
            f"{min(known['shift']):.1f} to {max(known['shift']):.1f}; {remedy}, nor do levels of its genes"
        )
    return tuple(notes)
