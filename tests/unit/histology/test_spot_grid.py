"""A grid of spots over tissue: where its points lie, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from tissuegraph.errors import InputError
from tissuegraph.histology.spot_grid import read, tissue_grid, without_dust
from tissuegraph.io.reading import finish
from tissuegraph.io.request import Request


def test_points_are_one_spacing_apart_and_on_tissue_only():
    # Left half of a 100 x 60 image, at a tenth of its size: columns 0 to 4 of the mask.
    mask = np.zeros((6, 10), dtype=bool)
    mask[:, :5] = True
    grid = tissue_grid(mask, (100, 60), 20)
    assert grid.xy.tolist() == [[x, y] for y in (10, 30, 50) for x in (10, 30)]
    assert grid.array_position.tolist() == [[row, column] for row in range(3) for column in range(2)]


def test_pieces_below_two_percent_of_the_largest_are_dust_and_larger_ones_stay():
    mask = np.zeros((40, 40), dtype=bool)
    mask[:20, :20] = True  # 400 pixels: 8 are enough
    mask[30, 30:38] = True
    mask[38, 0:7] = True
    kept = without_dust(mask)
    assert kept.sum() == 408
    assert not kept[38].any()


def test_a_grid_without_a_point_on_tissue_is_refused_with_the_numbers():
    mask = np.zeros((6, 10), dtype=bool)
    with pytest.raises(InputError, match="spacing of 20 pixels lies on tissue"):
        tissue_grid(mask, (100, 60), 20)
    with pytest.raises(InputError, match="lies on tissue"):
        tissue_grid(~mask, (100, 60), 200)


def test_a_spacing_far_too_small_is_refused_before_memory_is_taken():
    with pytest.raises(InputError, match="give a larger spot_spacing"):
        tissue_grid(np.ones((6, 10), dtype=bool), (100_000, 60_000), 0.5)


def test_an_image_alone_is_a_slice_with_a_grid_on_its_tissue(tmp_path):
    picture = np.full((300, 400, 3), 245, dtype=np.uint8)
    picture[50:250, 100:300] = (180, 80, 150)
    Image.fromarray(picture).save(tmp_path / "he.png")
    request = Request(sample="T", image=tmp_path / "he.png", counts_needed=False, spot_spacing=20.0)
    slice_ = finish(read(request), request)
    xy = slice_.obsm["spatial"]
    assert slice_.n_vars == 0
    assert len(xy) == pytest.approx(100, abs=25)  # 200 x 200 pixels at 20, give or take the edge
    assert xy.min(axis=0) == pytest.approx([105, 55], abs=15)
    assert xy.max(axis=0) == pytest.approx([295, 245], abs=15)
    assert slice_.uns["tissuegraph"]["pitch_px"] == 20
    assert "hires" in slice_.uns["spatial"]["T"]["images"]
