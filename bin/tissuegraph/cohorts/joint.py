"""One clustering over all sections of a group: S sections of N spots, D components, R seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tissuegraph.clustering.cluster import cluster
from tissuegraph.clustering.consensus import consensus, support
from tissuegraph.clustering.labels import by_size


@dataclass(frozen=True, eq=False)
class JointDomains:
    """Of one section: labels (N,) int from 0, the same for all sections; confidence (N,); per_seed (R, N)."""

    labels: np.ndarray
    confidence: np.ndarray
    per_seed: np.ndarray


def centred(components: np.ndarray) -> np.ndarray:
    """Components (N, D) less the mean of their section.

    That takes depth and batch away; it assumes that sections hold much the same tissue, which the verdict
    looks at.
    """
    components = np.asarray(components, dtype=np.float64)
    return components - components.mean(axis=0)


def joint_domains(
    sections: Mapping[str, np.ndarray], n_domains: int, seeds: Sequence[int] = (0, 1, 2)
) -> dict[str, JointDomains]:
    """Domains of all sections from one vote of mixtures per seed over their centred components.

    sections: name -> smoothed components (N, D). The order of sections changes nothing but rounding.
    """
    names = sorted(sections)
    stacked = np.vstack([centred(sections[name]) for name in names])
    runs = [cluster(stacked, n_domains, "vote", seed) for seed in seeds]
    agreed, per_seed = consensus(runs, n_domains)
    confidence = support(agreed.labels, per_seed, runs)
    number = by_size(agreed.labels, n_domains)
    labels, per_seed = number[agreed.labels], number[per_seed]
    ends = np.cumsum([len(sections[name]) for name in names])
    found = {}
    for name, end in zip(names, ends.tolist(), strict=True):
        rows = slice(end - len(sections[name]), end)
        found[name] = JointDomains(labels[rows], confidence[rows], per_seed[:, rows])
    return found
