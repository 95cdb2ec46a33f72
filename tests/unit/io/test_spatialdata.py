"""SpatialData stores become the canonical slice: one table, one region, one coordinate system."""

import shutil

import numpy as np
import pytest
from helpers import spatialdata_tiny as tiny
from helpers.final_slices import CELLS as CELLS_OF_XENIUM
from helpers.final_slices import exported, final_data
from helpers.reading import read, read_and_hear, refuses

from tissuegraph.io.reading import detect_platform


@pytest.fixture(scope="module")
def sopa(tmp_path_factory):
    return tiny.write_sopa(tmp_path_factory.mktemp("sopa") / "sopa.zarr")


@pytest.fixture
def copy(sopa, tmp_path):
    return shutil.copytree(sopa, tmp_path / "copy.zarr")


def test_cells_of_sopa_lie_at_the_centroids_of_their_polygons(sopa):
    adata = read(sopa)
    np.testing.assert_array_equal(adata.X.toarray(), tiny.COUNTS)
    assert list(adata.obs_names) == ["row0", "row1", "row2", "row3"]
    assert list(adata.var_names) == tiny.SYMBOLS
    np.testing.assert_allclose(adata.obsm["spatial"], tiny.CENTRES)
    assert adata.uns["tissuegraph"]["platform"] == "spatialdata"


def test_transcripts_of_xenium_tell_the_size_of_a_pixel(sopa):
    assert read(sopa).uns["tissuegraph"]["um_per_px"] == pytest.approx(0.2125)


def test_a_store_of_any_name_is_detected_by_its_folders(copy, tmp_path):
    moved = copy.rename(tmp_path / "results")
    assert detect_platform(moved) == "spatialdata"
    assert read(moved).n_obs == 4


def test_stores_of_zarr_2_are_read_too(sopa, tmp_path):
    import spatialdata
    from spatialdata._io.format import SpatialDataContainerFormatV01

    old = tmp_path / "old.zarr"
    spatialdata.read_zarr(sopa).write(old, sdata_formats=SpatialDataContainerFormatV01())
    assert (old / ".zgroup").is_file()
    np.testing.assert_allclose(read(old).obsm["spatial"], tiny.CENTRES)


def test_a_column_of_obs_is_an_annotation(sopa):
    assert read(sopa, annotation="tissue").obs["annotation"].tolist() == ["a", "b", "a", "b"]


def test_visium_is_taken_in_pixels_of_the_full_image_and_knows_its_scale(tmp_path):
    adata = read(tiny.write_visium(tmp_path / "v.zarr"))
    np.testing.assert_array_equal(adata.obsm["spatial"], [[0, 0], [100, 0], [50, 86], [150, 86]])
    assert adata.obs["array_col"].tolist() == [0, 2, 1, 3]
    # nearest of each: the one diagonally, sqrt(50^2 + 86^2) = 99.48 pixels
    assert adata.uns["tissuegraph"]["um_per_px"] == pytest.approx(100 / 99.4786)


def test_another_coordinate_system_scales_the_positions(tmp_path):
    path = tiny.write_visium(tmp_path / "v.zarr")
    xy = read(path, coordinate_system="S1_downscaled_hires").obsm["spatial"]
    np.testing.assert_allclose(xy, [[0, 0], [10, 0], [5, 8.6], [15, 8.6]])
    with refuses("region 'S1' is not in the coordinate system 'um'; it is in S1, S1_downscaled_hires"):
        read(path, coordinate_system="um")


def test_bins_of_visium_hd_are_picked_by_table_and_know_their_scale(tmp_path):
    path = tiny.write_visium_hd(tmp_path / "hd.zarr")
    with refuses("has 2 tables: square_008um, square_016um; name one in the column table"):
        read(path)
    adata = read(path, table="square_016um")
    np.testing.assert_array_equal(adata.obsm["spatial"], [[0, 0], [40, 0], [0, 40], [40, 40]])
    assert adata.uns["tissuegraph"]["um_per_px"] == pytest.approx(16 / 40)
    with refuses("has no table 'cells'; it has square_008um, square_016um"):
        read(path, table="cells")


