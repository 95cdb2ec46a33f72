"""One number of domains for one slice or for all sections of a group, with how sure it is.

The evidence of a section counts by its independent spots: log-likelihoods of independent spots add up, so a
large section says more about the tissue than a small one. A section that is too small to be asked about a
number says nothing about it; a number that sections with less than half of the spots were asked about is
left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tissuegraph.clustering.n_domains import Evidence

MARGIN = 0.05  # the smallest number whose criterion is within this share of the best is taken
_WIDE = 3  # a plausible range from n to n + 3 is a flat curve
_LOW = 0.5  # a best criterion below this: halves of the spots tell different domains
_FAR = 2  # seeds whose numbers differ by this disagree; by _WIDE, they do not tell the number
_LEAST_WEIGHT = 0.5  # share of the independent spots behind every number


@dataclass(frozen=True)
class PooledNumber:
    """The number, which others are as plausible, and the curves behind it.

    low, high: range of all numbers whose pooled criterion is within the margin of the best, and of those
    chosen by a seed or a section alone; criterion, stability, gain: number -> value in [0, 1], means over
    seeds and sections; by_seed: choice of each seed over all sections; by_section: choice of each section
    over all seeds; doubts: one line for each reason not to trust the number; notes: what is worth knowing
    of a number that can be trusted.
    """

    n_domains: int
    low: int
    high: int
    criterion: dict[int, float] = field(default_factory=dict)
    stability: dict[int, float] = field(default_factory=dict)
    gain: dict[int, float] = field(default_factory=dict)
    by_seed: tuple[int, ...] = ()
    by_section: dict[str, int] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def curves(self) -> dict[str, dict[int, float]]:
        """measure -> number -> value."""
        return {"criterion": self.criterion, "stability": self.stability, "gain": self.gain}


def pool(sections: Mapping[str, Evidence]) -> PooledNumber:
    """One number of domains for sections of one tissue, from the evidence of each; the order does not matter.

    All sections were asked with the same seeds. Where no section is large enough to tell, the answer is 1.
    """
    names = sorted(name for name, evidence in sections.items() if evidence.candidates)
    if not names:
        return PooledNumber(1, 1, 1, doubts=("too few spots to estimate the number of domains",))
    told = [sections[name] for name in names]
    candidates = _candidates(told)
    stability, gain, criterion = (
        _pooled([getattr(one, measure) for one in told], told, candidates)
        for measure in ("stability", "gain", "criterion")
    )
    mean = criterion.mean(axis=0)
    by_seed = tuple(_choice(candidates, row) for row in criterion)
    chosen = _choice(candidates, mean)
    if not min(by_seed) <= chosen <= max(by_seed):
        # no seed supports it: the peak of one made the mean
        chosen = int(np.median(by_seed))
    by_section = {
        name: _choice(one.candidates, one.criterion.mean(axis=0))
        for name, one in zip(names, told, strict=True)
    }
    within = [k for k, value in zip(candidates, mean, strict=True) if value >= (1 - MARGIN) * mean.max()]
    plausible = [*within, *by_seed, *by_section.values()]
    low, high = min(plausible), max(plausible)
    return PooledNumber(
        n_domains=chosen,
        low=low,
        high=high,
        criterion=_curve(candidates, mean),
        stability=_curve(candidates, stability.mean(axis=0)),
        gain=_curve(candidates, gain.mean(axis=0)),
        by_seed=by_seed,
        by_section=by_section,
        doubts=tuple(_doubts(chosen, (min(within), max(within)), float(mean.max()), by_seed)),
        notes=(_disagreement(by_seed),) if _FAR <= max(by_seed) - min(by_seed) < _WIDE else (),
    )


def _candidates(told: Sequence[Evidence]) -> list[int]:
    total = sum(one.weight for one in told)
    every = sorted({k for one in told for k in one.candidates})
    return [
        k for k in every if sum(one.weight for one in told if k in one.candidates) >= _LEAST_WEIGHT * total
    ]


def _pooled(tables: Sequence[np.ndarray], told: Sequence[Evidence], candidates: Sequence[int]) -> np.ndarray:
    """(R, C) means over the sections that were asked about each candidate, weighted by independent spots."""
    total, weight = np.zeros((len(tables[0]), len(candidates))), np.zeros(len(candidates))
    for table, one in zip(tables, told, strict=True):
        for column, k in enumerate(candidates):
            if k in one.candidates:
                total[:, column] += one.weight * table[:, one.candidates.index(k)]
                weight[column] += one.weight
    return total / weight


def _choice(candidates: Sequence[int], criterion: np.ndarray) -> int:
    """The smallest number within the margin of the best."""
    return int(candidates[int(np.flatnonzero(criterion >= (1 - MARGIN) * criterion.max())[0])])


def _curve(candidates: Sequence[int], values: np.ndarray) -> dict[int, float]:
    return dict(zip(candidates, values.tolist(), strict=True))


def _doubts(chosen: int, within: tuple[int, int], best: float, by_seed: Sequence[int]):
    if within[1] - within[0] >= _WIDE:
        yield (
            f"the evidence for {chosen} domains is flat: {within[0]} to {within[1]} are within "
            f"{MARGIN:.0%} of the best; give n_domains if you know it"
        )
    if best < _LOW:
        yield (
            f"the evidence for {chosen} domains is weak: its criterion is {best:.2f} of at most 1; give "
            f"n_domains if you know it"
        )
    if max(by_seed) - min(by_seed) >= _WIDE:
        yield f"{_disagreement(by_seed)}; give n_domains if you know it"


def _disagreement(by_seed: Sequence[int]) -> str:
    return f"seeds disagree on the number of domains: {', '.join(map(str, by_seed))}"
