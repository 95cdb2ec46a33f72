"""Which sections of a group are unlike the others: in their profiles, their composition or their depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tissuegraph.cohorts.matching import Matched, profiles

LEAST_SECTIONS = 4  # with fewer, nobody can say which one is the odd one
LIMIT = 3.0  # robust standard deviations
_SD_PER_MAD = 1.4826  # of a normal distribution
_FLOORS = {"profile": 0.05, "composition": 0.02, "quality": 0.1}  # spreads below these are none


@dataclass(frozen=True)
class Standing:
    """One section against its group, in robust standard deviations; None with fewer than four sections.

    profile: mean distance of its domains from the group's, as a share of the distance between domains;
    composition: total variation distance from the median composition; quality: log median counts;
    reasons: what stands out, in words.
    """

    sample: str
    profile: float | None
    composition: float | None
    quality: float | None
    reasons: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def standing_out(
    components: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    matched: Matched,
    depth: Mapping[str, float],
) -> list[Standing]:
    """Every section, in the order of names. labels: (N,) own domains, which `matched` numbers alike."""
    names = sorted(labels)
    if len(names) < LEAST_SECTIONS:
        return [Standing(name, None, None, None) for name in names]
    composition = np.array([_composition(matched.numbers[name][labels[name]], matched) for name in names])
    typical = np.median(composition, axis=0)
    typical = typical / max(typical.sum(), np.finfo(float).tiny)
    scores = {
        "profile": robust([_distance(components[n], labels[n], n, matched) for n in names], "profile"),
        "composition": robust(np.abs(composition - typical).sum(axis=1) / 2, "composition"),
        "quality": robust(np.log([max(depth[name], 1e-9) for name in names]), "quality"),
    }
    return [
        Standing(name, *(float(values[row]) for values in scores.values()), _reasons(scores, row))
        for row, name in enumerate(names)
    ]


def robust(values, measure: str) -> np.ndarray:
    """Each value less the median, over the robust standard deviation (median absolute deviation)."""
    values = np.asarray(values, dtype=float)
    middle = np.median(values)
    spread = _SD_PER_MAD * np.median(np.abs(values - middle))
    return (values - middle) / max(spread, _FLOORS[measure])


def _composition(numbers: np.ndarray, matched: Matched) -> np.ndarray:
    return np.bincount(numbers, minlength=matched.n_domains)[: matched.n_domains] / len(numbers)


def _distance(components: np.ndarray, labels: np.ndarray, name: str, matched: Matched) -> float:
    own, sizes = profiles(components, labels)
    used = np.flatnonzero(sizes > 0)
    apart = np.linalg.norm(own[used] - matched.centres[matched.numbers[name][used]], axis=1)
    scale = matched.limit if np.isfinite(matched.limit) and matched.limit > 0 else 1.0
    return float(np.average(apart, weights=sizes[used]) / scale)


def _reasons(scores: Mapping[str, np.ndarray], row: int) -> tuple[str, ...]:
    told = {
        "profile": "its domains have other profiles than those of the same number elsewhere",
        "composition": "its domains take other shares than in the other sections",
    }
    found = [text for name, text in told.items() if scores[name][row] > LIMIT]
    if abs(scores["quality"][row]) > LIMIT:
        found.append(
            "it has " + ("fewer" if scores["quality"][row] < 0 else "more") + " counts than the others"
        )
    return tuple(found)
