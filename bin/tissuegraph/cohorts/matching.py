"""Domains that were found section by section, numbered so that equal numbers mean the same tissue.

A domain is described by its profile, the mean of its spots' section-centred components. Domains of different
sections are matched where their profiles are close; two domains of one section never are. S sections, K
domains of one, D components.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist

from tissuegraph.cohorts.joint import centred

_MAX_ROUNDS = 20


@dataclass(frozen=True, eq=False)
class Matched:
    """numbers: section -> (K,) int, the group's number of each of its domains, from 0, largest domain first;
    centres: (C, D) mean profile of each number; limit: distance from which a domain has no counterpart;
    cost: largest distance of a matched domain from its centre, 0 where nothing was matched.
    """

    numbers: dict[str, np.ndarray]
    centres: np.ndarray
    limit: float
    cost: float

    @property
    def n_domains(self) -> int:
        return len(self.centres)

    def sections_of(self) -> list[list[str]]:
        """Names of the sections that hold each number."""
        return [[n for n in sorted(self.numbers) if k in self.numbers[n]] for k in range(self.n_domains)]


def profiles(components: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean centred components (K, D) and spots (K,) of each label, NaN where unused; labels (N,) from 0."""
    points, n_labels = centred(components), int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=n_labels)
    sums = np.stack([np.bincount(labels, column, minlength=n_labels) for column in points.T], axis=1)
    with np.errstate(invalid="ignore"):
        return sums / sizes[:, None], sizes


def match_domains(components: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]) -> Matched:
    """Number the domains of all sections alike. components: smoothed (N, D); labels: (N,) int from 0.

    Optimal assignment of each section's domains to the centres of the others, repeated until nothing changes.
    A domain goes without counterpart where the nearest is further away than different domains of one section
    usually are (the median over all such pairs). The names and the order of the sections change nothing.
    """
    names = sorted(labels)
    described = {name: profiles(components[name], labels[name]) for name in names}
    found = {name: profile for name, (profile, _) in described.items()}
    used = {name: np.flatnonzero(sizes > 0) for name, (_, sizes) in described.items()}
    limit = _limit([found[name][used[name]] for name in names])
    groups = _grouped({name: found[name][used[name]] for name in names}, limit)
    weight = np.zeros(len(groups))
    for number, members in enumerate(groups):
        weight[number] = sum(described[name][1][used[name][k]] for name, k in members.items())
    means = np.array([_centre(members, found, used) for members in groups])
    order = np.lexsort((*means.T[::-1], -weight))
    numbers = {name: np.full(len(found[name]), -1) for name in names}
    cost = 0.0
    for number, old in enumerate(order):
        for name, k in groups[old].items():
            numbers[name][used[name][k]] = number
            if len(groups[old]) > 1:
                cost = max(cost, float(np.linalg.norm(found[name][used[name][k]] - means[old])))
    for row in numbers.values():  # numbers of labels that no spot has: beyond all others
        row[row < 0] = len(order) + np.arange((row < 0).sum())
    return Matched(numbers, means[order], limit, cost)


def matched_already(components: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]) -> Matched:
    """As `match_domains`, for labels that mean the same in every section from the start."""
    names = sorted(labels)
    n_labels = max(int(labels[name].max()) for name in names) + 1
    points = np.vstack([centred(components[name]) for name in names])
    stacked = np.concatenate([labels[name] for name in names])
    sizes = np.maximum(np.bincount(stacked, minlength=n_labels), 1)
    centres = np.stack([np.bincount(stacked, column, minlength=n_labels) for column in points.T], axis=1)
    numbers = {name: np.arange(n_labels) for name in names}
    return Matched(numbers, centres / sizes[:, None], np.inf, 0.0)


def _centre(members: Mapping[str, int], found, used) -> np.ndarray:
    return np.mean([found[name][used[name][k]] for name, k in sorted(members.items())], axis=0)


def _limit(described: list[np.ndarray]) -> float:
    """Median distance of two domains of one section; infinite where every section has one domain."""
    distances = np.concatenate([pdist(rows) for rows in described])
    return float(np.median(distances)) if len(distances) else np.inf


def _grouped(found: Mapping[str, np.ndarray], limit: float) -> list[dict[str, int]]:
    """Groups of matching domains: section -> its domain, at most one of each."""
    order = _order(found, limit)
    groups: list[dict[str, int]] = [{order[0]: k} for k in range(len(found[order[0]]))]
    for name in order[1:]:
        _join(groups, name, found, limit)
    for _ in range(_MAX_ROUNDS):
        before = [dict(members) for members in groups]
        for name in order:
            for members in groups:
                members.pop(name, None)
            groups = [members for members in groups if members]
            _join(groups, name, found, limit)
        if sorted(map(sorted, (m.items() for m in before))) == sorted(
            map(sorted, (m.items() for m in groups))
        ):
            break
    return groups


def _order(found: Mapping[str, np.ndarray], limit: float) -> list[str]:
    """The section that all others fit best first, then the others, the closest to it first.

    Sections that are equally close are told apart by their profiles, not by their names.
    """
    names = sorted(found, key=lambda name: found[name].ravel().tolist())
    cost = np.array([[_cost(found[one], found[other], limit) for other in names] for one in names])
    typical = int(cost.sum(axis=1).argmin())
    rest = [k for k in np.argsort(cost[typical], kind="stable").tolist() if k != typical]
    return [names[k] for k in (typical, *rest)]


def _cost(one: np.ndarray, other: np.ndarray, limit: float) -> float:
    """Distances of the matched domains, and the limit for each that has no counterpart."""
    pairs = assign(one, other, limit)
    matched = sum(float(np.linalg.norm(one[i] - other[j])) for i, j in pairs)
    alone = len(one) + len(other) - 2 * len(pairs)
    return matched + (alone * limit if alone else 0.0)


def _join(groups: list[dict[str, int]], name: str, found, limit: float) -> None:
    """Put the domains of one section into the groups (inplace); those without counterpart found new ones."""
    if not groups:
        groups += [{name: k} for k in range(len(found[name]))]
        return
    centres = np.array([np.mean([found[n][k] for n, k in sorted(m.items())], axis=0) for m in groups])
    pairs = assign(found[name], centres, limit)
    for domain, group in pairs:
        groups[group][name] = domain
    taken = {domain for domain, _ in pairs}
    groups += [{name: k} for k in range(len(found[name])) if k not in taken]


def assign(rows: np.ndarray, centres: np.ndarray, limit: float) -> list[tuple[int, int]]:
    """Pairs (row, centre) of the cheapest assignment in which going without counterpart costs `limit`."""
    distance = cdist(rows, centres)
    alone = limit if np.isfinite(limit) else distance.max() + 1.0
    with_alone = np.hstack([distance, np.full((len(rows), len(rows)), alone)])
    chosen = zip(*linear_sum_assignment(with_alone), strict=True)
    return [(int(i), int(j)) for i, j in chosen if j < len(centres) and distance[i, j] < alone]
