"""Inferred expression as whole numbers, so that every later step can read it like any other slice.

These are no measurements: the slice says so in uns['tissuegraph']['inferred'].
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError


def unlogged(predicted: np.ndarray, log: str) -> np.ndarray:
    """Expression (N, M) on the linear scale, at least 0. log: log1p or log10, of x + 1."""
    values = np.maximum(predicted.astype(np.float64), 0)
    return np.expm1(values * math.log(10) if log == "log10" else values)


def whole_numbers(predicted: np.ndarray, panel: Any, depth: float) -> sparse.csr_matrix:
    """Counts (N, M) float32 CSR whose median spot has as many counts as a reference spot.

    predicted: (N, M), on the scale of `panel` (see tissuegraph.presets.spahgc.Panel); depth: counts of
    the median spot of the references. The panel carries all of the depth: with its own small share of
    it, rounding would leave little of genes with low expression. One factor for the whole slice keeps
    the differences between spots. Raises InputError where nothing is predicted to be expressed.
    """
    linear = unlogged(predicted, panel.log)
    total = float(np.median(linear.sum(axis=1)))
    if not total > 0:
        raise InputError(
            "no gene is predicted to be expressed in the median spot; are image and references of one tissue?"
        )
    counts = sparse.csr_matrix(np.rint(linear * (depth / total)).astype(np.float32))
    counts.eliminate_zeros()
    return counts
