"""Inferred expression as whole numbers, so that every later step can read it like any other slice.

These are no measurements: the slice says so in uns['tissuegraph']['inferred'].
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError

COUNTS_PER_GENE = 1000  # on average: a step of rounding is a thousandth of the mean


def unlogged(predicted: np.ndarray, log: str) -> np.ndarray:
    """Expression (N, M) on the linear scale, at least 0. log: log1p or log10, of x + 1."""
    values = np.maximum(predicted.astype(np.float64), 0)
    return np.expm1(values * math.log(10) if log == "log10" else values)


def whole_numbers(predicted: np.ndarray, panel: Any) -> sparse.csr_matrix:
    """Counts (N, M) float32 CSR, COUNTS_PER_GENE times M of them in the median spot.

    predicted: (N, M), on the scale of `panel` (see tissuegraph.spahgc.settings.Panel). One factor for the
    whole slice keeps the differences between spots. Predictions vary little around each gene's mean: at
    the depth of a sequenced spot, rounding would leave nothing of that. Raises InputError where nothing
    is predicted to be expressed.
    """
    linear = unlogged(predicted, panel.log)
    total = float(np.median(linear.sum(axis=1)))
    if not total > 0:
        raise InputError(
            "no gene is predicted to be expressed in the median spot; are image and references of one tissue?"
        )
    factor = COUNTS_PER_GENE * predicted.shape[1] / total
    counts = sparse.csr_matrix(np.rint(linear * factor).astype(np.float32))
    counts.eliminate_zeros()
    return counts
