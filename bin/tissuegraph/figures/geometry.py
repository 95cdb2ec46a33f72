"""What a spot looks like on the page: shape and size that fill the tissue, from positions alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

_SAMPLE = 5_000  # spots looked at to recognise the lattice: plenty, and keeps a million cells cheap
_REACH = 1.25  # a lattice neighbour is at most this many pitches away; the next ring is >= 1.41


@dataclass(frozen=True)
class SpotShape:
    """Outline of one spot around the origin, in full-resolution pixels.

    kind: `hexagonal` or `square` lattice, or `scattered` cells; outline: (V, 2) polygon;
    width: distance in pixels from one spot's centre to the next.
    """

    kind: str
    outline: np.ndarray
    width: float


def spot_shape(position: np.ndarray) -> SpotShape:
    """The shape that tiles the tissue without gaps. position: (N, 2) pixels.

    On a hexagonal or square lattice it is the lattice's cell, turned as the lattice is; for scattered
    cells a disc with the area that a cell has on average.
    """
    if len(position) < 8:
        return SpotShape("scattered", _polygon(24, _spread(position) / 8, 0.0), _spread(position) / 4)
    chosen = np.random.default_rng(0).permutation(len(position))[:_SAMPLE]
    distance, neighbour = cKDTree(position).query(position[chosen], k=8)
    pitch = float(np.median(distance[:, 1]))
    near = (distance[:, 1:] <= _REACH * pitch).sum(axis=1)  # (S,) neighbours on the first ring
    regular = np.percentile(distance[:, 1], 90) <= 1.1 * pitch
    offset = position[neighbour[:, 1]] - position[chosen]
    for kind, fold, ring in (("hexagonal", 6, (5, 6)), ("square", 4, (3, 4))):
        if regular and np.median(near) in ring:
            # The whole ring, not the nearest: measured positions are off the lattice by a little.
            pitch = float(np.median(distance[:, 1 : fold + 1]))
            turn = _lattice_angle(offset, fold) + np.pi / fold
            return SpotShape(kind, _polygon(fold, pitch / (2 * np.cos(np.pi / fold)), turn), pitch)
    # A disc of radius d7 holds about 7 other cells, so a cell has the area pi d7^2 / 7.
    area = np.pi * float(np.median(distance[:, 7])) ** 2 / 7
    return SpotShape("scattered", _polygon(24, np.sqrt(area / np.pi), 0.0), float(np.sqrt(area)))


def label_positions(position: np.ndarray, labels: np.ndarray, n_labels: int) -> np.ndarray:
    """(K, 2) position of a spot deep inside each label 0..K-1, NaN where a label is empty.

    Deep: among the spots whose neighbourhood holds most of the same label, the one nearest to their
    middle. The middle of all spots of a label may lie outside a bent layer, or on an island of another.
    """
    found = np.full((n_labels, 2), np.nan)
    rng = np.random.default_rng(0)
    sample = rng.permutation(len(position))[:_SAMPLE]
    points, own_label = position[sample], labels[sample]
    _, neighbour = cKDTree(points).query(points, k=min(25, len(points)))
    share = (own_label[neighbour.reshape(len(points), -1)] == own_label[:, None]).mean(axis=1)  # (S,)
    for label in range(n_labels):
        own = own_label == label
        if not own.any():
            continue
        deep = points[own & (share >= np.quantile(share[own], 0.8))]
        found[label] = deep[np.argmin(((deep - np.median(deep, axis=0)) ** 2).sum(axis=1))]
    return found


def scale_bar(width_px: float, um_per_px: float) -> tuple[float, str]:
    """Length in pixels and label of a bar of 1, 2 or 5 x 10^k micrometres, about a fifth of the width."""
    target = 0.22 * width_px * um_per_px
    decade = 10.0 ** np.floor(np.log10(target))
    length = max(step * decade for step in (1, 2, 5) if step * decade <= target)
    label = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    return length / um_per_px, label


def _polygon(n_corners: int, radius: float, turn: float) -> np.ndarray:
    angle = turn + 2 * np.pi * np.arange(n_corners) / n_corners
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


def _lattice_angle(offset: np.ndarray, fold: int) -> float:
    """Direction to a neighbour, modulo the lattice's rotational symmetry; (S, 2) -> radians."""
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    return float(np.angle(np.exp(1j * fold * angle).mean()) / fold)


def _spread(position: np.ndarray) -> float:
    return float(max(np.ptp(position, axis=0).max(initial=0.0), 1.0)) if len(position) else 1.0
