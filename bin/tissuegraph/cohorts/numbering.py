"""The group's number of every domain of every result: equal numbers mean the same tissue in all sections.

Each result is matched over the sections by itself; then the results take their numbers from the first one,
where they cover the same spots of all sections together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tissuegraph.cohorts.matching import Matched, match_domains, matched_already
from tissuegraph.scores.labellings import JOINTS, match_numbers

Numbers = dict[
    str, dict[str, np.ndarray]
]  # section -> result -> the group's number of each own domain, from 1


def number_group(
    components: Mapping[str, np.ndarray],
    labels: Mapping[str, Mapping[str, np.ndarray]],
    order: Sequence[str],
) -> tuple[Numbers, dict[str, Any]]:
    """Numbers of each section, and what the report says of each result.

    components: section -> smoothed (N, D); labels: result -> section -> (N,) int from 0, a result may lack
    sections; order: results, the first of which gives its numbers to the others.
    """
    numbers: Numbers = {name: {} for name in components}
    told: dict[str, Any] = {}
    reference: dict[str, np.ndarray] = {}
    for result in order:
        found = labels.get(result, {})
        if not found:
            continue
        match = matched_already if result in JOINTS else match_domains
        matched = match({name: components[name] for name in found}, found)
        final = _after(reference, found, matched) if reference else np.arange(matched.n_domains)
        for name in found:
            own = matched.numbers[name]
            beyond = np.arange(final.max() + 1, final.max() + 1 + own.max() + 1)
            known = np.concatenate([final, beyond])  # numbers of labels that no spot has
            numbers[name][result] = known[own] + 1
            reference.setdefault(name, known[own][found[name]])
        told[result] = _told(matched, final)
    return numbers, told


def _after(
    reference: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], matched: Matched
) -> np.ndarray:
    """(C,) number of each of the result's group domains after those of the reference, over all sections."""
    names = sorted(set(reference) & set(found))
    own = np.concatenate([matched.numbers[name][found[name]] for name in names])
    renamed = match_numbers(own, np.concatenate([reference[name] for name in names]))
    final = np.full(matched.n_domains, -1)
    final[own] = renamed
    fresh = max(int(renamed.max()), *(int(rows.max()) for rows in reference.values())) + 1
    final[final < 0] = fresh + np.arange((final < 0).sum())
    return final


def _told(matched: Matched, final: np.ndarray) -> dict[str, Any]:
    holders = matched.sections_of()
    return {
        "n_domains": matched.n_domains,
        "shared": {str(final[k] + 1): names for k, names in enumerate(holders) if len(names) > 1},
        "alone": sorted(int(final[k]) + 1 for k, names in enumerate(holders) if len(names) == 1),
        "cost": matched.cost,
        "limit": matched.limit if np.isfinite(matched.limit) else None,
    }
