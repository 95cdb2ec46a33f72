"""The rules about image features that every method follows."""

import numpy as np
import pytest

from tissuegraph.errors import InputError
from tissuegraph.histology.view import FEWEST_SPOTS, chosen_trust, spot_images, standardised


def image_of(n_spots, n_features=3):
    return np.random.default_rng(0).normal(size=(n_spots, n_features))


def test_columns_are_standardised_and_a_constant_one_becomes_zero_whatever_its_size():
    values = np.array([[1.0, 7.1, 0.1 * 3], [3.0, 7.1, 0.1 * 3], [5.0, 7.1, 0.3]])
    root = np.sqrt(1.5)  # of (-2, 0, 2) / sqrt(8 / 3)
    np.testing.assert_allclose(standardised(values), [[-root, 0, 0], [0, 0, 0], [root, 0, 0]], atol=1e-12)


def test_a_spot_with_any_nan_has_no_image_and_no_influence():
    image = image_of(30)
    image[4, 1] = np.nan
    found = spot_images(image, 30)
    assert found.n_missing == 1
    assert not found.present[4]
    np.testing.assert_allclose(found.features, standardised(np.delete(image, 4, axis=0)))
    whole = found.spread_out(found.features)
    assert (whole[4] == 0).all()
    np.testing.assert_array_equal(whole[found.present], found.features)


@pytest.mark.parametrize(
    ("image", "flaw"),
    [
        (image_of(FEWEST_SPOTS), None),
        (
            np.vstack([image_of(FEWEST_SPOTS - 1), [[np.nan] * 3]]),
            "19 spots have image features, 20 are needed",
        ),
        (np.full((FEWEST_SPOTS, 3), np.nan), "0 spots have image features, 20 are needed"),
        (np.full((FEWEST_SPOTS, 3), 0.1), "the image features are the same in all spots"),
    ],
)
def test_too_few_spots_or_features_that_never_differ_say_nothing(image, flaw):
    assert spot_images(image, FEWEST_SPOTS).flaw == flaw


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (image_of(29), r"one row per kept spot \(30\).*got shape \(29, 3\)"),
        (image_of(30, 0), "at least one column"),
        (np.full((30, 2), np.inf), "must be finite, got infinite values"),
    ],
)
def test_features_of_another_slice_or_infinite_ones_are_refused(image, words):
    with pytest.raises(InputError, match=words):
        spot_images(image, 30)


def test_trust_is_judged_only_where_the_setting_says_auto():
    assert chosen_trust("auto", lambda: 1.2) == 1
    assert chosen_trust(0.25, lambda: pytest.fail("not asked")) == 0.25
