"""The tied mixture: its likelihood is the textbook one, and EM does what EM must."""

import numpy as np
import pytest

from tissuegraph.clustering import mixture
from tissuegraph.clustering.mixture import TiedMixture, fit_tied
from tissuegraph.errors import InputError


def blobs(n=400, d=4, k=3, seed=0, spread=4.0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    shear = np.eye(d) + 0.5 * np.eye(d, k=1)  # a shared covariance that is not spherical
    return (rng.normal(size=(n, d)) @ shear + rng.normal(0, spread, (k, d))[truth]), truth


def test_two_points_per_component_give_the_hand_computed_fit():
    points = np.array([[-11.0], [-9.0], [9.0], [11.0]])  # means -10 and 10, shared variance 1
    fit = fit_tied(points, np.array([0, 0, 1, 1]), n_components=2, ridge=0)
    np.testing.assert_allclose(fit.means.ravel(), [-10, 10], atol=1e-9)
    np.testing.assert_allclose(fit.covariance, [[1.0]], atol=1e-9)
    np.testing.assert_allclose(fit.weights, [0.5, 0.5])
    each = np.log(0.5) - 0.5 * np.log(2 * np.pi) - 0.5  # every point is one deviation from its mean
    assert fit.log_likelihood == pytest.approx(4 * each)


def test_likelihood_matches_scikit_learn_from_the_same_start():
    from sklearn.mixture import GaussianMixture

    points, _ = blobs(spread=1.5)
    start = np.random.default_rng(1).integers(0, 3, len(points))
    ours = fit_tied(points, start, n_components=3, tolerance=1e-12, ridge=0, max_steps=5000)
    theirs = GaussianMixture(
        3,
        covariance_type="tied",
        tol=1e-11,
        reg_covar=0,
        max_iter=5000,
        means_init=[points[start == k].mean(axis=0) for k in range(3)],
        weights_init=np.bincount(start) / len(start),
        precisions_init=np.linalg.inv(
            sum(np.cov(points[start == k].T, bias=True) * (start == k).mean() for k in range(3))
        ),
    ).fit(points)
    assert ours.log_likelihood == pytest.approx(theirs.score(points) * len(points), rel=1e-6)
    np.testing.assert_allclose(ours.covariance, theirs.covariances_, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(ours.predict(points), theirs.predict(points))


def test_likelihood_never_falls_from_step_to_step():
    points, _ = blobs(spread=1.0)
    start = np.random.default_rng(2).integers(0, 3, len(points))
    path = [
        fit_tied(points, start, n_components=3, tolerance=0, ridge=0, max_steps=n).log_likelihood
        for n in range(1, 40)
    ]
    assert np.diff(path).min() > -1e-9 * abs(path[0])


def test_well_separated_components_are_recovered():
    points, truth = blobs(spread=12.0)
    found = fit_tied(points, truth, n_components=3).predict(points)
    np.testing.assert_array_equal(found, truth)


def test_a_shift_of_the_origin_changes_only_the_means():
    points, truth = blobs()
    near, far = (fit_tied(points + shift, truth, n_components=3) for shift in (0.0, 1e4))
    assert far.log_likelihood == pytest.approx(near.log_likelihood, rel=1e-9)
    np.testing.assert_allclose(far.means - 1e4, near.means, atol=1e-6)


def test_a_change_of_units_changes_no_label():
    points, _ = blobs(spread=1.0)
    start = np.random.default_rng(3).integers(0, 3, len(points))
    small, large = (fit_tied(points * unit, start, n_components=3) for unit in (1.0, 1024.0))
    np.testing.assert_array_equal(small.predict(points), large.predict(points * 1024.0))


def test_blocks_of_spots_give_the_same_fit(monkeypatch):
    points, truth = blobs()
    whole = fit_tied(points, truth, n_components=3)
    monkeypatch.setattr(mixture, "CHUNK_ROWS", 37)
    blocked = fit_tied(points, truth, n_components=3)
    assert blocked.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
    np.testing.assert_array_equal(blocked.predict(points), whole.predict(points))


def test_an_unused_label_stays_without_weight_and_without_spots():
    points, truth = blobs()
    fit = fit_tied(points, truth, n_components=5)
    np.testing.assert_array_equal(fit.weights[3:], [0, 0])
    assert fit.predict(points).max() <= 2


def test_identical_points_are_fitted_without_failure():
    fit = fit_tied(np.ones((20, 3)), np.arange(20) % 2, n_components=2)
    assert np.isfinite(fit.means).all()


def test_parameters_are_counted_as_for_mclust_eee():
    # weights 2, means 3 x 4, one symmetric 4 x 4 matrix 10
    fit = TiedMixture(np.ones(3) / 3, np.zeros((3, 4)), np.eye(4), 0.0, 1, True)
    assert fit.n_parameters == 2 + 12 + 10


def test_too_few_steps_are_reported_as_not_converged():
    points, _ = blobs(spread=1.0)
    start = np.random.default_rng(4).integers(0, 3, len(points))
    fit = fit_tied(points, start, n_components=3, tolerance=0, max_steps=2)
    assert not fit.converged
    assert fit.n_steps == 2


def test_a_start_of_another_length_is_refused():
    with pytest.raises(InputError, match="one label"):
        fit_tied(np.zeros((4, 2)), np.zeros(3, dtype=int), n_components=1)
