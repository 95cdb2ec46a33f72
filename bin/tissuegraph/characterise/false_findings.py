"""Many tests at once: p-values that hold the share of false findings among those below a limit."""

from __future__ import annotations

import numpy as np

ALPHA = 0.05
INFERRED = "expression of this slice was inferred from the image, not measured: p-values are left empty"


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """P-values of any shape, adjusted over all of them that are not NaN (Benjamini and Hochberg 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x).
    """
    adjusted = np.full(np.shape(p), np.nan)
    known = np.isfinite(p)
    values = np.asarray(p, dtype=float)[known]
    order = np.argsort(values, kind="stable")
    # (scipy.stats has it too, but its import takes longer than all else that a small slice costs)
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    monotone = np.minimum.accumulate(scaled[::-1])[::-1]
    found = np.empty_like(values)
    found[order] = np.minimum(monotone, 1.0)
    adjusted[known] = found
    return adjusted
