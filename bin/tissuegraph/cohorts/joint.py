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


def separate_domains(sections: Mapping[str, np.ndarray], n_domains: int, seed: int) -> dict[str, np.ndarray]:
    """Labels (N,) of each section by itself, to hold the joint ones against. sections: as `joint_domains`."""
    return {
        name: cluster(centred(rows), min(n_domains, len(rows)), "vote", seed).labels
        for name, rows in sections.items()
    }


def joint_domains(
    sections: Mapping[str, np.ndarray], n_domains: int, seeds: Sequence[int] = (0, 1, 2)
) -> dict[str, JointDomains]:
    """Domains of all sections from one vote of mixtures per seed over their centred components.

    sections: name -> smoothed components (N, D). The order of sections changes nothing but rounding.
    """
    return agreed_domains([sections] * len(seeds), n_domains, seeds)


def agreed_domains(
    per_seed: Sequence[Mapping[str, np.ndarray]], n_domains: int, seeds: Sequence[int]
) -> dict[str, JointDomains]:
    """The same where every seed has its own smoothed values (N, D) of each section, such as an embedding."""
    names = sorted(per_seed[0])
    runs = [
        cluster(np.vstack([centred(values[name]) for name in names]), n_domains, "vote", seed)
        for values, seed in zip(per_seed, seeds, strict=True)
    ]
    agreed, labels_of_seeds = consensus(runs, n_domains)
    confidence = support(agreed.labels, labels_of_seeds, runs)
    number = by_size(agreed.labels, n_domains)
    labels, labels_of_seeds = number[agreed.labels], number[labels_of_seeds]
    sizes = [len(per_seed[0][name]) for name in names]
    found = {}
    for name, end, size in zip(names, np.cumsum(sizes).tolist(), sizes, strict=True):
        rows = slice(end - size, end)
        found[name] = JointDomains(labels[rows], confidence[rows], labels_of_seeds[:, rows])
    return found