def test_one_of_several_regions_is_picked_by_library(tmp_path):
    from spatialdata.transformations import Identity

    described = tiny.table(["left", "right", "left", "right"], instances=["a", "a", "b", "b"])
    shapes = {
        "left": tiny.squares({"global": Identity()}, [[0, 0], [9, 0]], index=["a", "b"]),
        "right": tiny.squares({"global": Identity()}, [[0, 5], [7, 5]], index=["a", "b"]),
    }
    path = tiny.write(tmp_path / "two.zarr", {"table": described}, shapes)
    with refuses("describes 2 regions: left, right; give each a row that names it in the column library"):
        read(path)
    adata = read(path, library="right")
    np.testing.assert_array_equal(adata.obsm["spatial"], [[0, 5], [7, 5]])
    np.testing.assert_array_equal(adata.X.toarray(), tiny.COUNTS[[1, 3]])
    with refuses("describes no region 'middle'; it describes left, right"):
        read(path, library="middle")


def test_labels_are_regions_too(tmp_path):
    from spatialdata.models import Labels2DModel
    from spatialdata.transformations import Scale

    picture = np.zeros((8, 8), dtype=np.int32)
    picture[0:2, 0:2], picture[4:6, 6:8] = 1, 2
    double = {"global": Scale([2.0, 2.0], axes=("x", "y"))}
    labels = {"nuclei": Labels2DModel.parse(picture, dims=("y", "x"), transformations=double)}
    path = tiny.write(
        tmp_path / "l.zarr",
        {"table": tiny.table("nuclei", tiny.COUNTS[:2], instances=[1, 2])},
        labels=labels,
    )
    # pixels have their centres at 0.5: label 1 covers 0 to 2, label 2 x 6 to 8 and y 4 to 6; all doubled
    np.testing.assert_allclose(read(path).obsm["spatial"], [[2, 2], [14, 10]])


def test_raw_counts_are_found_in_a_layer_behind_normalised_values(tmp_path):
    from spatialdata.transformations import Identity

    described = tiny.table()
    described.layers["counts"] = described.X.copy()
    described.X = described.X / 3
    cells = {"cells": tiny.squares({"global": Identity()})}
    np.testing.assert_array_equal(
        read(tiny.write(tmp_path / "a.zarr", {"t": described}, cells)).X.toarray(), tiny.COUNTS
    )
    del described.layers["counts"]
    with refuses("expected raw counts (whole numbers of at least 0), found 0.333333 in X"):
        read(tiny.write(tmp_path / "b.zarr", {"t": described}, cells))


def test_rows_without_a_shape_are_left_out_and_a_region_of_other_cells_is_refused(tmp_path):
    from spatialdata.transformations import Identity

    counts = np.ones((10, 3))
    names = [f"c{n}" for n in range(10)]
    centres = np.column_stack([np.arange(9) * 5.0, np.arange(9) % 2])
    cells = {"cells": tiny.squares({"global": Identity()}, centres, index=names[:9])}
    said = []
    path = tiny.write(tmp_path / "a.zarr", {"t": tiny.table(counts=counts, instances=names)}, cells)
    assert read(path, warn=said.append).n_obs == 9
    assert "1 of 10 spots have no position and were left out" in said
    path = tiny.write(tmp_path / "b.zarr", {"t": tiny.table()}, cells)
    with refuses("no row of the table is in its region 'cells' (table: cell0, region: c0)"):
        read(path)


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("zarr.json", "copy.zarr is no zarr group: zarr.json (or .zgroup) is missing"),
        ("tables/table", "copy.zarr has no table (tables/ is missing or empty)"),
        ("tables/table/X/data", "copy.zarr/tables/table cannot be read by spatialdata"),
        ("tables/table/obs", "copy.zarr/tables/table cannot be read by spatialdata"),
        ("shapes/cellpose_boundaries", "describes the region 'cellpose_boundaries', which is not in it"),
        (
            "shapes/cellpose_boundaries/shapes.parquet",
            "copy.zarr/shapes/cellpose_boundaries cannot be read by",
        ),
    ],
)
def test_a_store_that_lacks_a_part_is_refused_in_one_line(copy, lost, words):
    part = copy / lost
    (shutil.rmtree if part.is_dir() else type(part).unlink)(part)
    with refuses(words) as error:
        read(copy)
    assert "\n" not in str(error.value)


