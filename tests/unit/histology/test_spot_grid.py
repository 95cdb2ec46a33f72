"""A grid of spots over tissue: where its points lie, and what is refused."""

import numpy as np
import pytest
import tifffile
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
    request = grid_request(tmp_path / "he.png", spot_spacing=10.0, um_per_px=0.5)  # 20 pixels
    slice_ = finish(read(request), request)
    xy = slice_.obsm["spatial"]
    assert slice_.n_vars == 0
    assert len(xy) == pytest.approx(100, abs=25)  # 200 x 200 pixels at 20, give or take the edge
    assert xy.min(axis=0) == pytest.approx([105, 55], abs=15)
    assert xy.max(axis=0) == pytest.approx([295, 245], abs=15)
    assert slice_.uns["tissuegraph"]["pitch_px"] == 20
    assert "hires" in slice_.uns["spatial"]["T"]["images"]


def grid_request(image, **columns):
    return Request(sample="T", image=image, counts_needed=False, **columns)


def write_scan(path, um_per_px):
    """A TIFF of 400 x 300 pixels whose tags say its scale, with tissue from (100, 50) to (300, 250)."""
    picture = np.full((300, 400, 3), 245, dtype=np.uint8)
    picture[50:250, 100:300] = (180, 80, 150)
    per_cm = 1e4 / um_per_px
    tifffile.imwrite(
        path, picture, photometric="rgb", resolution=(per_cm, per_cm), resolutionunit="CENTIMETER"
    )
    return path


def read_grid(request):
    slice_ = finish(read(request), request)
    return slice_.obsm["spatial"], slice_.uns["tissuegraph"]


def test_the_spacing_is_in_micrometres_by_the_scale_of_the_image(tmp_path):
    xy, told = read_grid(grid_request(write_scan(tmp_path / "a.tif", 0.25), spot_spacing=10.0))
    assert told["pitch_px"] == pytest.approx(40)  # 10 um at 0.25 um per pixel
    assert told["um_per_px"] == pytest.approx(0.25)
    np.testing.assert_allclose(xy % 40, 20, atol=1e-6)


def test_the_column_is_believed_before_the_image(tmp_path):
    image = write_scan(tmp_path / "a.tif", 0.25)
    _, told = read_grid(grid_request(image, spot_spacing=10.0, um_per_px=0.5))
    assert (told["pitch_px"], told["um_per_px"]) == (pytest.approx(20), 0.5)


@pytest.mark.parametrize("column", [None, 0.5])
def test_with_a_matrix_the_column_is_per_unit_of_coordinates_and_the_file_per_pixel_of_it(tmp_path, column):
    """Two pixels of the image, 0.25 um each, make one unit of the coordinates, which has 0.5 um."""
    (tmp_path / "m.csv").write_text("0.5,0,7\n0,0.5,0\n0,0,1\n")
    image = write_scan(tmp_path / "a.tif", 0.25)
    request = grid_request(image, spot_spacing=10.0, um_per_px=column, image_matrix=tmp_path / "m.csv")
    xy, told = read_grid(request)
    assert told["um_per_px"] == pytest.approx(0.5)
    assert told["pitch_px"] == pytest.approx(20)  # 10 um: 40 pixels of the image, 20 units
    np.testing.assert_allclose((xy - [7, 0]) % 20, 10, atol=1e-6)
    assert xy.min(axis=0) == pytest.approx([7 + 60, 30], abs=12)  # tissue starts at pixel (100, 50)


def test_a_grid_over_an_image_of_unknown_scale_is_refused_with_row_and_column(tmp_path):
    Image.fromarray(np.full((30, 40, 3), 100, np.uint8)).save(tmp_path / "he.png")
    with pytest.raises(InputError, match=r"^row of T, column um_per_px: empty - spot_spacing is in micro"):
        read(grid_request(tmp_path / "he.png", spot_spacing=10.0, assume_spacing=100.0))
