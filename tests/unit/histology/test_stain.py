"""Stain normalisation: known stains are recovered, scanners agree afterwards, bad slides do no harm."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from scipy import ndimage

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.histology.stain import METHODS, Identity, fit_normaliser
from tissuegraph.histology.stain.lab import responses, responses_to_rgb, rgb_to_lab
from tissuegraph.histology.stain.macenko import macenko_stains
from tissuegraph.histology.stain.pixels import glass_colour, pen_marks, tissue_pixels
from tissuegraph.histology.stain.reference import builtin_reference
from tissuegraph.histology.stain.transfer import order_stains
from tissuegraph.histology.stain.vahadane import sparse_amounts, vahadane_stains

FITTED = METHODS[:-1]
CROSS_SLIDE = ("macenko", "vahadane", "reinhard")  # bring a slide to the built-in reference
SIDE = 200

# Two laboratories: stains (haematoxylin, eosin) in optical density, their strengths, the scanner's glass.
LAB_A = (np.array([[0.65, 0.70, 0.29], [0.13, 0.80, 0.36]]), (1.0, 1.0), (244.0, 243.0, 245.0))
LAB_B = (np.array([[0.58, 0.72, 0.38], [0.22, 0.86, 0.30]]), (1.7, 0.7), (232.0, 214.0, 226.0))


def section(seed: int = 0):
    """Amounts (2, SIDE, SIDE) of both stains and the mask (SIDE, SIDE) of a round piece of tissue."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), 2.0)
    nucleus = blobs > np.quantile(blobs, 0.72)
    fibre = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), (1, 6))
    fibre /= fibre.std()
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    mask = np.hypot(x, y) < 0.42 * SIDE
    haematoxylin = np.where(nucleus, 0.9, 0.12) * np.exp(0.15 * rng.standard_normal((SIDE, SIDE)))
    eosin = np.where(nucleus, 0.15, 0.5) * np.exp(0.3 * fibre)
    return np.stack([haematoxylin, eosin]) * mask, mask


def stained(amounts, laboratory):
    """The section (SIDE, SIDE, 3) uint8 as a laboratory would have stained and scanned it."""
    stains, strength, glass = laboratory
    density = np.tensordot(amounts * np.array(strength)[:, None, None], stains, axes=(0, 0))
    return np.round(np.array(glass) * np.exp(-density)).astype(np.uint8)


def difference(one, other, mask) -> float:
    """Mean absolute difference of 255 over tissue pixels."""
    return float(np.abs(one[mask].astype(float) - other[mask].astype(float)).mean())


@pytest.mark.parametrize(("method", "error"), [("macenko", 3.0), ("vahadane", 3.0), ("reinhard", 9.0)])
def test_two_scans_of_one_section_agree_after_normalisation(method, error):
    amounts, mask = section()
    scans = [stained(amounts, laboratory) for laboratory in (LAB_A, LAB_B)]
    assert difference(*scans, mask) > 20
    fitted = [fit_normaliser(method, scan, mask) for scan in scans]
    assert not any(normaliser.warnings for normaliser in fitted)
    after = [normaliser.apply(scan) for normaliser, scan in zip(fitted, scans, strict=True)]
    assert difference(*after, mask) < error
    assert difference(*after, ~mask) < 2  # the empty slide stays empty, in one colour


@pytest.mark.parametrize(("method", "error"), [("macenko", 3.0), ("vahadane", 3.0), ("reinhard", 9.0)])
def test_a_shifted_scan_is_restored_to_the_reference_image(method, error):
    amounts, mask = section()
    original, shifted = stained(amounts, LAB_A), stained(amounts, LAB_B)
    restored = fit_normaliser(method, shifted, mask, reference=original).apply(shifted)
    assert difference(restored, original, mask) < error < 20 < difference(shifted, original, mask)


@pytest.mark.parametrize("method", CROSS_SLIDE)
def test_different_tissue_from_two_laboratories_ends_with_similar_colours(method):
    means, before = [], []
    for seed, laboratory in ((1, LAB_A), (2, LAB_B)):
        amounts, mask = section(seed)
        scan = stained(amounts, laboratory)
        before.append(scan[mask].mean(axis=0))
        means.append(fit_normaliser(method, scan, mask).apply(scan)[mask].mean(axis=0))
    assert np.abs(means[0] - means[1]).max() < 0.2 * np.abs(before[0] - before[1]).max()


def test_diverse_crops_of_a_reference_image_bring_two_slides_together():
    amounts, mask = section()
    scans = [stained(amounts, laboratory) for laboratory in (LAB_A, LAB_B)]
    reference = stained(section(5)[0], LAB_A)
    after = [fit_normaliser("diverse", scan, mask, reference).apply(scan) for scan in scans]
    assert difference(*after, mask) < 0.5 * difference(*scans, mask)


