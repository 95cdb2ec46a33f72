"""One answer from several seeds, with a confidence per spot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tissuegraph.clustering.labels import Labels, align, majority


def consensus(per_seed: Sequence[Labels], n_domains: int) -> tuple[Labels, np.ndarray]:
    """Majority over S seeds, and the seeds' own labels (S, N) renamed to match each other.

    A seed's vote for a spot counts as much as its own mixtures agreed on that spot. The share of the
    result is `support` of its labels.
    """
    labelings = np.array([run.labels for run in per_seed])
    shares = np.array([run.share for run in per_seed])
    aligned, _ = align(labelings, n_domains)
    return majority(aligned, n_domains, shares), aligned


def support(labels: np.ndarray, aligned: np.ndarray, per_seed: Sequence[Labels]) -> np.ndarray:
    """How much of the evidence agrees with each label: (N,) in [0, 1].

    labels (N,), named as aligned (S, N). The mean over seeds of the agreeing share: 1 only where every
    mixture of every seed gives this label, 0 where none does, as can happen after a refinement.
    """
    shares = np.array([run.share for run in per_seed])
    return np.where(aligned == labels, shares, 0.0).mean(axis=0)
