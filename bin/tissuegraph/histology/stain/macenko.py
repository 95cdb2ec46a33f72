"""Stains as the edges of the fan that tissue colours form in optical density.

Macenko et al. (2009), A method for normalizing histology slides for quantitative analysis, ISBI.
"""

from __future__ import annotations

import numpy as np

_EDGE = 1.0  # per cent of pixels beyond each edge: robust extremes


def macenko_stains(density: np.ndarray) -> np.ndarray:
    """(2, 3) stain directions from optical densities (P, 3), not ordered.

    The plane of the two largest singular vectors holds both stains; within it they are the 1st and the
    99th percentile of direction.
    """
    _, vectors = np.linalg.eigh(density.T.astype(np.float64) @ density)
    plane = vectors[:, [2, 1]]
    plane[:, 0] *= np.sign(plane[:, 0].sum()) or 1.0  # pointing into the data, so angles do not wrap
    first, second = (density @ plane).T
    edges = np.percentile(np.arctan2(second, first), [_EDGE, 100 - _EDGE])
    return np.stack([np.cos(edges), np.sin(edges)], axis=1) @ plane.T