def test_diverse_crops_of_the_slide_itself_change_it_only_mildly():
    amounts, mask = section()
    scan = stained(amounts, LAB_A)
    tiles = np.stack([scan[r : r + 32, c : c + 32] for r in range(40, 150, 16) for c in range(40, 150, 16)])
    assert difference(fit_normaliser("diverse", scan, mask, tiles=tiles).apply(scan), scan, mask) < 15


@pytest.mark.parametrize("method", CROSS_SLIDE)
def test_normalising_a_normalised_slide_changes_little(method):
    amounts, mask = section()
    once = fit_normaliser(method, stained(amounts, LAB_B), mask).apply(stained(amounts, LAB_B))
    assert difference(fit_normaliser(method, once, mask).apply(once), once, mask) < 1


@pytest.mark.parametrize("estimate", [macenko_stains, vahadane_stains])
@pytest.mark.parametrize("laboratory", [LAB_A, LAB_B], ids="AB")
def test_known_stains_are_found_within_nine_degrees_and_in_order(estimate, laboratory):
    amounts, mask = section()
    pixels = tissue_pixels(stained(amounts, laboratory), mask)
    found = order_stains(estimate(pixels.density))
    truth = laboratory[0] / np.linalg.norm(laboratory[0], axis=1, keepdims=True)
    angles = np.degrees(np.arccos(np.clip((found * truth).sum(axis=1), -1, 1)))
    assert (angles < 9).all()


def test_stains_are_ordered_by_hue_whatever_their_order_sign_and_length():
    stains = LAB_A[0] / np.linalg.norm(LAB_A[0], axis=1, keepdims=True)
    for given in (stains, stains[::-1], -2 * stains, stains[::-1] * [[3], [-1]]):
        np.testing.assert_allclose(order_stains(given), stains, atol=1e-12)


def test_sparse_amounts_are_those_of_a_general_solver():
    from sklearn.decomposition import sparse_encode

    stains = LAB_B[0] / np.linalg.norm(LAB_B[0], axis=1, keepdims=True)
    density = np.random.default_rng(0).uniform(0, 1.5, (200, 3))
    # lasso_cd halves and averages its squares as the paper does: the penalty is the same
    expected = sparse_encode(density, stains, algorithm="lasso_cd", alpha=0.1, positive=True, max_iter=5000)
    np.testing.assert_allclose(sparse_amounts(density, stains, 0.1), expected, atol=2e-3)


@pytest.mark.parametrize("ink", [(25, 60, 165), (20, 110, 60), (15, 15, 20)], ids=["blue", "green", "black"])
@pytest.mark.parametrize("method", CROSS_SLIDE)
def test_pen_marks_do_not_change_what_is_fitted(method, ink):
    amounts, mask = section()
    clean = stained(amounts, LAB_B)
    drawn = clean.copy()
    drawn[80:100] = ink  # a stroke across the tissue
    fitted = fit_normaliser(method, drawn, mask)
    assert difference(fitted.apply(clean), fit_normaliser(method, clean, mask).apply(clean), mask) < 2.5
    assert re.search(r"pen marks cover \d+%", fitted.warnings[0])


def test_tissue_of_either_laboratory_is_not_taken_for_ink():
    amounts, _ = section()
    for laboratory in (LAB_A, LAB_B):
        assert pen_marks(stained(amounts, laboratory)).mean() < 0.005


@pytest.mark.parametrize("method", FITTED)
@pytest.mark.parametrize(
    ("colour", "reason"),
    [(0, "0 pixels of stained tissue"), (255, "0 pixels of stained tissue"), ((200, 120, 180), "one colour")],
    ids=["black", "white", "pink"],
)
def test_pictures_without_structure_stay_as_they_are_and_say_why(method, colour, reason):
    picture = np.empty((60, 60, 3), dtype=np.uint8)
    picture[:] = colour
    mask = np.zeros((60, 60), dtype=bool)
    mask[10:50, 10:50] = True
    picture[~mask] = 245 if isinstance(colour, tuple) else colour
    fitted = fit_normaliser(method, picture, mask)
    assert isinstance(fitted, Identity)
    assert reason in fitted.warnings[-1]
    np.testing.assert_array_equal(fitted.apply(picture), picture)


@pytest.mark.parametrize("method", FITTED)
def test_tissue_under_ink_throughout_stays_as_it_is_and_says_why(method):
    amounts, mask = section()
    scan = stained(amounts, LAB_A)
    scan[mask] = (25, 60, 165)
    fitted = fit_normaliser(method, scan, mask)
    assert isinstance(fitted, Identity)
    assert "pen marks cover 100% of the tissue" in fitted.warnings[-1]


@pytest.mark.parametrize("method", FITTED)
def test_a_nearly_empty_slide_stays_as_it_is_with_a_warning(method):
    picture = np.full((100, 100, 3), 244, dtype=np.uint8)
    picture[40:50, 40:50] = (150, 80, 160)
    fitted = fit_normaliser(method, picture, picture[..., 1] < 200)
    assert "only 100 pixels of stained tissue, at least 300 are needed" in fitted.warnings[0]
    np.testing.assert_array_equal(fitted.apply(picture), picture)


