"""Handcrafted image features: values worked out by hand, symmetries, and what leaves them alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from tissuegraph.errors import InputError
from tissuegraph.histology.handcrafted import FEATURE_NAMES, handcrafted_features
from tissuegraph.histology.stain.reference import EOSIN, HAEMATOXYLIN


def tissue(n_tiles: int, side: int = 64, seed: int = 0, nuclei: float = 0.3) -> np.ndarray:
    """H&E-like tiles (B, side, side, 3) uint8 with blobs for nuclei."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.standard_normal((n_tiles, side, side)), (0, 2, 2))
    nucleus = blobs > np.quantile(blobs, 1 - nuclei)
    amounts = np.stack([np.where(nucleus, 0.9, 0.15), np.where(nucleus, 0.1, 0.4)])
    amounts *= np.exp(0.15 * rng.standard_normal(amounts.shape))
    density = np.tensordot(amounts, np.stack([HAEMATOXYLIN, EOSIN]), axes=(0, 0))
    return np.round(235 * np.exp(-density)).astype(np.uint8)


def named(tiles: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(FEATURE_NAMES, handcrafted_features(tiles).T, strict=True))


def picked(tiles: np.ndarray, *parts: str) -> np.ndarray:
    """(B, f) features whose names hold one of `parts`."""
    chosen = [index for index, name in enumerate(FEATURE_NAMES) if any(part in name for part in parts)]
    assert chosen
    return handcrafted_features(tiles)[:, chosen]


def test_features_have_distinct_names_and_one_row_per_tile():
    features = handcrafted_features(tissue(5))
    assert features.shape == (5, len(FEATURE_NAMES))
    assert features.dtype == np.float32
    assert 60 <= len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) <= 120


@pytest.mark.parametrize("shape", [(64, 64), (48, 48), (63, 63)], ids=["64", "48", "odd"])
@pytest.mark.parametrize(
    "turned",
    [
        lambda t: np.rot90(t, 1, (1, 2)),
        lambda t: t[:, ::-1],
        lambda t: t[:, :, ::-1],
        lambda t: t.swapaxes(1, 2),
    ],
    ids=["quarter turn", "upside down", "mirrored", "transposed"],
)
def test_turning_or_mirroring_a_tile_changes_nothing(shape, turned):
    tiles = tissue(6, shape[0])
    before, after = named(tiles), named(turned(tiles))
    for name in FEATURE_NAMES:
        # Sums run in another order: a peak that rises above its neighbour by rounding alone may be lost.
        one_peak = 1010 / tiles[0, ..., 0].size if "peaks" in name else 0.0
        np.testing.assert_allclose(after[name], before[name], rtol=1e-3, atol=1e-4 + one_peak, err_msg=name)


def test_a_tiles_features_do_not_depend_on_its_batch():
    tiles = tissue(70)
    together = handcrafted_features(tiles)
    np.testing.assert_array_equal(handcrafted_features(tiles[::-1])[::-1], together)
    alone = np.concatenate([handcrafted_features(tiles[index : index + 1]) for index in range(70)])
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 120, 180), (0, 0, 255)])
def test_a_tile_of_one_colour_has_finite_features_and_no_texture(colour):
    tiles = np.empty((2, 40, 40, 3), dtype=np.uint8)
    tiles[:] = colour
    values = named(tiles)
    assert all(np.isfinite(value).all() for value in values.values())
    for name, value in values.items():
        if name.endswith("_sd") or any(
            part in name for part in ("gradient", "lines", "dots", "lag", "peaks")
        ):
            assert value == pytest.approx(0, abs=1e-3), name
    assert [values[f"{name}_mean"][0] for name in ("red", "green", "blue")] == pytest.approx(colour)


def test_colour_statistics_of_a_half_black_half_white_tile():
    tiles = np.zeros((1, 20, 20, 3), dtype=np.uint8)
    tiles[:, :, 10:] = 255
    values = named(tiles)
    assert values["red_mean"] == pytest.approx(127.5)
    assert values["green_sd"] == pytest.approx(127.5)
    assert [float(values[f"blue_q{q}"][0]) for q in (10, 50, 90)] == [0, 0, 255]
    assert values["l_mean"] == pytest.approx(50, abs=0.2)
    assert values["a_mean"] == pytest.approx(0, abs=0.5)
    assert values["entropy"] == pytest.approx(1.0)  # two equal shares: one bit
    assert values["share_empty"] == pytest.approx(0.5)


def test_stain_amounts_are_those_that_were_mixed():
    density = 0.7 * HAEMATOXYLIN + 0.4 * EOSIN
    tiles = np.empty((1, 32, 32, 3), dtype=np.uint8)
    tiles[:] = np.round(244 * np.exp(-density))
    values = named(tiles)
    assert values["haematoxylin_mean"] == pytest.approx(0.7, abs=0.02)
    assert values["eosin_mean"] == pytest.approx(0.4, abs=0.02)
    assert values["share_nuclei"] == 1
    assert values["share_dark_nuclei"] == 0


