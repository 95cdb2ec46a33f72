"""A stated radius around each spot: the same tissue on spots, bins and cells."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial import cKDTree

from tissuegraph.slices.pooling import Pooled
from tissuegraph.slices.smoothing import (
    Neighbourhood,
    averaging,
    loo_errors,
    mean_over_nearest,
    neighbourhood,
    smoothing_scale,
)


def lattice(side_um: float, pitch_um: float) -> np.ndarray:
    ticks = np.arange(0, side_um, pitch_um)
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def visium(n: int = 30, pitch: float = 100.0) -> np.ndarray:
    row, column = np.mgrid[:n, :n]
    return np.stack([(column + row % 2 / 2) * pitch, row * pitch * np.sqrt(3) / 2], axis=-1).reshape(-1, 2)


def by_hand(position: np.ndarray, k: int, radius: float) -> np.ndarray:
    """Each spot with all within the radius, or with its k nearest where these are more."""
    tree = cKDTree(position)
    rows = np.zeros((len(position), len(position)))
    for spot, place in enumerate(position):
        held = tree.query_ball_point(place, radius)
        if len(held) <= k + 1:
            held = tree.query(place, k + 1)[1]
        rows[spot, held] = 1 / len(held)
    return rows


def test_a_neighbourhood_has_its_radius_by_area_and_none_without_a_scale():
    assert neighbourhood(18, 1.0) == Neighbourhood(18, 100.0)
    assert neighbourhood(18, 0.5) == Neighbourhood(18, 200.0)
    assert neighbourhood(72, 1.0).radius == pytest.approx(200.0)
    assert neighbourhood(18, None) == Neighbourhood(18)
    assert neighbourhood(0, 1.0) == Neighbourhood(0)


@pytest.mark.parametrize("k", [6, 8, 12, 18, 24, 36])
def test_nothing_changes_on_the_spots_of_an_array(k):
    position = visium() / 0.73
    found = averaging(position, neighbourhood(k, 0.73))
    assert found.radius == 0
    assert found.n_averaged == k
    assert (found.nearest != mean_over_nearest(position, k)).nnz == 0


def test_bins_and_cells_are_averaged_over_all_within_the_radius():
    rng = np.random.default_rng(0)
    # a crowd, and a sparse corner whose spots have fewer than six others within the radius
    position = np.vstack([rng.uniform(0, 700, (2700, 2)), rng.uniform(800, 1800, (60, 2))])
    features = rng.normal(size=(len(position), 3))
    found = averaging(position, Neighbourhood(6, 45.0))
    assert sparse.issparse(found.nearest)
    assert found.pooled is None
    np.testing.assert_allclose(found @ features, by_hand(position, 6, 45.0) @ features, atol=1e-5)
    sizes = (by_hand(position, 6, 45.0) > 0).sum(axis=1) - 1
    assert found.n_averaged == pytest.approx(sizes.mean())
    assert sizes[:2700].mean() > 25 > 7 > sizes[2700:].mean()


def test_wide_neighbourhoods_are_pooled_and_close_to_the_disc():
    position = lattice(1600, 8)  # 40,000 bins, 490 of them within 100 um
    smooth = np.sin(position / 150)
    noise = np.random.default_rng(1).normal(size=smooth.shape)
    found = averaging(position, Neighbourhood(18, 100.0))
    assert found.pooled is not None
    inside = ((position > 250) & (position < 1350)).all(axis=1)
    assert found.n_averaged == pytest.approx(490, rel=0.15)  # the rim of the slice has less around it
    asked = np.flatnonzero(inside)[::97]
    tree = cKDTree(position)
    discs = [tree.query_ball_point(position[spot], 100.0) for spot in asked]
    exact = np.array([(smooth + noise)[disc].mean(axis=0) for disc in discs])
    np.testing.assert_allclose((found @ (smooth + noise))[asked], exact, atol=0.06)
    # noise of one spot is averaged away: 490 of it, not 18
    assert (found @ noise)[inside].std() < 1.2 / np.sqrt(490)


def test_pooling_keeps_constants_and_shifts_with_the_slice():
    position = np.random.default_rng(2).uniform(0, 500, (5000, 2))
    features = np.random.default_rng(3).normal(size=(5000, 2))
    pooled = Pooled(position, 60.0)
    np.testing.assert_allclose(pooled.mean(np.full((5000, 1), 7.0)), 7.0, rtol=1e-5)
    moved = Pooled(position + [1e6, -3e5], 60.0)
    np.testing.assert_allclose(moved.mean(features), pooled.mean(features), atol=1e-4)


def test_a_stray_bin_of_a_pooled_slice_still_has_its_nearest():
    position = np.vstack([lattice(800, 8), [[5000.0, 5000.0]]])
    features = np.random.default_rng(4).normal(size=(len(position), 2))
    found = averaging(position, Neighbourhood(6, 100.0)) @ features
    nearest = cKDTree(position).query(position[-1], 7)[1]
    np.testing.assert_allclose(found[-1], features[nearest].mean(axis=0), atol=1e-5)


def test_a_radius_takes_in_at_most_a_twentieth_of_a_small_field():
    position = lattice(200, 8)  # 625 bins: a radius of 100 um would hold most of them
    found = averaging(position, Neighbourhood(18, 100.0))
    assert 18 < found.n_averaged <= 0.05 * len(position)
    assert found.radius < 40


def test_spots_bins_and_cells_of_one_tissue_get_the_same_radius():
    """The tissue decides over what is averaged, not the platform."""
    rng = np.random.default_rng(5)
    radius = {}
    for name, position in {
        "bins": lattice(2400, 8),
        "cells": rng.uniform(0, 2400, (25_000, 2)),
    }.items():
        stripes = np.floor(position[:, :1] / 600) % 2
        found = smoothing_scale(stripes * 2 + rng.normal(size=(len(position), 4)), position, 1.0)
        radius[name] = found.radius
        assert found.radius >= 57
    assert radius["bins"] == radius["cells"]


def test_the_error_of_a_radius_is_that_of_leaving_each_spot_out():
    position = lattice(560, 8)
    features = np.random.default_rng(6).normal(size=(len(position), 3))
    reach = neighbourhood(6, 1.0).radius
    squares = 0.0
    for spot, held in enumerate(cKDTree(position).query_ball_point(position, reach)):
        others = [other for other in held if other != spot]
        squares += ((features[spot] - features[others].mean(axis=0)) ** 2).sum()
    # asked of 2,000 of the 4,900
    assert loo_errors(features, position, [6], 1.0)[0] == pytest.approx(squares / len(position), rel=0.05)


def test_the_error_of_a_radius_lists_the_neighbours_of_one_spot_at_a_time():
    import tracemalloc

    position = 10.0 * np.stack(np.divmod(np.arange(10_000), 100), axis=1)
    features = np.zeros((10_000, 1), dtype=np.float32)
    tracemalloc.start()
    loo_errors(features, position, [18], um_per_px=1.0)  # 2,000 spots, each with some 316 around it
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6  # at once they are 25 MB
