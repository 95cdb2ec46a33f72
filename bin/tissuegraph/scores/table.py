"""One table of scores per slice: every learned result beside the controls it has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tissuegraph.scores.labellings import BaselineResult, MethodResult

LEAST_DIFFERENCE = 0.01  # in ARI: seeds may agree to the last spot, which does not make 0.002 a gain
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

    rows = []
    for method in methods:
        what = f"consensus of {method.n_seeds} seeds" if method.n_seeds > 1 else "one seed"
        for key, kind, words, labels, per_seed in (
            (method.name, "learned", what, method.domain, method.per_seed),
            (
                f"{method.name}_untrained",
                "control",
                "untrained network",
                method.untrained,
                method.untrained_per_seed,
            ),
        ):
            row = {"key": key, "method": method.name, "kind": kind, "what": words, "n_seeds": method.n_seeds}
            rows.append({**row, **score(labels), **_over_seeds(per_seed, agreement)})
        if not np.array_equal(method.unrefined, method.domain):
            key, words = f"{method.name}_unrefined", "before spatial refinement"
            row = {"key": key, "method": method.name, "kind": "unrefined", "what": words}
            rows.append({**row, "n_seeds": method.n_seeds, **score(method.unrefined)})
    for key, what, labels in (
        ("baseline", "smoothed PCA, vote of mixtures", baseline.baseline),
        ("pca_kmeans", "PCA, KMeans", baseline.pca_kmeans),
    ):
        rows.append(
            {"key": key, "method": key, "kind": "control", "what": what, "n_seeds": 1, **score(labels)}
        )
    return rows


def gain(rows: Sequence[Mapping[str, Any]], method: str) -> dict[str, Any] | None:
    """How far a method's ARI is above its best control, in words that its spread allows.

    Returns None where no labels were there to score. `gain` = consensus minus the best control;
    `spread` = standard deviation over the single seeds, the method's or that control's, whichever is
    larger (None with one seed); `verdict`: `above` or `below` only where the difference is larger than the
    spread and than 0.01, `within` otherwise, `one seed` where there is no spread to judge by.
    """
    own = next((row for row in rows if row["method"] == method and row["kind"] == "learned"), None)
    controls = [
        r for r in rows if r["kind"] == "control" and r["method"] in (method, "baseline", "pca_kmeans")
    ]
    scored = [row for row in controls if row.get("ari") is not None]
    if own is None or own.get("ari") is None or not scored:
        return None
    best = max(scored, key=lambda row: row["ari"])
    difference, spread = own["ari"] - best["ari"], own.get("ari_sd")
    if spread is not None:
        spread = max(spread, best.get("ari_sd") or 0.0)
    return {
        "ari": own["ari"],
        "best_control": best["what"],
        "best_control_ari": best["ari"],
        "gain": difference,
        "spread": spread,
        "verdict": _verdict(difference, spread),
    }


def _verdict(difference: float, spread: float | None) -> str:
    if spread is None:
        return "one seed"
    if abs(difference) <= max(spread, LEAST_DIFFERENCE):
        return "within"
    return "above" if difference > 0 else "below"


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