def test_a_truncated_region_is_refused_and_other_elements_are_never_opened(copy):
    shutil.rmtree(copy / "images/morphology")
    (copy / "shapes/image_patches/shapes.parquet").write_bytes(b"PAR1")
    (copy / "points/transcripts/zarr.json").write_text("{")
    assert "um_per_px" not in read(copy).uns["tissuegraph"]
    parquet = copy / "shapes/cellpose_boundaries/shapes.parquet"
    parquet.write_bytes(parquet.read_bytes()[:-20])
    with refuses("copy.zarr/shapes/cellpose_boundaries cannot be read by spatialdata"):
        read(copy)


def test_columns_of_other_platforms_are_said_to_be_ignored(sopa):
    said = []
    read(sopa, bin_um=8, warn=said.append)
    assert "the column bin_um says nothing about the platform spatialdata and is ignored" in said


def picture_of(adata):
    (library,) = adata.uns["spatial"].values()
    return library["images"]["hires"], library["scalefactors"]["tissue_hires_scalef"]


def test_the_stain_of_a_store_lies_under_the_pictures_and_is_no_histology(sopa):
    adata, _ = read_and_hear(sopa)
    picture, scale = picture_of(adata)
    assert picture.shape == (60, 40, 3)
    assert scale == 1
    assert picture[0].mean() < 10
    assert picture[-1].mean() > 245
    assert adata.uns["tissuegraph"]["fluorescence"]


def histology(values, transformations, **options):
    from spatialdata.models import Image2DModel

    return Image2DModel.parse(values, dims=("c", "y", "x"), transformations=transformations, **options)


def visium_with(tmp_path, **images):
    from spatialdata.transformations import Identity, Scale

    systems = {"S1": Identity(), "S1_downscaled_hires": Scale([0.1, 0.1], axes=("x", "y"))}
    shapes = {"S1": tiny.circles(systems, tiny.CENTRES * 10, 20.0, range(4))}
    table = tiny.table("S1", instances=[0, 1, 2, 3], instance_key="spot_id")
    return tiny.write(tmp_path / "v.zarr", {"table": table}, shapes, images=images)


def test_an_image_that_shares_only_a_reduced_system_is_placed_by_it(tmp_path):
    from spatialdata.transformations import Identity

    colours = np.zeros((3, 60, 40), np.uint8)
    colours[0, 50, 30] = 255  # where the last spot lies
    store = visium_with(tmp_path, S1_hires_image=histology(colours, {"S1_downscaled_hires": Identity()}))
    adata, _ = read_and_hear(store, coordinate_system="S1")
    picture, scale = picture_of(adata)
    assert scale == pytest.approx(0.1)
    column, row = np.rint(adata.obsm["spatial"][3] * scale).astype(int)
    assert picture[row, column].tolist() == [255, 0, 0]
    assert "fluorescence" not in adata.uns["tissuegraph"]  # so that histology is read from it


def test_colours_go_before_fluorescence_and_the_smallest_version_that_suffices_is_read(tmp_path):
    from spatialdata.transformations import Identity

    colours = np.full((3, 2500, 5000), 200, np.uint8)
    he = histology(colours, {"S1": Identity()}, scale_factors=[2, 2])
    dapi = histology(np.arange(4 * 700 * 600).reshape(4, 700, 600).astype(np.uint16), {"S1": Identity()})
    picture, scale = picture_of(
        read_and_hear(visium_with(tmp_path, a_dapi=dapi, he=he), coordinate_system="S1")[0]
    )
    assert picture.shape == (1000, 2000, 3)  # of the half, 2,500 wide
    assert scale == pytest.approx(0.4)
    assert (picture == 200).all()