@pytest.mark.parametrize("method", ["macenko", "vahadane"])
@pytest.mark.parametrize(("index", "name"), [(0, "eosin"), (1, "haematoxylin")])
def test_a_slide_with_one_stain_is_matched_in_that_stain_only(method, index, name):
    amounts, mask = section()
    amounts = np.stack([amounts.sum(axis=0)] * 2) * (np.arange(2) == index)[:, None, None]
    scan = stained(amounts, LAB_A)
    fitted = fit_normaliser(method, scan, mask)
    assert any(f"no {name} can be told apart" in warning for warning in fitted.warnings)
    after = fitted.apply(scan)
    assert difference(after, scan, mask) < 60
    assert difference(after, scan, ~mask) < 2


@pytest.mark.parametrize("method", FITTED)
def test_random_colours_neither_fail_nor_wrap_around(method):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)
    with np.errstate(all="raise"):
        after = fit_normaliser(method, picture, np.ones((80, 80), dtype=bool)).apply(picture)
    assert after.dtype == np.uint8
    assert after.shape == picture.shape


@pytest.mark.parametrize("method", METHODS)
def test_a_normaliser_survives_pickling_small_and_treats_pixels_one_by_one(method):
    amounts, mask = section()
    scan = stained(amounts, LAB_B)
    fitted = fit_normaliser(method, scan, mask)
    stored = pickle.dumps(fitted)
    assert len(stored) < 2_000
    whole = pickle.loads(stored).apply(scan)
    tiles = scan.reshape(4, SIDE // 4, SIDE, 3)
    np.testing.assert_array_equal(fitted.apply(tiles).reshape(scan.shape), whole)
    np.testing.assert_array_equal(fitted.apply(scan[100, 100]), whole[100, 100])


def test_stains_are_estimated_on_tiles_where_these_are_given():
    amounts, mask = section()
    overview, tile_source = stained(amounts, LAB_A), stained(section(3)[0], LAB_B)
    tiles = np.stack([tile_source[r : r + 40, 60:140] for r in (60, 100)])
    pixels = tissue_pixels(overview, mask, tiles)
    assert np.abs(pixels.rgb.mean(axis=0) - tile_source[60:140, 60:140].mean(axis=(0, 1))).max() < 3
    np.testing.assert_allclose(pixels.glass, LAB_A[2])  # glass is seen on the overview only


def test_glass_is_the_median_outside_the_tissue_without_padding():
    amounts, mask = section()
    scan = stained(amounts, LAB_B)
    scan[:, :20] = 0  # black padding
    np.testing.assert_allclose(glass_colour(scan, mask), LAB_B[2])


def test_an_unusable_reference_is_replaced_and_said_so():
    amounts, mask = section()
    scan = stained(amounts, LAB_B)
    white = np.full((50, 50, 3), 255, dtype=np.uint8)
    fitted = fit_normaliser("macenko", scan, mask, white)
    assert "the reference image cannot be used" in fitted.warnings[0]
    np.testing.assert_array_equal(fitted.apply(scan), fit_normaliser("macenko", scan, mask).apply(scan))


def test_the_builtin_reference_never_changes():
    # Slides normalised in different runs are compared with each other: these means are part of the result.
    np.testing.assert_allclose(builtin_reference().mean(axis=(0, 1)), [172.2, 119.3, 178.9], atol=0.1)


def test_lab_is_that_of_scikit_image_and_can_be_undone():
    from skimage.color import rgb2lab

    rgb = np.random.default_rng(0).integers(0, 256, (500, 3), dtype=np.uint8)
    rgb[:3] = [[0, 0, 0], [255, 255, 255], [1, 2, 3]]
    np.testing.assert_allclose(rgb_to_lab(rgb), rgb2lab(rgb[None])[0], atol=0.2)
    assert np.abs(responses_to_rgb(responses(rgb)).astype(int) - rgb).max() <= 1


def test_wrong_arguments_are_refused_with_the_remedy():
    picture, mask = np.zeros((4, 5, 3), dtype=np.uint8), np.ones((4, 5), dtype=bool)
    with pytest.raises(SettingsError, match=r"must be one of macenko, .*; got 'makenko'"):
        fit_normaliser("makenko", picture, mask)
    with pytest.raises(InputError, match=r"mask must be bool of the overview's shape \(4, 5\)"):
        fit_normaliser("macenko", picture, mask[:2])
    with pytest.raises(InputError, match=r"overview must be uint8 with 3 axes.*float64"):
        fit_normaliser("macenko", picture / 255, mask)
    with pytest.raises(InputError, match=r"takes uint8 arrays of shape \(..., 3\), got float64"):
        Identity().apply(picture / 255)
