"""Which inferred genes take part in the domain analysis of their slice: those that are inferred reliably."""

from __future__ import annotations

import numpy as np

LEAST_GENES = 50  # so many take part in any case, where the panel has them


def genes_that_go_on(reliability: np.ndarray, least: float | None) -> tuple[np.ndarray, str | None]:
    """Which of M genes take part, (M,) bool, and a warning where too few are reliable.

    reliability: (M,), NaN where unknown; such genes do not take part. least: None takes all.
    """
    if least is None:
        return np.ones(len(reliability), dtype=bool), None
    known = np.nan_to_num(reliability, nan=-np.inf)
    chosen = known >= least
    wanted = min(LEAST_GENES, len(known))
    if chosen.sum() >= wanted:
        return chosen, None
    n_reliable = int(chosen.sum())
    chosen = np.zeros(len(known), dtype=bool)
    chosen[np.argsort(-known, kind="stable")[:wanted]] = True
    return chosen, (
        f"only {n_reliable} of {len(known)} inferred genes have a reliability of {least:g} or more "
        f"(panel.min_reliability), so the {wanted} most reliable take part in domains: read those with care"
    )
