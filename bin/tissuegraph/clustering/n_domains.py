"""How many domains? An estimate without labels, with its evidence.

N spots, D latent dimensions, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tissuegraph.clustering.vote import MixtureSettings, principal_components, two_mixtures

LARGEST = 15  # domains tried
_SETTINGS = MixtureSettings(
    n_kmeans_starts=2, tolerance=1e-5
)  # only likelihoods are compared: coarser will do
_DIMS = 10


@dataclass(frozen=True)
class Evidence:
    """criterion[k]: information criterion per effective spot, higher is better; n_domains maximises it."""

    n_domains: int
    criterion: dict[int, float]


def estimate_n_domains(smoothed: np.ndarray, n_neighbours: int, seed: int = 0) -> Evidence:
    """The number of tied-covariance mixture components, 2 to 15, with the best information criterion.

    smoothed: (N, D) features averaged over each spot and its n_neighbours nearest. Neighbouring averages
    share most of their spots, so the slice holds about 2 N / (n_neighbours + 1) independent ones; with that
    number in place of N the Bayesian information criterion (Schwarz 1978) does not reward splitting a
    gradient for ever.
    """
    points = principal_components(smoothed, min(_DIMS, *smoothed.shape))
    n_spots, n_dims = points.shape
    effective = max(2.0, 2 * n_spots / (n_neighbours + 1))
    criterion = {}
    for k in range(2, min(LARGEST, n_spots // 2) + 1):
        fit = max(two_mixtures(points, k, _SETTINGS, seed), key=lambda one: one.log_likelihood)
        criterion[k] = _criterion(fit.log_likelihood / n_spots, k, n_dims, effective)
    best = max(criterion, key=criterion.__getitem__, default=1)
    return Evidence(n_domains=best, criterion=criterion)


def _criterion(mean_log_likelihood: float, k: int, n_dims: int, effective: float) -> float:
    """2 log L - p log n per effective spot, p the free parameters of a tied mixture."""
    parameters = (k - 1) + k * n_dims + n_dims * (n_dims + 1) / 2
    return float(2 * mean_log_likelihood - parameters * np.log(effective) / effective)
