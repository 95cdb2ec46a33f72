"""Scores of regions that carry names against an annotation with the same names: nothing is matched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def named_scores(regions: Sequence[str], annotation: Sequence[str | None]) -> dict[str, float | int]:
    """Scores of regions (N,) on the `n_labelled` of N spots that are annotated; empty without any.

    Names count as equal where they are so letter by letter.
    """
    known = np.array([name is not None for name in annotation], dtype=bool)
    if not known.any():
        return {}
    truth = np.array([str(name) for name in annotation if name is not None])
    said = np.array([str(name) for name in regions])[known]
    return {"n_labelled": int(known.sum()), **compared(truth, said)}


def compared(truth: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """`ari`, `macro_f1` and `accuracy` of what was said (N,) against an annotation (N,) of every spot.

    macro_f1 is the mean over the annotated names: one that was never taught has an F1 of 0, one that is only
    predicted costs the others recall.
    """
    from sklearn.metrics import adjusted_rand_score, f1_score

    return {
        "ari": float(adjusted_rand_score(truth, said)),
        "macro_f1": float(f1_score(truth, said, labels=np.unique(truth), average="macro", zero_division=0)),
        "accuracy": float((truth == said).mean()),
    }
