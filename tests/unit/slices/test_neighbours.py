"""Neighbour search among features: tiles equal brute force, cells come close, both repeat."""

import numpy as np
import pytest

from tissuegraph.errors import SettingsError
from tissuegraph.slices import neighbours
from tissuegraph.slices.neighbours import nearest_in_features


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(neighbours, "_TILE_ENTRIES", 1000)
    monkeypatch.setattr(neighbours, "_CELL_SPOTS", 50)


def features(n_spots=1000, width=8):
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(5, width))[rng.integers(0, 5, n_spots)] * 2 + rng.normal(size=(n_spots, width))
    ).astype(np.float32)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_tiling_does_not_change_the_result(small_tiles, metric, monkeypatch):
    tiled = nearest_in_features(features(), 6, metric)
    monkeypatch.setattr(neighbours, "_TILE_ENTRIES", 10**9)
    np.testing.assert_array_equal(tiled, nearest_in_features(features(), 6, metric))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_cells_find_nearly_all_true_neighbours(small_tiles, metric):
    exact = nearest_in_features(features(), 6, metric, exact=True)
    found = nearest_in_features(features(), 6, metric, exact=False)
    shared = [len(set(a) & set(b)) for a, b in zip(exact, found, strict=True)]
    assert np.mean(shared) / 6 > 0.95


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "cells"])
def test_a_spot_is_never_its_own_neighbour_and_none_is_named_twice(small_tiles, exact):
    points = np.repeat(features(100), 10, axis=0)  # ten copies of each
    nearest = nearest_in_features(points, 6, exact=exact)
    assert (nearest != np.arange(1000)[:, None]).all()
    assert (nearest >= 0).all()
    assert all(len(set(row)) == 6 for row in nearest.tolist())


def test_the_same_seed_gives_the_same_neighbours(small_tiles):
    first, second = (nearest_in_features(features(), 6, exact=False, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_more_neighbours_than_spots_gives_all_others():
    nearest = nearest_in_features(features(4), 14)
    assert [sorted(row) for row in nearest.tolist()] == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_wide_features_of_many_spots_are_reduced_and_keep_their_neighbours(monkeypatch):
    rng = np.random.default_rng(1)
    wide = (features(400) @ rng.normal(size=(8, 300))).astype(np.float32)
    exact = nearest_in_features(wide, 5)
    monkeypatch.setattr(neighbours, "_WIDE_EXACT_MAX_SPOTS", 100)
    reduced = nearest_in_features(wide, 5)
    assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(exact, reduced, strict=True)]) > 0.99


@pytest.mark.parametrize(
    ("k", "metric", "words"), [(0, "cosine", "at least 1, got 0"), (5, "jaccard", "cosine and euclidean")]
)
def test_settings_out_of_range_are_refused(k, metric, words):
    with pytest.raises(SettingsError, match=words):
        nearest_in_features(features(20), k, metric)
