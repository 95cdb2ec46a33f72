"""Stains by sparse non-negative factorisation of optical density.

Vahadane et al. (2016), Structure-preserving color normalization and sparse stain separation for
histological images, IEEE TMI 35: min |V - C S|^2 / 2 + lambda |C|_1 with C, S >= 0 and unit rows of S.

Two stains allow the sparse amounts to be written down exactly for all pixels at once, which takes a
fraction of a second where a general dictionary learner needs several.
"""

from __future__ import annotations

import numpy as np

from tissuegraph.histology.stain.macenko import macenko_stains
from tissuegraph.histology.stain.transfer import order_stains

_SPARSITY = 0.1  # lambda of the paper
_PIXELS = 10_000
_STEPS = 300
_SETTLED = 1e-5  # change of a direction per step


def vahadane_stains(density: np.ndarray) -> np.ndarray:
    """(2, 3) stain directions from optical densities (P, 3); starts from Macenko's, so it is repeatable."""
    chosen = np.random.default_rng(0).permutation(len(density))[:_PIXELS]
    sample = density[chosen].astype(np.float64)
    stains = order_stains(macenko_stains(density))
    for _ in range(_STEPS):
        amounts = sparse_amounts(sample, stains)
        updated = _updated(sample, amounts, stains)
        moved = np.abs(updated - stains).max()
        stains = updated
        if moved < _SETTLED:
            break
    return stains


def sparse_amounts(density: np.ndarray, stains: np.ndarray, sparsity: float = _SPARSITY) -> np.ndarray:
    """(P, 2) non-negative amounts that minimise |v - c S|^2 / 2 + sparsity * sum(c) for every pixel v.

    stains: (2, 3) unit vectors. Either both stains are present and the unconstrained optimum is positive,
    or the better of the two single-stain optima is the answer.
    """
    projected = density @ stains.T - sparsity
    gram = stains @ stains.T + 1e-9 * np.eye(2)
    both = projected @ np.linalg.inv(gram)
    single = np.maximum(projected, 0.0)
    single[np.arange(len(single)), single.argmin(axis=1)] = 0.0
    return np.where((both > 0).all(axis=1, keepdims=True), both, single)


def _updated(density: np.ndarray, amounts: np.ndarray, stains: np.ndarray) -> np.ndarray:
    """One sweep over the stains, each the best non-negative unit vector given the other."""
    stains = stains.copy()
    for index in (0, 1):
        own = amounts[:, index]
        rest = density - np.outer(amounts[:, 1 - index], stains[1 - index])
        direction = np.maximum(own @ rest, 0.0)
        length = np.linalg.norm(direction)
        if length > 0:  # a stain that no pixel uses stays where it was
            stains[index] = direction / length
    return stains
