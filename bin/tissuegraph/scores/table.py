"""One table of scores per slice: every learned result beside the controls it has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tissuegraph.scores.gain import Result, gain_over

if TYPE_CHECKING:
    from tissuegraph.scores.labellings import BaselineResult, MethodResult

LEAST_DIFFERENCE = 0.01  # in ARI: seeds may agree to the last spot, which does not make 0.002 a gain
LEARNED, UNREFINED, CONTROL = "learned", "unrefined", "control"  # kinds of result


@dataclass(frozen=True)
class Control:
    """A result without a network: title as people write it, and what it is."""

    title: str
    what: str


# What every method has to beat, beside an untrained network of its own shape.
CONTROLS = {
    "baseline": Control("Smoothed PCA", "smoothed PCA, vote of mixtures"),
    "pca_kmeans": Control("PCA + KMeans", "PCA, KMeans"),
}
JOINT = "joint"  # key, method and kind of the answer of a whole group
JOINT_TITLE = "Joint: all sections"
Score = Callable[[np.ndarray], Mapping[str, float]]


def score_table(
    methods: Sequence[MethodResult], baseline: BaselineResult, agreement: Score, coherence: Score
) -> list[dict]:
    """Rows of scores; `agreement` (with the labels) and `coherence` (in space) map (N,) to named values.

    Single seeds are scored by agreement only: that is what the spread is read from, and it is cheap.
    Each row: `key` (obs column or control), `method`, `kind` (learned | unrefined | control), `what`,
    `n_seeds`, the scores, and `<score>_mean`, `<score>_sd` over the seeds where there are several.
    """

    def score(labels: np.ndarray) -> dict[str, float]:
        return {**agreement(labels), **coherence(labels)}

    rows = [row for method in methods for row in _method_rows(method, score, agreement)]
    for key, labels in (("baseline", baseline.baseline), ("pca_kmeans", baseline.pca_kmeans)):
        row = {"key": key, "method": key, "kind": CONTROL, "what": CONTROLS[key].what, "n_seeds": 1}
        rows.append({**row, **score(labels)})
    return rows


def gain(rows: Sequence[Mapping[str, Any]], method: str) -> dict[str, Any] | None:
    """How far a method's ARI is above its best control, see `scores.gain`; None where there are no labels.

    Its controls are its own untrained network and the controls without a network, never another method's.
    """
    own = next((row for row in rows if row["method"] == method and row["kind"] == LEARNED), None)
    controls = [row for row in rows if row["kind"] == CONTROL and row["method"] in (method, *CONTROLS)]
    scored = [_result(row) for row in controls if row.get("ari") is not None]
    if own is None or own.get("ari") is None or not scored:
        return None
    return gain_over(_result(own), scored, LEAST_DIFFERENCE)


def _result(row: Mapping[str, Any]) -> Result:
    return Result(row["what"], row["ari"], row.get("ari_sd"))


def _method_rows(method: MethodResult, score: Score, agreement: Score) -> list[dict[str, Any]]:
    """The learned answer, its untrained control, and the answer before refinement where that differs."""
    what = f"consensus of {method.n_seeds} seeds" if method.n_seeds > 1 else "one seed"
    shared = {"method": method.name, "n_seeds": method.n_seeds}
    learned = {"key": method.name, "kind": LEARNED, "what": what}
    untrained = {"key": f"{method.name}_untrained", "kind": CONTROL, "what": "untrained network"}
    rows = [
        {**learned, **shared, **score(method.domain), **_over_seeds(method.per_seed, agreement)},
        {
            **untrained,
            **shared,
            **score(method.untrained),
            **_over_seeds(method.untrained_per_seed, agreement),
        },
    ]
    if not np.array_equal(method.unrefined, method.domain):
        row = {"key": f"{method.name}_unrefined", "kind": UNREFINED, "what": "before spatial refinement"}
        rows.append({**row, **shared, **score(method.unrefined)})
    return rows


def _over_seeds(per_seed: np.ndarray, agreement: Score) -> dict[str, float]:
    """Mean and standard deviation of each score over the seeds, labellings (S, N); empty for one seed."""
    if len(per_seed) < 2:
        return {}
    seeds = [agreement(labels) for labels in per_seed]
    found = {}
    for name in seeds[0]:
        values = np.array([seed[name] for seed in seeds], dtype=float)
        found |= {f"{name}_mean": float(values.mean()), f"{name}_sd": float(values.std(ddof=1))}
    return found
