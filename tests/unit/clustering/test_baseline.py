"""The baseline, and domains from embeddings, on generated tissue."""

import numpy as np
import pytest
from scipy import sparse

from tissuegraph.clustering.baseline import baseline
from tissuegraph.clustering.domains import find_domains
from tissuegraph.clustering.labels import adjusted_rand, contingency
from tissuegraph.clustering.settings import Clustering
from tissuegraph.errors import InputError
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import spatial_graph
from tissuegraph.slices.smoothing import SMOOTHING_SCALES, Neighbourhood, mean_over_nearest, smoothing_scale


@pytest.fixture(scope="module")
def tissue():
    """30 x 30 spots in three stripes; each stripe raises 30 of 200 genes, too little for single spots."""
    rng = np.random.default_rng(0)
    position = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0)), axis=-1).reshape(-1, 2)
    stripe = (position[:, 0] // 10).astype(int)
    rate = np.full((3, 200), 0.6)
    for k in range(3):
        rate[k, 30 * k : 30 * k + 30] *= 1.45
    counts = rng.poisson(rate[stripe] * rng.gamma(8, 1 / 8, len(stripe))[:, None])
    return sparse.csr_matrix(counts.astype(np.float32)), position, stripe


@pytest.fixture(scope="module")
def arrays(tissue):
    counts, position, _ = tissue
    graph = spatial_graph(position, "knn", 4).adjacency
    features = np.random.default_rng(1).normal(size=(len(position), 5))
    return SliceArrays(
        counts=counts,
        features=features,
        depth=np.asarray(counts.sum(axis=1)).ravel(),
        position=position,
        spatial=graph,
        feature=graph,
        genes=np.arange(200).astype(str),
        pitch=1.0,
    )


def settings(**changes):
    return Clustering(**({"clusterer": "vote", "smooth_neighbours": 0, "refine": False} | changes))


def agreement(labels, truth):
    return adjusted_rand(contingency(labels, truth, int(max(labels.max(), truth.max())) + 1))


def test_smoothing_finds_the_stripes_that_plain_components_miss(tissue):
    counts, position, stripe = tissue
    found = baseline(counts, position, 3)
    assert agreement(found.labels, stripe) > 0.85
    assert agreement(found.pca_kmeans, stripe) < agreement(found.labels, stripe) - 0.2


def test_baseline_repeats_itself_and_has_one_row_per_spot(tissue):
    counts, position, _ = tissue
    first, second = (baseline(counts, position, 3, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.embedding.shape == (len(position), 15)
    assert first.around.n_nearest in SMOOTHING_SCALES


def test_wide_regions_are_smoothed_further_than_narrow_ones():
    position = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0)), axis=-1).reshape(-1, 2)
    noise = np.random.default_rng(0).normal(size=(900, 4))
    narrow, wide = (np.sign(np.sin(np.pi * position[:, :1] / w)) * 2 + noise for w in (3, 15))
    assert smoothing_scale(narrow, position).n_nearest < smoothing_scale(wide, position).n_nearest


def test_slices_smaller_than_every_scale_use_all_other_spots():
    assert smoothing_scale(np.eye(4), np.arange(8.0).reshape(4, 2)) == Neighbourhood(3)


def test_domains_of_several_seeds_share_their_numbers(tissue, arrays):
    _, _, stripe = tissue
    rng = np.random.default_rng(2)
    embeddings = [np.eye(3)[stripe] * 6 + rng.normal(size=(len(stripe), 3)) for _ in range(3)]
    found = find_domains(np.array(embeddings), arrays, 3, settings())
    assert found.per_seed.shape == (3, len(stripe))
    assert (found.per_seed == found.labels).mean() > 0.95
    assert agreement(found.labels, stripe) > 0.95
    assert found.changed == 0
    assert 0.9 < found.confidence.mean() <= 1


def test_refinement_changes_lone_spots_and_says_how_many(tissue, arrays):
    _, _, stripe = tissue
    rng = np.random.default_rng(3)
    flipped = np.where(rng.random(len(stripe)) < 0.05, rng.integers(0, 3, len(stripe)), stripe)
    embedding = np.eye(3)[flipped] * 9 + rng.normal(size=(len(stripe), 3))
    found = find_domains(embedding[None], arrays, 3, settings(refine=True))
    assert found.changed == pytest.approx(np.mean(found.labels != found.unrefined))
    assert found.changed > 0.01
    assert agreement(found.labels, stripe) > agreement(found.unrefined, stripe)
    assert (found.confidence[found.labels != found.unrefined] < 0.5).all()


def test_averaging_over_nearest_spots_comes_before_clustering(tissue, arrays):
    _, position, stripe = tissue
    noisy = np.eye(3)[stripe] * 2 + np.random.default_rng(4).normal(size=(len(stripe), 3))
    by_setting = find_domains(noisy[None], arrays, 3, settings(smooth_neighbours=8))
    by_hand = find_domains((mean_over_nearest(position, 8) @ noisy)[None], arrays, 3, settings())
    np.testing.assert_array_equal(by_setting.labels, by_hand.labels)
    assert agreement(by_setting.labels, stripe) > agreement(
        find_domains(noisy[None], arrays, 3, settings()).labels, stripe
    )


def test_auto_averages_over_the_scale_of_the_network_input(tissue, arrays):
    _, position, stripe = tissue
    noisy = np.eye(3)[stripe] * 2 + np.random.default_rng(5).normal(size=(len(stripe), 3))
    scale = smoothing_scale(arrays.features, position)
    automatic = find_domains(noisy[None], arrays, 3, settings(smooth_neighbours="auto"))
    given = find_domains(noisy[None], arrays, 3, settings(smooth_neighbours=scale.n_nearest))
    np.testing.assert_array_equal(automatic.labels, given.labels)


def test_more_domains_than_spots_is_one_line_with_both_numbers():
    counts, position = sparse.csr_matrix(np.ones((30, 3))), np.random.default_rng(0).random((30, 2))
    with pytest.raises(InputError, match="31 domains were asked for, but only 30 spots passed"):
        baseline(counts, position, 31)
