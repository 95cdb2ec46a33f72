"""Shares of domains between conditions: log-ratios, patients as units, exact permutation of their labels.

Shares of one section sum to one: where one domain grows all others shrink, though nothing happened to them.
Only ratios of domains are free of that (Aitchison 1982, doi:10.1111/j.2517-6161.1982.tb01195.x). So each
domain's change, in logarithms, is taken against the median change over all domains, which stays put while
fewer than half of the domains change. With two domains only their ratio is known, not which one changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from tissuegraph.characterise.false_findings import benjamini_hochberg
from tissuegraph.cohorts.design import Pair

PSEUDO = 0.5  # spots added to each domain of a section, so that an absent one has a logarithm
MOST_EXACT = 10_000  # arrangements of patients up to which all are tried
N_DRAWS = 9_999  # of more, that many drawn at random
_EQUAL = 1e-9  # differences of statistics that are rounding


@dataclass(frozen=True, kw_only=True, eq=False)
class Permuted:
    """One condition against another. effect: (K,) log2 change of each domain against the median domain;
    p: (K,); least: the smallest p that so many patients can give.
    """

    effect: np.ndarray
    p: np.ndarray
    least: float


def shares_of(counts: np.ndarray) -> np.ndarray:
    """Shares (S, K) that domains have of the spots (S, K) of each section."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def log_shares(counts: np.ndarray) -> np.ndarray:
    """Natural logarithms (S, K) of the shares that domains have of the spots (S, K) of each section."""
    padded = np.asarray(counts, dtype=float) + PSEUDO
    return np.log(padded / padded.sum(axis=1, keepdims=True))


def mean_by_patient(values: np.ndarray, patients: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Mean (P, K) over the sections (S, K) of each wanted patient."""
    whose = np.asarray(patients, dtype=object)
    return np.stack([values[whose == patient].mean(axis=0) for patient in wanted])


def effect_of(logs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """log2 change of each domain against the median domain (R, K).

    logs: (P, K) of patients; weights: (R, P) that take one side's mean from the other's.
    """
    change = weights @ logs
    return (change - np.median(change, axis=1, keepdims=True)) / np.log(2)


def permutation_test(logs: np.ndarray, n_a: int, seed: int = 0) -> Permuted:
    """Patients (P, K), the first n_a of side a, the others of side b, two-sided.

    Every arrangement of the patients where there are at most MOST_EXACT, else N_DRAWS at random beside the
    one that was seen: the p-value holds its rate whatever the distribution of shares.
    """
    n = len(logs)
    exact = comb(n, n_a) <= MOST_EXACT
    sides = _all_sides(n, n_a) if exact else _drawn_sides(n, n_a, seed)
    weights = np.where(sides, -1.0 / n_a, 1.0 / (n - n_a))
    effects = effect_of(logs, weights)  # (R, K), the first as seen
    as_far = (np.abs(effects) >= np.abs(effects[0]) - _EQUAL).mean(axis=0)
    mirrored = 2 if exact and 2 * n_a == n else 1  # exchanging sides of one size changes the sign only
    return Permuted(effect=effects[0], p=as_far, least=mirrored / len(sides))


def compare(logs: dict[str, np.ndarray], shares: dict[str, np.ndarray], pairs: Sequence[Pair], names, seed=0):
    """One row per pair and domain, p adjusted over all of them; pairs of too few patients have none.

    logs, shares: (K,) of each patient. Returns the table and the least p of each pair, NaN where untested.
    """
    tables, least = [], []
    for pair in pairs:
        values = np.stack([logs[patient] for patient in pair.patients])
        n_a, n_b = len(pair.patients_a), len(pair.patients_b)
        weights = np.array([[-1.0 / n_a] * n_a + [1.0 / n_b] * n_b])
        effect, p, smallest = effect_of(values, weights)[0], np.full(len(names), np.nan), np.nan
        if pair.tested and len(names) > 1:
            test = permutation_test(values, n_a, seed)
            p, smallest = test.p, test.least
        means = [
            np.mean([shares[who] for who in side], axis=0) for side in (pair.patients_a, pair.patients_b)
        ]
        tables.append(
            pd.DataFrame(
                {
                    "domain": list(names),
                    "condition_a": pair.a,
                    "condition_b": pair.b,
                    "n_patients_a": n_a,
                    "n_patients_b": n_b,
                    "mean_share_a": means[0],
                    "mean_share_b": means[1],
                    "effect": effect,
                    "p_value": p,
                }
            )
        )
        least.append(smallest)
    table = pd.concat(tables, ignore_index=True)
    return table.assign(p_adjusted=benjamini_hochberg(table["p_value"].to_numpy())), least


def _all_sides(n: int, n_a: int) -> np.ndarray:
    """Every choice of side a (R, P) bool, the first being the first n_a patients."""
    chosen = np.array(list(combinations(range(n), n_a)))
    sides = np.zeros((len(chosen), n), dtype=bool)
    np.put_along_axis(sides, chosen, True, axis=1)
    return sides


def _drawn_sides(n: int, n_a: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 11])
    seen = np.arange(n) < n_a
    drawn = rng.permuted(np.tile(seen, (N_DRAWS, 1)), axis=1)
    return np.concatenate([seen[None], drawn])
