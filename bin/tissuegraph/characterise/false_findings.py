"""Many tests at once: p-values that hold the share of false findings among those below a limit."""

from __future__ import annotations

import numpy as np


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """P-values of any shape, adjusted over all of them that are not NaN (Benjamini and Hochberg 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x).
    """
    adjusted = np.full(np.shape(p), np.nan)
    known = np.isfinite(p)
    if known.any():
        from scipy.stats import false_discovery_control

        adjusted[known] = false_discovery_control(np.asarray(p, dtype=float)[known])
    return adjusted
