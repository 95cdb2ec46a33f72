"""Many tests at once: p-values that hold the share of false findings among those below a limit."""

from __future__ import annotations

import numpy as np


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """P-values of any shape, adjusted over all of them that are not NaN (Benjamini and Hochberg 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x).
    """
    adjusted = np.array(p, dtype=float)
    known = ~np.isnan(adjusted)
    values = adjusted[known]
    order = np.argsort(-values, kind="stable")
    rank = np.arange(len(values), 0, -1)
    values[order] = np.minimum(np.minimum.accumulate(values[order] * len(values) / rank), 1.0)
    adjusted[known] = values
    return adjusted
