"""Rename domains so that those covering the same spots carry the same number."""

from __future__ import annotations

import numpy as np

from tissuegraph.errors import InputError


def match_labels(labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Rename `labels` (N,) to the numbers of `reference` (N,) that they overlap with most.

    Both int; -1 in reference marks spots that do not count. One to one, chosen to maximise the number of
    agreeing spots (Hungarian method). A label without a partner, or whose partner shares no spot with it,
    gets the next number that the reference does not use. Only names change, never who belongs together.
    Raises InputError when the lengths differ.
    """
    from scipy.optimize import linear_sum_assignment  # here: the explorer reads titles of this room only

    labels, reference = np.asarray(labels), np.asarray(reference)
    if labels.shape != reference.shape or labels.ndim != 1:
        raise InputError(
            f"two labellings to match must cover the same spots, got shapes {labels.shape} and "
            f"{reference.shape}; run both on the same slice"
        )
    names, code = np.unique(labels, return_inverse=True)
    counted = reference >= 0
    targets, target_code = np.unique(reference[counted], return_inverse=True)
    overlap = np.bincount(
        code[counted] * len(targets) + target_code, minlength=len(names) * len(targets)
    ).reshape(len(names), len(targets))
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    renamed = np.full(len(names), -1)
    shared = overlap[rows, columns] > 0
    renamed[rows[shared]] = targets[columns[shared]]
    alone = np.flatnonzero(renamed < 0)
    first_new = targets.max() + 1 if len(targets) else 0
    renamed[alone] = first_new + np.arange(len(alone))
    return renamed[code]
