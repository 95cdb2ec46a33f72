"""One answer from several seeds, with a confidence per spot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tissuegraph.clustering.labels import Labels, align, majority


def consensus(per_seed: Sequence[Labels], n_domains: int) -> tuple[Labels, np.ndarray]:
    """Majority over S seeds, and the seeds' own labels (S, N) renamed to match each other.

    A seed's vote for a spot counts as much as its own mixtures agreed on that spot. The share of the
    result, the confidence, is the agreeing weight over S: 1 only where every mixture of every seed agrees.
    """
    labelings = np.array([run.labels for run in per_seed])
    shares = np.array([run.share for run in per_seed])
    aligned, _ = align(labelings, n_domains)
    return majority(aligned, n_domains, shares), aligned
