"""The vote of mixtures: tied mixtures in several dimensions and from two kinds of start, then a majority.

One mixture depends on its start and on how many components of the embedding it sees; the majority over
eight depends on neither by much. N spots, D latent dimensions, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tissuegraph.clustering.labels import Labels, majority
from tissuegraph.clustering.mixture import TiedMixture, fit_tied
from tissuegraph.clustering.starts import cut, kmeans_start, model_based_hierarchy, ward_tree


@dataclass(frozen=True)
class MixtureSettings:
    """How one tied mixture is started and when its EM stops."""

    n_kmeans_starts: int = 5  # beside one Ward start; the likeliest fit is kept
    n_micro_clusters: int = 200  # leaves of the model-based hierarchy
    tolerance: float = 1e-6  # relative gain of the log-likelihood; 1e-3 leaves a seed sd of .03 in ARI
    ridge: float = 1e-6  # of the mean variance
    # Spots used to find a start: Ward needs the square of it. At 16,000 spots, labels from 4,000 agree with
    # those from 8,000 as two seeds do (ARI .91 to .97); some from 2,000 do not (.78).
    start_sample: int = 4_000


@dataclass(frozen=True)
class Vote:
    """The vote of mixtures as a clusterer."""

    title: ClassVar[str] = "a vote of mixtures"
    dims: tuple[int, ...] = (8, 10, 15, 20)  # leading principal components of the embedding
    mixture: MixtureSettings = MixtureSettings()

    def __call__(self, embedding: np.ndarray, n_domains: int, seed: int) -> Labels:
        """Labels and the share of mixtures that agree, from an embedding (N, D)."""
        dims = usable_dims(self.dims, embedding.shape)
        components = principal_components(embedding, max(dims))
        labelings = []
        for n_dims in dims:
            points = components[:, :n_dims]
            labelings += [fit.predict(points) for fit in two_mixtures(points, n_domains, self.mixture, seed)]
        return majority(np.array(labelings), n_domains)


@dataclass(frozen=True)
class Gmm:
    """One tied mixture, the likelier of the two that the vote would fit."""

    title: ClassVar[str] = "a Gaussian mixture"
    n_dims: int = 20
    mixture: MixtureSettings = MixtureSettings()

    def __call__(self, embedding: np.ndarray, n_domains: int, seed: int) -> Labels:
        """Labels, all with share 1, from an embedding (N, D)."""
        points = principal_components(embedding, min(self.n_dims, *embedding.shape))
        best = max(two_mixtures(points, n_domains, self.mixture, seed), key=lambda fit: fit.log_likelihood)
        return Labels(best.predict(points), np.ones(len(points)))


def usable_dims(dims: tuple[int, ...], shape: tuple[int, int]) -> list[int]:
    """The dimensions that an embedding of this shape (N, D) can offer, without repeats."""
    return sorted({min(n_dims, *shape) for n_dims in dims})


def principal_components(embedding: np.ndarray, n_components: int) -> np.ndarray:
    """Centred scores (N, n_components), float64; each component's largest loading is positive."""
    centred = np.asarray(embedding, dtype=np.float64) - embedding.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    vectors = vectors[:, ::-1][:, :n_components]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return centred @ (vectors * np.where(largest < 0, -1.0, 1.0))


def two_mixtures(points: np.ndarray, n_components: int, settings: MixtureSettings, seed: int):
    """A tied mixture from the model-based hierarchy, and the likeliest from k-means and Ward starts.

    points (N, d). Beyond `start_sample` spots both are found on a seeded sample and then carried on
    with all spots, so that only the EM steps, O(N K d), see every spot.
    """
    sample = _sample(len(points), settings.start_sample, seed)
    seen = points if sample is None else points[sample]
    tree = ward_tree(seen)
    groups = cut(tree, min(settings.n_micro_clusters, max(n_components, len(seen) // 2)))
    from_hierarchy = _fit(seen, model_based_hierarchy(seen, groups, n_components), n_components, settings)
    starts = [cut(tree, n_components)]
    starts += [
        kmeans_start(seen, n_components, seed * settings.n_kmeans_starts + run)
        for run in range(settings.n_kmeans_starts)
    ]
    fits = [_fit(seen, start, n_components, settings) for start in starts]
    likeliest = max(fits, key=lambda fit: fit.log_likelihood)
    if sample is None:
        return from_hierarchy, likeliest
    return tuple(
        _fit(points, fit.predict(points), n_components, settings) for fit in (from_hierarchy, likeliest)
    )


def _fit(points, start, n_components: int, settings: MixtureSettings) -> TiedMixture:
    return fit_tied(
        points, start, n_components=n_components, tolerance=settings.tolerance, ridge=settings.ridge
    )


def _sample(n_spots: int, limit: int, seed: int) -> np.ndarray | None:
    if n_spots <= limit:
        return None
    return np.sort(np.random.default_rng(seed).choice(n_spots, limit, replace=False))
