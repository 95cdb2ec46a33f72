"""Visium HD: the bins that were asked for, or the segmented cells."""

import json

import numpy as np
import pytest
from helpers import visium_hd_tiny as tiny
from helpers.reading import read, refuses
from helpers.tiny import write_outs

from tissuegraph.io.reading import detect_platform

CELLS = "visium_hd_cells"


@pytest.fixture
def outs(tmp_path):
    outs = tmp_path / "run" / "outs"
    for size in (2, 8, 16):
        tiny.write_bins(outs, size, counts=size)
    return outs


@pytest.mark.parametrize("place", ["run", "run/outs", "run/outs/binned_outputs"])
@pytest.mark.parametrize(("bin_um", "size"), [(None, 8), (2, 2), (16, 16)])
def test_bins_of_8_um_are_read_unless_others_are_asked_for(outs, tmp_path, place, bin_um, size):
    adata = read(tmp_path / place, bin_um=bin_um)
    np.testing.assert_array_equal(adata.X.toarray(), np.full((3, 4), size))
    side = size / 0.4
    np.testing.assert_allclose(
        adata.obsm["spatial"], [[side / 2, side / 2], [1.5 * side, side / 2], [2.5 * side, side / 2]]
    )
    assert adata.uns["tissuegraph"]["um_per_px"] == 0.4
    assert set(adata.uns["spatial"]["S"]["images"]) == {"hires", "lowres"}


def test_one_directory_of_bins_is_read_as_it_is(outs):
    folder = outs / "binned_outputs" / "square_016um"
    assert read(folder).X.max() == read(folder, bin_um=16).X.max() == 16
    with refuses("bin_um is 8, but square_016um holds no bins of 8 um"):
        read(folder, bin_um=8)


def test_bins_tell_the_scale_by_their_size_where_nothing_else_does(outs):
    path = outs / "binned_outputs/square_016um/spatial/scalefactors_json.json"
    path.write_text(json.dumps({"tissue_hires_scalef": 0.5}))
    assert read(outs, bin_um=16).uns["tissuegraph"]["um_per_px"] == pytest.approx(0.4)


def test_a_size_that_is_not_there_is_refused_with_those_that_are(outs, tmp_path):
    with refuses("outs has no bins of 4 um (binned_outputs/square_004um); it has 2, 8, 16: name one"):
        read(outs, bin_um=4)
    with refuses("bin_um is 8, but outs holds no bins of 8 um; leave the column empty"):
        read(write_outs(tmp_path / "v1" / "outs"), bin_um=8)


def test_a_directory_of_bins_without_a_matrix_is_refused(outs):
    (outs / "binned_outputs/square_008um/filtered_feature_bc_matrix.h5").unlink()
    with refuses("outs: square_008um lacks filtered_feature_bc_matrix.h5"):
        read(outs)


@pytest.mark.parametrize("place", ["", "outs", "outs/segmented_outputs"])
def test_cells_lie_at_the_centroids_of_their_polygons(tmp_path, place):
    tiny.write_cells(tmp_path / "outs")
    adata = read(tmp_path / place)
    assert list(adata.obs_names) == ["cellid_000000001-1", "cellid_000000002-1", "cellid_000000005-1"]
    np.testing.assert_array_equal(adata.X.toarray(), tiny.CELL_COUNTS)
    np.testing.assert_allclose(adata.obsm["spatial"], tiny.CENTRES)
    assert adata.uns["tissuegraph"]["um_per_px"] == 0.4
    assert adata.uns["tissuegraph"]["platform"] == CELLS
    np.testing.assert_allclose(adata.obs["cell_area"], np.array([400, 300, 800]) * 0.4**2)
    assert set(adata.uns["spatial"]["S"]["images"]) == {"hires", "lowres"}


def test_a_run_with_both_gives_bins_unless_cells_are_named(outs):
    folder = tiny.write_cells(outs)
    assert detect_platform(outs) == "visium"
    assert read(outs).X.max() == 8
    assert read(outs, platform=CELLS).n_obs == 3
    assert detect_platform(folder) == CELLS


def test_cells_of_several_parts_and_flat_ones_have_centroids(tmp_path):
    folder = tiny.write_cells(tmp_path / "outs")
    square = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
    far = [[10, 0], [12, 0], [12, 4], [10, 4], [10, 0]]  # half as large
    shapes = [
        ("MultiPolygon", [[square], [far]]),
        ("Polygon", [[[0, 9], [8, 9], [0, 9]]]),
        ("Polygon", [far]),
    ]
    features = [
        {"geometry": {"type": kind, "coordinates": rings}, "properties": {"cell_id": f"cellid_00000000{n}-1"}}
        for n, (kind, rings) in zip((1, 2, 5), shapes, strict=True)
    ]
    (folder / "cell_segmentations.geojson").write_text(json.dumps({"features": features}, indent=1))
    xy = read(tmp_path / "outs").obsm["spatial"]
    np.testing.assert_allclose(xy, [[(2 * 2 + 11) / 3, 2], [8 / 3, 9], [11, 2]])


def test_polygons_are_read_across_the_blocks_of_a_large_file(tmp_path):
    many = {n: [[10 * n, 0], [10 * n + 2, 0], [10 * n + 2, 2], [10 * n, 2]] for n in range(1, 12_000)}
    folder = tiny.write_cells(tmp_path / "outs", many, (1, 6000, 11_999))
    assert (folder / "cell_segmentations.geojson").stat().st_size > 2 << 20
    np.testing.assert_allclose(read(tmp_path / "outs").obsm["spatial"], [[11, 1], [60_001, 1], [119_991, 1]])


def test_cells_without_a_polygon_have_no_position(tmp_path):
    tiny.write_cells(tmp_path / "outs", {n: [[0, 0], [1, 0], [0, 1]] for n in (7, 8)})
    with refuses(
        "no cell of the matrix has a polygon in cell_segmentations.geojson (matrix: cellid_000000001-1"
    ):
        read(tmp_path / "outs")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: None, "segmented_outputs lacks cell_segmentations.geojson"),
        (lambda text: text[:-40], "cell_segmentations.geojson is truncated or no GeoJSON of cells"),
        (lambda text: "{}", "cell_segmentations.geojson is truncated or no GeoJSON of cells"),
        (lambda text: text.replace("cell_id", "id"), "is no polygon with a cell_id"),
        (lambda text: text.replace("[[[", "[[").replace("]]]", "]]"), "is no polygon with a cell_id"),
    ],
)
def test_damaged_polygons_are_refused_in_one_line(tmp_path, change, words):
    path = tiny.write_cells(tmp_path / "outs") / "cell_segmentations.geojson"
    text = change(path.read_text())
    path.write_text(text) if text is not None else path.unlink()
    with refuses(words) as error:
        read(tmp_path / "outs")
    assert "\n" not in str(error.value)


def test_what_holds_no_cells_is_refused(outs):
    with refuses("outs has no segmented cells: expected segmented_outputs"):
        read(outs, platform=CELLS)
    with refuses("annotation: 'layer' is no table"):
        read(outs, platform=CELLS, annotation="layer")