@pytest.mark.parametrize("kind", ["turned", "stretched", "shifted"])
def test_an_image_that_does_not_lie_straight_behind_the_spots_is_left_out(tmp_path, kind):
    from spatialdata.transformations import Affine

    matrix = {
        "turned": [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
        "stretched": [[1, 0, 0], [0, 2, 0], [0, 0, 1]],
        "shifted": [[1, 0, 100], [0, 1, 0], [0, 0, 1]],
    }[kind]
    affine = Affine(matrix, input_axes=("x", "y"), output_axes=("x", "y"))
    he = histology(np.full((3, 60, 40), 9, np.uint8), {"S1": affine})
    adata, said = read_and_hear(visium_with(tmp_path, he=he), coordinate_system="S1")
    assert "spatial" not in adata.uns
    assert any(line.startswith("an image is not shown: he is turned, stretched or shifted") for line in said)


def test_a_damaged_image_costs_the_picture_and_not_the_slice(copy):
    for chunk in (copy / "images" / "morphology").rglob("*"):
        if chunk.is_file() and chunk.name != "zarr.json":
            chunk.write_bytes(b"no chunk")
    adata, said = read_and_hear(copy)
    assert adata.n_obs == 4
    assert "spatial" not in adata.uns
    assert any(line.startswith("an image is not shown: ") for line in said)


def test_channels_called_after_stains_are_no_histology_though_they_are_three_of_8_bits(tmp_path):
    from spatialdata.transformations import Identity

    values = np.random.default_rng(0).integers(0, 200, (3, 60, 40)).astype(np.uint8)
    stains = histology(values, {"S1_downscaled_hires": Identity()}, c_coords=["DAPI", "CD45", "PanCK"])
    adata, _ = read_and_hear(visium_with(tmp_path, stains=stains), coordinate_system="S1")
    assert adata.uns["tissuegraph"]["fluorescence"]
    picture, _ = picture_of(adata)
    assert (picture[..., 0] == picture[..., 2]).all()


def test_a_stain_with_nan_beyond_what_was_scanned_is_shown_black_there(tmp_path):
    from spatialdata.transformations import Identity

    values = np.tile(np.arange(40, dtype=np.float32), (60, 1))
    values[:5] = np.nan
    stain = histology(values[None], {"S1_downscaled_hires": Identity()})
    adata, said = read_and_hear(visium_with(tmp_path, stain=stain), coordinate_system="S1")
    picture, _ = picture_of(adata)
    assert said == []
    assert (picture[:5] == 0).all()
    assert picture[10, 39].tolist() == [255, 255, 255]


def test_a_store_of_ours_gives_back_its_scale_and_that_its_image_is_a_stain(tmp_path):
    grey = np.repeat(np.arange(30, dtype=np.uint8)[:, None, None] * 8, 25, axis=1).repeat(3, axis=2)
    data = final_data(names=CELLS_OF_XENIUM, platform="xenium", image=grey, um_per_px=0.5)
    data.uns["tissuegraph"]["fluorescence"] = True
    exported(tmp_path, "spatialdata", data)
    store = tmp_path / "out" / "S.spatialdata.zarr"
    adata, _ = read_and_hear(store)
    assert adata.uns["tissuegraph"]["um_per_px"] == 0.5
    assert adata.uns["tissuegraph"]["platform"] == "xenium"
    assert adata.uns["tissuegraph"]["fluorescence"]
    assert not [name for name in adata.obs if "domain" in name]  # they are found anew
    in_um, _ = read_and_hear(store, coordinate_system="micrometres")
    assert in_um.uns["tissuegraph"]["um_per_px"] == 1
    assert in_um.uns["tissuegraph"]["pitch_px"] == 10
