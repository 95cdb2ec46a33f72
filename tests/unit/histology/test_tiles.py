"""Tiles have the size that was asked for in micrometres, and tissue is told from glass."""

import re

import numpy as np
import pytest

from tissuegraph.errors import SettingsError
from tissuegraph.histology.slide import array_slide
from tissuegraph.histology.tiles import read_tiles, reading_order, spread_out, tile_side, warn_of_glass
from tissuegraph.histology.tissue_mask import background_share, tissue_mask
from tissuegraph.io.registration import from_scale


def refuse(message: str) -> None:
    pytest.fail(message)


def test_a_tile_of_100_um_at_half_a_micrometre_per_pixel_is_200_pixels_wide():
    assert tile_side(100.0, 0.5, 137.0, refuse) == pytest.approx(200.0)


def test_without_a_scale_one_pitch_counts_as_100_um_and_a_note_says_so():
    said = []
    assert tile_side(150.0, None, 40.0, said.append) == pytest.approx(60.0)
    assert re.search(r"\(40 px\) is assumed to be 100 um, and a tile is 1.5 times as wide", said[0])


@pytest.mark.parametrize("tile_um", [100.0, 101.0])
def test_no_tile_is_called_once_as_wide(tile_um):
    said = []
    tile_side(tile_um, None, 40.0, said.append)
    assert said[0].endswith("and a tile is as wide as that")


@pytest.mark.parametrize("side", [0.0, -1.0, np.nan, np.inf])
def test_a_side_that_is_no_length_is_refused(side):
    with pytest.raises(SettingsError, match="positive number of micrometres"):
        tile_side(side, 0.5, 10.0, refuse)


def test_the_reading_order_is_a_permutation_in_bands():
    rng = np.random.default_rng(0)
    centres = rng.random((500, 2)) * 1000
    order = reading_order(centres, 25.0)
    np.testing.assert_array_equal(np.sort(order), np.arange(500))
    bands = centres[order, 1] // 50
    assert (np.diff(bands) >= 0).all()
    assert (np.diff(centres[order, 0])[np.diff(bands) == 0] >= 0).all()


def test_tiles_are_centred_on_their_spots():
    image = np.full((100, 100, 3), 255, np.uint8)
    image[40:60, 20:40] = 0  # a black square around (30, 50)
    (tile,) = read_tiles(array_slide(image, "square"), np.array([[30.0, 50.0]]), 40.0, 40)
    assert (tile[10:30, 10:30] == 0).all()
    for border in (tile[:9], tile[31:], tile[:, :9], tile[:, 31:]):
        assert (border == 255).all()


def test_a_sample_of_spots_is_spread_out_and_distinct():
    centres = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), -1).reshape(-1, 2)
    chosen = spread_out(centres, 1.0, 16)
    assert len(set(chosen.tolist())) == 16
    assert np.ptp(centres[chosen, 1]) > 15
    np.testing.assert_array_equal(spread_out(centres[:5], 1.0, 16), np.arange(5))


def section(glass=(243, 243, 245), noise=3.0, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """A pink disc on glass, and where it is."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:200, :240]
    tissue = (x - 120) ** 2 + (y - 100) ** 2 < 60**2
    image = np.where(tissue[..., None], (205, 150, 190), glass) + rng.normal(0, noise, (200, 240, 3))
    return np.clip(image, 0, 255).astype(np.uint8), tissue


@pytest.mark.parametrize("glass", [(243, 243, 245), (255, 255, 255), (225, 222, 215)])
def test_tissue_is_found_on_white_and_on_greyish_glass(glass):
    image, tissue = section(glass)
    assert (tissue_mask(image) == tissue).mean() > 0.98


def test_a_picture_of_nothing_but_tissue_is_tissue_and_of_nothing_but_glass_is_glass():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 4, (100, 100, 3))
    assert tissue_mask(((170, 90, 150) + noise).astype(np.uint8)).mean() > 0.95
    assert tissue_mask(((240, 240, 240) + noise).astype(np.uint8)).mean() < 0.05


def test_black_fill_is_no_tissue():
    image, tissue = section()
    image[:, :20] = 0
    assert not tissue_mask(image)[:, :18].any()
    assert (tissue_mask(image) == tissue)[:, 25:].mean() > 0.98
    assert not tissue_mask(np.zeros((10, 10, 3), np.uint8)).any()


def test_the_background_share_is_the_area_without_tissue():
    mask = np.zeros((10, 10), bool)
    mask[:, :5] = True
    xy = np.array([[10.0, 20.0], [20.0, 20.0], [23.0, 20.0], [0.0, 20.0], [35.0, 20.0]])  # mask pixel = 4 px
    share = background_share(mask, xy, 8.0, from_scale(0.25))
    np.testing.assert_allclose(share, [0, 0.5, 0.875, 0.5, 1.0], atol=1e-6)


@pytest.mark.parametrize(("glass", "n_warnings"), [(0.2, 0), (0.4, 1)])
def test_tiles_that_lie_on_glass_are_warned_about_where_they_are_many(glass, n_warnings):
    said = []
    warn_of_glass(np.where(np.arange(100) < 100 * glass, 0.9, 0.1), said.append)
    assert len(said) == n_warnings
    assert all(line.startswith("40% of the tiles lie on glass, not on tissue") for line in said)
