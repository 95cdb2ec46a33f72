"""Class means shared by teachers, and the offset of a section without labels."""

import numpy as np
import pytest

from tissuegraph.regions.offsets import ClassModel, estimate_offset, fit_classes


def model(shares=(0.5, 0.5)):
    return ClassModel(np.array([[0.0, 0.0], [6.0, 0.0]]), np.eye(2), np.array(shares))


def drawn(n_first, n_second, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.repeat([[0.0, 0.0], [6.0, 0.0]], [n_first, n_second], axis=0)
    return centres + rng.normal(size=(n_first + n_second, 2))


def test_distances_are_mahalanobis():
    # covariance diag(4, 1): (2, 0) is one standard deviation from (0, 0), two from (6, 0)
    classes = ClassModel(np.array([[0.0, 0.0], [6.0, 0.0]]), np.diag([4.0, 1.0]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(classes.distances(np.array([[2.0, 0.0]])), [[1.0, 4.0]], atol=1e-9)


def test_the_posterior_follows_bayes_rule():
    # at the middle the likelihoods are equal: the prior decides
    np.testing.assert_allclose(model((0.8, 0.2)).posterior(np.array([[3.0, 0.0]])), [[0.8, 0.2]], atol=1e-12)


def test_two_teachers_with_an_offset_share_their_means():
    first = np.array([[0.0], [0.0], [4.0], [4.0]])
    codes = np.array([0, 0, 1, 1])
    classes, offsets = fit_classes([first, first + 2.0], [codes, codes], 2)
    np.testing.assert_allclose(classes.means[:, 0], [1.0, 5.0])
    np.testing.assert_allclose(offsets[:, 0], [-1.0, 1.0])


def test_the_offset_is_not_mistaken_where_teachers_hold_different_regions():
    # teacher 2 has regions 1 and 2 only; class means would be torn apart if sections were centred
    first = np.array([[0.0], [4.0], [8.0]])
    second = np.array([[4.0], [8.0]]) + 3.0
    classes, offsets = fit_classes([first, second], [np.array([0, 1, 2]), np.array([1, 2])], 3)
    np.testing.assert_allclose(np.diff(classes.means[:, 0]), [4.0, 4.0], atol=1e-3)
    np.testing.assert_allclose(offsets[1] - offsets[0], 3.0, atol=1e-3)


def test_a_large_teacher_weighs_no_more_than_a_small_one():
    small, large = np.array([[0.0], [1.0]]), np.tile([[0.0], [1.0]], (50, 1))
    one, _ = fit_classes([small, large], [np.array([0, 1]), np.tile([0, 1], 50)], 2)
    np.testing.assert_allclose(one.shares, [0.5, 0.5])


@pytest.mark.parametrize(("n_first", "n_second"), [(100, 100), (180, 20), (200, 0)])
def test_the_offset_of_a_section_is_found_whatever_its_mix_of_regions(n_first, n_second):
    shift = np.array([1.0, -0.5])
    offset, shares = estimate_offset(drawn(n_first, n_second) + shift, model())
    np.testing.assert_allclose(offset, shift, atol=0.35)
    assert shares.sum() == pytest.approx(1)
    assert abs(shares[0] - n_first / 200) < 0.15


def test_the_sections_own_mean_would_be_wrong_where_a_region_is_missing():
    points = drawn(200, 0)  # no offset at all, one of the two regions
    by_centring = points.mean(axis=0) - model().means.mean(axis=0)
    offset, _ = estimate_offset(points, model())
    assert np.linalg.norm(by_centring) > 2.5
    assert np.linalg.norm(offset) < 0.3


def test_the_size_of_an_offset_is_in_standard_deviations():
    classes = ClassModel(np.zeros((2, 2)), np.diag([4.0, 1.0]), np.array([0.5, 0.5]))
    assert classes.offset_size(np.array([4.0, 0.0])) == pytest.approx(2.0)
