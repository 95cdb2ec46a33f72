"""A section as teaching and naming see it: components at several scales, and labels where it teaches.

N spots, D components.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tissuegraph.cohorts.components import Loadings, smoothed_scores
from tissuegraph.io.stored import StoredSlice
from tissuegraph.slices.smoothing import averaging, neighbourhood

N_NEAREST = (
    6  # over which posteriors are averaged, those of the members and that of the whole: one ring of a lattice
)
N_NEAREST_DISTANCE = 18  # over which distances are averaged
# Nearest spots averaged over (slices/smoothing.py), for the members that see several scales
HOPS = (0, 6, 18, 36)
UNLABELLED = -1


@dataclass(frozen=True)
class Source:
    """Where a section comes from, read anew whenever it is needed.

    name: of the slice; read: its kept spots; labels: (N,) region names, None where unlabelled, of a teacher;
    None for a section that does not teach; patient: whose it is, or None; image: its image features (N, F),
    or None; kind: what has to be the same for image features to be compared.
    """

    name: str
    read: Callable[[], StoredSlice]
    labels: np.ndarray | None = None
    patient: str | None = None
    image: Callable[[], np.ndarray] | None = None
    kind: Mapping[str, Any] | None = None


def codes_of(labels: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Place of each label among the names: (N,) int, -1 where it is missing or not among them."""
    place = {name: index for index, name in enumerate(names)}
    return np.array(
        [place.get(label, UNLABELLED) if isinstance(label, str) else UNLABELLED for label in labels]
    )


@dataclass(frozen=True, eq=False)
class Ground:
    """Where spots lie: xy (N, 2) in pixels of um_per_px, None if unknown."""

    xy: np.ndarray
    um_per_px: float | None = None


@dataclass(frozen=True, eq=False)
class Components:
    """One section in the components of a fit.

    scores (N, D) as they are; smoothed (N, D) over the neighbourhood that predicts left-out spots best;
    several (N, 4 D): over each of HOPS.
    """

    scores: np.ndarray
    smoothed: np.ndarray
    several: np.ndarray
    ground: Ground

    def less(self, offset: np.ndarray) -> Components:
        """The same without an offset (D,), which all averages share."""
        return Components(
            self.scores - offset,
            self.smoothed - offset,
            self.several - np.tile(offset, len(HOPS)),
            self.ground,
        )


def components_of(loadings: Loadings, section: StoredSlice) -> Components:
    """Raises InputError where the section lacks the genes that the components are made of."""
    scores, smoothed = smoothed_scores(loadings, section)
    ground = Ground(section.xy, section.um_per_px)
    several = np.hstack([nearby(scores, ground, hop) for hop in HOPS])
    return Components(scores, smoothed, several, ground)


def nearby(values: np.ndarray, ground: Ground, n_nearest: int = N_NEAREST) -> np.ndarray:
    """Each spot's values averaged with those around it (N, D): regions are contiguous."""
    around = neighbourhood(min(n_nearest, len(ground.xy) - 1), ground.um_per_px)
    return np.asarray(averaging(ground.xy, around) @ values, dtype=np.float64)
