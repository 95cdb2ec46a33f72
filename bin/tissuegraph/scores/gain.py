"""Whether a method gains over its controls: one rule, read by every table and every sentence.

A method is held against its own controls on each slice, and only where it runs with several seeds is there
a spread to judge the difference by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

ABOVE, WITHIN, BELOW, ONE_SEED = "above", "within", "below", "one seed"
# The words for one slice, in tables and in sentences alike.
WORDS = {
    ABOVE: "above controls",
    WITHIN: "no difference shown",
    BELOW: "below a control",
    ONE_SEED: "one seed",
}


@dataclass(frozen=True)
class Result:
    """A score of one result on one slice; spread: standard deviation over seeds, None where there is none."""

    name: str
    score: float
    spread: float | None = None


def gain_over(own: Result, controls: Sequence[Result], least: float) -> dict[str, Any]:
    """How far `own` is above the best of at least one control, in words that the spread allows; JSON-able.

    `gain` = own score minus that of the best control; `spread`: its own or that control's, whichever is
    larger (None without an own one); `verdict`: `above` or `below` only where the difference is larger than
    the spread and than `least`, `within` otherwise, `one seed` where there is no spread to judge by.
    """
    best = max(controls, key=lambda control: control.score)
    difference = own.score - best.score
    spread = None if own.spread is None else max(own.spread, best.spread or 0.0)
    return {
        "score": own.score,
        "best_control": best.name,
        "best_control_score": best.score,
        "gain": difference,
        "spread": spread,
        "verdict": _verdict(difference, spread, least),
    }


@dataclass(frozen=True)
class Overall:
    """A method against its controls over all slices that could be scored: means, slices per verdict."""

    n_slices: int
    score: float
    best_control_score: float
    gain: float
    verdicts: Mapping[str, int]

    @property
    def shown(self) -> bool:
        """Whether a gain is shown: above the controls on most slices that can be judged, and on average."""
        return 2 * self.verdicts[ABOVE] > self.n_judged and self.gain > 0

    @property
    def n_judged(self) -> int:
        """Slices with a spread to judge their difference by."""
        return self.n_slices - self.verdicts[ONE_SEED]


def overall(gains: Sequence[Mapping[str, Any]]) -> Overall:
    """Sum up what `gain_over` said of one method on each of at least one slice."""
    verdicts = [gain["verdict"] for gain in gains]
    return Overall(
        n_slices=len(gains),
        score=mean(gain["score"] for gain in gains),
        best_control_score=mean(gain["best_control_score"] for gain in gains),
        gain=mean(gain["gain"] for gain in gains),
        verdicts={verdict: verdicts.count(verdict) for verdict in WORDS},
    )


def _verdict(difference: float, spread: float | None, least: float) -> str:
    if spread is None:
        return ONE_SEED
    if abs(difference) <= max(spread, least):
        return WITHIN
    return ABOVE if difference > 0 else BELOW
