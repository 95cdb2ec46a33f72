"""How many domains a slice holds, estimated without labels and with the evidence shown.

Two questions are asked of the tied mixture with K components: does a finer partition explain the spots
better than chance (BIC on the number of spots that are independent), and does it come out again from
other spots (agreement between halves)? BIC alone takes a smooth gradient for many domains, agreement alone
likes K = 2; their product wants both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tissuegraph.clustering.labels import adjusted_rand, contingency
from tissuegraph.clustering.mixture import TiedMixture, fit_tied
from tissuegraph.clustering.starts import cut, model_based_hierarchy, ward_tree
from tissuegraph.clustering.vote import principal_components
from tissuegraph.io.intermediate import read_arrays


@dataclass(frozen=True)
class SearchSettings:
    """Where and how carefully the number of domains is looked for."""

    smallest: int = 2
    largest: int = 12
    min_spots_per_domain: int = 10  # in each half
    n_dims: int = 10  # leading components; more only add noise to the likelihood
    n_splits: int = 2  # random halvings for each seed, whose agreement is averaged
    n_micro_clusters: int = 100
    tolerance: float = 1e-5  # a score is wanted here, not a label for each spot
    sample: int = 4_000  # spots looked at: the answer is one small number


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one slice says about each number of domains, seed by seed: R seeds, C candidates.

    candidates: the numbers tried, ascending; none where a slice is too small to tell.
    stability (R, C): adjusted Rand index between the mixtures of two halves, mean over splits, at least 0;
    gain (R, C): BIC above that of one domain as a share of the best gain, 1 where nothing beats one domain;
    weight: number of spots that are independent of each other.
    """

    candidates: tuple[int, ...]
    stability: np.ndarray
    gain: np.ndarray
    weight: float

    @property
    def criterion(self) -> np.ndarray:
        """(R, C): stability times gain. Flat and low where the slice does not tell."""
        return self.stability * self.gain

    def save(self, path: Path) -> None:
        """Write an npz that `load` reads."""
        np.savez(
            path,
            candidates=np.array(self.candidates, dtype=np.int64),
            stability=self.stability,
            gain=self.gain,
            weight=self.weight,
        )

    @classmethod
    def load(cls, path: Path) -> Evidence:
        """Raises InputError where the file holds no evidence."""
        stored = read_arrays(path, "evidence", ["candidates", "stability", "gain", "weight"])
        return cls(
            candidates=tuple(stored["candidates"].tolist()),
            stability=stored["stability"],
            gain=stored["gain"],
            weight=float(stored["weight"]),
        )


def gather_evidence(
    smoothed: np.ndarray,
    n_averaged: float,
    seeds: Sequence[int] = range(5),
    settings: SearchSettings = SearchSettings(),
) -> Evidence:
    """How well each number of domains explains the spots and comes out again from other spots.

    smoothed: (N, D) features averaged over each spot and n_averaged others around it (0: not averaged).
    Neighbouring averages share spots, so a slice holds only about 2 N / (n_averaged + 1) independent
    ones: the squared correlations of overlapping discs sum to nearly half a disc. A seed draws the halves
    and, of a large slice, the spots looked at. With fewer than eight spots nothing can be said.
    """
    n_spots = len(smoothed)
    independent = min(n_spots, max(2.0, 2 * n_spots / (n_averaged + 1)))
    if n_spots < 8:
        return Evidence((), np.empty((len(seeds), 0)), np.empty((len(seeds), 0)), independent)
    largest = min(settings.largest, n_spots // (2 * settings.min_spots_per_domain))
    candidates = range(settings.smallest, max(settings.smallest, largest) + 1)
    components = principal_components(smoothed, min(settings.n_dims, *smoothed.shape))
    stability, gain = [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        points = components
        if n_spots > settings.sample:
            points = components[rng.choice(n_spots, settings.sample, replace=False)]
        if points is not components or not gain:  # all spots: the same for every seed
            gain.append(_gains(points, candidates, settings, independent))
        else:
            gain.append(gain[0])
        splits = [_halves_agree(points, candidates, settings, rng) for _ in range(settings.n_splits)]
        stability.append(np.maximum(np.mean(splits, axis=0), 0))
    return Evidence(tuple(candidates), np.array(stability), np.array(gain), independent)


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
