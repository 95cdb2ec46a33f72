"""How much each member counts, and how sure the whole may be: both from sections that were left out.

M members, N spots, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

FLOOR = 1e-3  # least probability that a member may give: no single one can rule a class out
EQUAL = 0.02  # per spot: by which weights are held to equal ones
_SPOTS = 20_000  # left-out spots that weights are found on


def pool(posteriors: Sequence[np.ndarray], weights: Sequence[float], temperature: float = 1.0) -> np.ndarray:
    """Logarithmic opinion pool: weighted geometric mean of M posteriors (N, C), scaled to sum 1.

    p = prod_m p_m^(w_m / T) / Z (Genest & Zidek 1986, Statistical Science 1:114). temperature: above 1 less
    sure, below 1 surer; the most probable class stays the same.
    """
    mixed = sum(weight * _log(posterior) for weight, posterior in zip(weights, posteriors, strict=True))
    return softmax(mixed / temperature, axis=1)


def stacking_weights(posteriors: Sequence[np.ndarray], codes: np.ndarray) -> np.ndarray:
    """Weights (M,), at least 0 with sum 1, under which the labels of left-out spots are likeliest in the
    pool.

    posteriors: M of (N, C); codes: (N,). Stacking (Wolpert 1992, Neural Networks 5:241) of the logarithmic
    pool. A small term speaks for equal weights, so that members that cannot be told apart share.
    """
    step = -(-len(codes) // _SPOTS)
    codes, rows = codes[::step], np.arange(len(codes[::step]))
    logs = np.stack([_log(posterior[::step]) for posterior in posteriors])  # (M, N, C)
    n_members = len(logs)

    def surprise(raw: np.ndarray) -> tuple[float, np.ndarray]:
        weights, log_weights = softmax(raw), log_softmax(raw)
        mixed = log_softmax(np.tensordot(weights, logs, 1), axis=1)
        slope = logs[:, rows, codes].mean(axis=1) - (np.exp(mixed) * logs).sum(axis=2).mean(axis=1)
        inner = weights * (slope - weights @ slope) + EQUAL * (1 / n_members - weights)
        return -float(mixed[rows, codes].mean() + EQUAL * log_weights.mean()), -inner

    return softmax(minimize(surprise, np.zeros(n_members), jac=True, method="L-BFGS-B").x)


def calibrating_temperature(
    posteriors: Sequence[np.ndarray], weights: Sequence[float], codes: np.ndarray
) -> float:
    """The pool's temperature, 0.25 to 4, under which labels of left-out spots are likeliest (Guo et al.
    2017).
    """
    rows = np.arange(len(codes))

    def surprise(log_temperature: float) -> float:
        found = pool(posteriors, weights, float(np.exp(log_temperature)))
        return -float(np.log(np.maximum(found[rows, codes], 1e-12)).mean())

    bounds = (np.log(0.25), np.log(4.0))
    return float(
        np.exp(minimize_scalar(surprise, bounds=bounds, method="bounded", options={"xatol": 1e-3}).x)
    )


def calibration_error(probability: np.ndarray, right: np.ndarray, n_bins: int = 10) -> float:
    """Expected calibration error: |mean probability - share that is right| over equal bins, weighted by
    spots.
    """
    probability = np.asarray(probability, dtype=float)
    bins = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(bins, probability - np.asarray(right, dtype=float), minlength=n_bins)
    return float(np.abs(gap).sum() / max(len(bins), 1))


def _log(posterior: np.ndarray) -> np.ndarray:
    return np.log(posterior + FLOOR)
