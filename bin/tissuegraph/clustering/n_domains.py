"""How many domains a slice holds, estimated without labels and with the evidence shown.

Two questions are asked of the tied mixture with K components: does a finer partition explain the spots
better than chance (BIC on the number of spots that are independent), and does it come out again from
other spots (agreement between halves)? BIC alone takes a smooth gradient for many domains, agreement alone
likes K = 2; their product wants both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tissuegraph.clustering.labels import adjusted_rand, contingency
from tissuegraph.clustering.mixture import TiedMixture, fit_tied
from tissuegraph.clustering.starts import cut, model_based_hierarchy, ward_tree
from tissuegraph.clustering.vote import principal_components


@dataclass(frozen=True)
class SearchSettings:
    """Where and how carefully the number of domains is looked for."""

    smallest: int = 2
    largest: int = 12
    min_spots_per_domain: int = 10  # in each half
    n_dims: int = 10  # leading components; more only add noise to the likelihood
    n_splits: int = 4  # random halvings whose agreement is averaged
    n_micro_clusters: int = 100
    tolerance: float = 1e-5  # a score is wanted here, not a label for each spot
    sample: int = 4_000  # spots looked at: the answer is one small number
    margin: float = 0.05  # the smallest K whose score is within this share of the best is taken


@dataclass(frozen=True)
class Evidence:
    """An estimate and the table behind it; the three dicts map each K tried to a value in [0, 1].

    stability[k]: adjusted Rand index between the mixtures of two halves, mean over splits, at least 0;
    gain[k]: BIC above that of one domain as a share of the best gain, 1 where nothing beats one domain;
    criterion[k]: their product. Flat and low criteria mean that the slice does not tell.
    """

    n_domains: int
    criterion: dict[int, float]
    stability: dict[int, float]
    gain: dict[int, float]


def estimate_n_domains(
    smoothed: np.ndarray, n_neighbours: int, seed: int = 0, settings: SearchSettings = SearchSettings()
) -> Evidence:
    """The number of domains, 2 to 12, that explains the spots and comes out again from other spots.

    smoothed: (N, D) features averaged over each spot and its n_neighbours nearest (0: not averaged).
    Neighbouring averages share spots, so a slice holds only about 2 N / (n_neighbours + 1) independent
    ones: the squared correlations of overlapping discs sum to nearly half a disc. With fewer than eight
    spots nothing can be said and the answer is 1.
    """
    rng = np.random.default_rng(seed)
    n_spots = len(smoothed)
    if n_spots < 8:
        return Evidence(1, {}, {}, {})
    largest = min(settings.largest, n_spots // (2 * settings.min_spots_per_domain))
    candidates = range(settings.smallest, max(settings.smallest, largest) + 1)
    points = principal_components(smoothed, min(settings.n_dims, *smoothed.shape))
    if n_spots > settings.sample:
        points = points[rng.choice(n_spots, settings.sample, replace=False)]
    independent = min(n_spots, max(2.0, 2 * n_spots / (n_neighbours + 1)))
    gain = _gains(points, candidates, settings, independent)
    splits = [_halves_agree(points, candidates, settings, rng) for _ in range(settings.n_splits)]
    stability = np.maximum(np.mean(splits, axis=0), 0)
    score = stability * gain
    good_enough = np.flatnonzero(score >= (1 - settings.margin) * score.max())
    tables = (dict(zip(candidates, values.tolist(), strict=True)) for values in (score, stability, gain))
    return Evidence(candidates[int(good_enough[0])], *tables)


def _gains(points, candidates: range, settings: SearchSettings, independent: float) -> np.ndarray:
    """BIC of each K above that of a single component, as a share of the best: (len(candidates),)."""
    fits = _fit_all(points, candidates, settings)
    single = fit_tied(points, np.zeros(len(points), dtype=np.int64), n_components=1)
    base = _bic(single, len(points), independent)
    gains = np.maximum([_bic(fits[k], len(points), independent) - base for k in candidates], 0)
    return gains / gains.max() if gains.max() > 0 else np.ones(len(gains))


def _fit_all(points: np.ndarray, candidates: range, settings: SearchSettings) -> dict[int, TiedMixture]:
    """For each number of components the likelier of the fits from a model-based and from Ward's hierarchy.

    Both hierarchies are nested, so each is built once and walked from many components to few.
    """
    tree = ward_tree(points)
    merged = cut(tree, min(settings.n_micro_clusters, max(candidates[-1], len(points) // 2)))
    fits = {}
    for k in reversed(candidates):
        merged = model_based_hierarchy(points, merged, k)
        trials = [
            fit_tied(points, start, n_components=k, tolerance=settings.tolerance)
            for start in (merged, cut(tree, k))
        ]
        fits[k] = max(trials, key=lambda fit: fit.log_likelihood)
    return fits


def _halves_agree(points, candidates: range, settings: SearchSettings, rng) -> list[float]:
    """For each K: adjusted Rand index of all spots between the mixtures of two disjoint random halves."""
    order = rng.permutation(len(points))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    first, second = (_fit_all(points[half], candidates, settings) for half in halves)
    return [
        adjusted_rand(contingency(first[k].predict(points), second[k].predict(points), k)) for k in candidates
    ]


def _bic(fit: TiedMixture, n_fitted: int, independent: float) -> float:
    """BIC (Schwarz 1978), larger is better, with the likelihood scaled to the independent spots."""
    likelihood = 2 * fit.log_likelihood * independent / n_fitted
    return likelihood - fit.n_parameters * np.log(independent)