def test_gradients_and_details_of_a_ramp():
    # Grey rises by 3 per pixel: the central difference is 6, the 2 x 2 detail 2 * 3 / 2 * 2 / 2 = 3.
    tiles = np.empty((1, 32, 32, 3), dtype=np.uint8)
    tiles[:] = (100 + 3 * np.arange(32))[None, :, None]
    values = named(tiles)
    assert values["grey_gradient1_mean"] == pytest.approx(6)
    assert values["grey_gradient1_sd"] == pytest.approx(0, abs=1e-3)
    assert values["grey_gradient2_mean"] == pytest.approx(12)
    assert values["grey_gradient2_over8"] == 1
    assert values["grey_lines1"] == pytest.approx(3)
    assert values["grey_dots1"] == pytest.approx(0, abs=1e-4)
    assert values["grey_coherence1"] == pytest.approx(1)


def test_stripes_are_coherent_and_a_checkerboard_is_dots():
    side = np.arange(32)
    stripes, board = np.empty((2, 32, 32), dtype=np.uint8)
    stripes[:] = 60 + 100 * (side // 2 % 2)
    board[:] = 60 + 100 * ((side[:, None] + side) % 2)
    values = named(np.stack([stripes, board])[..., None].repeat(3, axis=-1))
    assert values["grey_coherence1"][0] == pytest.approx(1)
    assert values["grey_dots1"] == pytest.approx([0, 100], abs=1e-3)
    # Pixels 4 apart in stripes of period 4 are equal; neighbours on the board are opposite.
    assert values["grey_lag4"][0] == pytest.approx(1)
    assert values["grey_lag1"][1] == pytest.approx(-1, abs=0.01)


def test_a_bright_dot_on_black_gives_the_patterns_that_can_be_counted():
    tiles = np.zeros((1, 18, 18, 3), dtype=np.uint8)
    tiles[0, 9, 9] = 200
    values = named(tiles)
    # 16 x 16 inner pixels: none of the dot's own neighbours is as high; all others have eight that are >= 0.
    assert values["grey_lbp1_0"] == pytest.approx(1 / 256)
    assert values["grey_lbp1_8"] == pytest.approx(255 / 256)


def test_nuclei_are_counted_by_their_peaks():
    y, x = np.mgrid[:64, :64]
    amount = np.zeros((64, 64))
    centres = [(12, 12), (12, 40), (30, 25), (50, 10), (48, 50)]
    for row, column in centres:
        amount += 1.2 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 3.0**2))
    tiles = np.round(244 * np.exp(-amount[..., None] * HAEMATOXYLIN)).astype(np.uint8)[None]
    values = named(tiles)
    for blur in ("1", "2.5"):
        assert values[f"nuclei_peaks{blur}"] == pytest.approx(1000 * len(centres) / 64**2)


def test_a_brighter_or_more_contrasted_tile_keeps_its_patterns_and_correlations():
    grey = np.random.default_rng(0).integers(40, 90, (4, 32, 32))
    grey = np.round(ndimage.gaussian_filter(grey.astype(float), (0, 1, 1))).astype(np.uint8)
    tiles = grey[..., None].repeat(3, axis=-1)
    np.testing.assert_array_equal(picked(tiles + 60, "grey_lbp1"), picked(tiles, "grey_lbp1"))
    np.testing.assert_array_equal(picked(2 * tiles, "lbp"), picked(tiles, "lbp"))
    for changed in (tiles + 60, 2 * tiles):
        invariant = ("grey_lag", "grey_coherence")
        np.testing.assert_allclose(picked(changed, *invariant), picked(tiles, *invariant), atol=1e-4)
    edges = ("grey_gradient", "grey_lines", "grey_dots")
    np.testing.assert_allclose(picked(tiles + 60, *edges), picked(tiles, *edges), atol=1e-3)


def test_a_longer_exposure_keeps_the_shape_of_the_stain_distributions():
    tiles = tissue(4)
    dimmed = np.round(tiles * 0.85).astype(np.uint8)
    parts = ("in_sd", "in_skew", "stain_correlation")
    np.testing.assert_allclose(picked(dimmed, *parts), picked(tiles, *parts), atol=0.06)


def test_more_nuclei_are_seen_as_more_nuclei():
    few, many = (named(tissue(8, seed=3, nuclei=share)) for share in (0.1, 0.4))
    for name in ("share_nuclei", "haematoxylin_mean", "nuclei_outline"):
        assert (many[name] > few[name]).all()


@pytest.mark.parametrize(
    "tiles",
    [np.zeros((2, 32, 32, 3)), np.zeros((32, 32, 3), np.uint8), np.zeros((2, 15, 32, 3), np.uint8)],
    ids=["float", "one tile", "small"],
)
def test_other_arrays_are_refused(tiles):
    with pytest.raises(InputError, match=r"tiles must be uint8 .* of at least 16 x 16 pixels, got"):
        handcrafted_features(tiles)


def test_no_tiles_give_no_rows():
    assert handcrafted_features(np.zeros((0, 32, 32, 3), np.uint8)).shape == (0, len(FEATURE_NAMES))
