"""Pooling, weights and calibration."""

import numpy as np
import pytest

from tissuegraph.regions.ensemble import (
    FLOOR,
    calibrating_temperature,
    calibration_error,
    pool,
    stacking_weights,
)


def test_the_pool_is_the_weighted_geometric_mean():
    one, other = np.array([[0.9, 0.1]]), np.array([[0.5, 0.5]])
    raw = np.sqrt((one + FLOOR) * (other + FLOOR))
    np.testing.assert_allclose(pool([one, other], [0.5, 0.5]), raw / raw.sum(), rtol=1e-12)


def test_no_member_alone_rules_a_class_out():
    sure, unsure = np.array([[1.0, 0.0]]), np.array([[0.01, 0.99]])
    assert pool([sure, unsure], [0.3, 0.7])[0, 1] > 0.5


def noisy(codes, accuracy, rng):
    """A member that gives .9 to the right class for a share of the spots, to the wrong one otherwise."""
    right = rng.random(len(codes)) < accuracy
    first = np.where(right, codes == 0, codes != 0)
    return np.where(first[:, None], [0.9, 0.1], [0.1, 0.9])


def test_a_member_that_guesses_gets_little_weight():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 4000)
    weights = stacking_weights([noisy(codes, 0.9, rng), noisy(codes, 0.5, rng)], codes)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.8


def test_members_that_cannot_be_told_apart_share():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 2000)
    member = noisy(codes, 0.9, rng)
    np.testing.assert_allclose(stacking_weights([member, member, member], codes), 1 / 3, atol=1e-3)


def test_the_temperature_undoes_overconfidence():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 4000)
    boast = np.clip((noisy(codes, 0.8, rng) - 0.5) * 1.24 + 0.5, 0.004, 0.996)  # says .996, is right in .8
    temperature = calibrating_temperature([boast], [1.0], codes)
    calm = pool([boast], [1.0], temperature).max(axis=1)
    assert temperature > 2
    assert calm.mean() == pytest.approx(0.8, abs=0.03)


def test_the_calibration_error_is_the_gap_weighted_by_spots():
    # bin .9-1: mean .95, half right: gap .45, 2 of 4 spots; bin .5-.6: mean .55, all right: gap .45
    found = calibration_error(np.array([0.95, 0.95, 0.55, 0.55]), np.array([1, 0, 1, 1]))
    assert found == pytest.approx(0.45)
