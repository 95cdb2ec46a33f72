"""SpatialData opens the store: counts, labels and places as in the h5ad, all elements in the same systems."""

import numpy as np
import pytest
from helpers.final_slices import BINS, CELLS, COUNTS, XY, exported, final_data
from helpers.reading import read

from tissuegraph.exports.spatialdata_zarr import storable_names

PICTURE = np.arange(30 * 25 * 3, dtype=np.uint8).reshape(30, 25, 3)


def opened(folder, data):
    import spatialdata

    record = exported(folder, "spatialdata", data)
    assert record.status == "passed", record.reasons
    return spatialdata.read_zarr(folder / "out" / "S.spatialdata.zarr")


def in_system(element, system):
    """Bounds of an element in a coordinate system, (2, 2): low and high x and y."""
    import spatialdata

    extent = spatialdata.get_extent(element, coordinate_system=system)
    return np.array([extent["x"], extent["y"]]).T


def test_table_domains_and_places_are_those_of_the_h5ad(tmp_path):
    data = final_data()
    store = opened(tmp_path, data)
    table = store.tables["table"]
    np.testing.assert_array_equal(table.layers["counts"].toarray(), COUNTS)
    np.testing.assert_array_equal(table.X.toarray(), data.X.toarray())
    assert table.obs["domain"].tolist() == ["1", "2", "1", "2"]
    assert table.obs["annotation"].isna().tolist() == [False, True, False, False]
    np.testing.assert_array_equal(table.obsm["X_stmfg"], data.obsm["X_stmfg"])
    assert (table.obsp["spatial_graph"] != data.obsp["spatial_graph"]).nnz == 0
    spots = store.shapes["S_spots"]
    np.testing.assert_array_equal(np.c_[spots.geometry.x, spots.geometry.y], XY)
    assert spots["radius"].tolist() == [5.5] * 4
    assert list(spots.index) == list(data.obs_names)


def test_the_table_annotates_the_spots_one_by_one(tmp_path):
    import spatialdata

    store = opened(tmp_path, final_data())
    joined, table = spatialdata.join_spatialelement_table(
        sdata=store, spatial_element_names="S_spots", table_name="table", how="inner"
    )
    assert len(joined["S_spots"]) == table.n_obs == 4


def test_spots_and_image_share_pixels_and_micrometres(tmp_path):
    store = opened(tmp_path, final_data(image=PICTURE))
    assert set(store.coordinate_systems) == {"global", "micrometres"}
    np.testing.assert_array_equal(np.asarray(store.images["S_image"]).transpose(1, 2, 0), PICTURE)
    spots, image = store.shapes["S_spots"], store.images["S_image"]
    np.testing.assert_allclose(in_system(spots, "global"), [[4.5, 14.5], [35.5, 45.5]])
    np.testing.assert_allclose(in_system(image, "global"), [[0, 0], [50, 60]])  # 25 x 30 pixels, each of two
    np.testing.assert_allclose(in_system(spots, "micrometres"), [[2.25, 7.25], [17.75, 22.75]])
    np.testing.assert_allclose(in_system(image, "micrometres"), [[0, 0], [25, 30]])


def test_a_slice_of_unknown_scale_and_without_an_image_lies_in_pixels(tmp_path):
    store = opened(tmp_path, final_data(um_per_px=None))
    assert store.coordinate_systems == ["global"]
    assert not store.images  # the white one of the h5ad is none


def test_bins_are_squares_that_touch(tmp_path):
    store = opened(tmp_path, final_data(BINS))
    assert store.shapes["S_spots"].geometry.area.tolist() == [400.0] * 4
    assert store.shapes["S_spots"].union_all().area == 1600


def test_cells_are_as_large_as_the_platform_measured_them(tmp_path):
    area = [np.pi, 4 * np.pi, np.nan, 0]  # square micrometres, of pixels of half a micrometre
    store = opened(tmp_path, final_data(CELLS, "xenium", cell_area=area))
    np.testing.assert_allclose(store.shapes["S_spots"]["radius"], [2, 4, 5.5, 5.5])


def test_names_that_zarr_cannot_hold_are_written_as_others(tmp_path):
    data = final_data(**{"cell type (fine)": [1, 2, 3, 4], "Region": [1, 1, 1, 1], "region": [2, 2, 2, 2]})
    columns = opened(tmp_path, data).tables["table"].obs
    assert columns["cell_type__fine_"].tolist() == [1, 2, 3, 4]
    assert columns["Region"].tolist() == [1, 1, 1, 1]
    assert columns["region_1"].tolist() == [2, 2, 2, 2]


def test_names_stay_apart():
    assert storable_names(["a b", "a_b", "A/b", "__x", "%"]) == {
        "a b": "a_b",
        "a_b": "a_b_1",
        "A/b": "A_b_2",
        "__x": "x",
        "%": "unnamed",
    }


@pytest.mark.parametrize("um_per_px", [0.5, None])
def test_the_store_can_be_the_input_of_a_next_run(tmp_path, um_per_px):
    exported(tmp_path, "spatialdata", final_data(um_per_px=um_per_px))
    again = read(tmp_path / "out" / "S.spatialdata.zarr")
    np.testing.assert_array_equal(again.X.toarray(), COUNTS)
    np.testing.assert_array_equal(again.obsm["spatial"], XY)
