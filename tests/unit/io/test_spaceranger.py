"""Space Ranger output of every layout becomes the same canonical slice."""

import json
import shutil

import h5py
import numpy as np
import pytest
from helpers.reading import refuses
from helpers.tiny import (
    BARCODES,
    COUNTS,
    GENE_IDS,
    SCALEFACTORS,
    SYMBOLS,
    XY,
    write_matrix_h5,
    write_outs,
    write_png,
)

from tissuegraph.io.feature_matrix import read_10x_h5
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("matrix", ["h5", "directory"])
def test_every_layout_gives_counts_positions_and_images(tmp_path, header, matrix):
    adata = read_slice(Request(path=write_outs(tmp_path / "outs", header=header, matrix=matrix), sample="S"))
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    assert adata.X.format == "csr"
    assert adata.X.dtype == np.float32
    assert list(adata.obs_names) == BARCODES
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)  # x is the column of the image, y its row
    assert adata.obs["array_row"].tolist() == [0, 1, 2]
    assert adata.obs["array_col"].tolist() == [10, 11, 12]
    assert adata.var["gene_id"].tolist() == GENE_IDS
    assert adata.var["gene_symbol"].tolist() == SYMBOLS
    spatial = adata.uns["spatial"]["S"]
    assert {name: image.shape for name, image in spatial["images"].items()} == {
        "hires": (60, 110, 3),
        "lowres": (12, 22, 3),
    }
    assert spatial["scalefactors"] == SCALEFACTORS
    assert adata.uns["tissuegraph"] == {
        "sample": "S",
        "platform": "visium",
        "pitch_px": 100.0,
        "um_per_px": 1.0,
        "um_per_px_source": "spot lattice",
    }


def test_the_parent_of_outs_will_do(tmp_path):
    write_outs(tmp_path / "run" / "outs")
    assert read_slice(Request(path=tmp_path / "run", sample="S")).n_obs == 3


def test_repeated_gene_names_get_a_suffix_and_a_warning(tmp_path):
    lines = []
    adata = read_slice(Request(path=write_outs(tmp_path / "outs"), sample="S", warn=lines.append))
    assert list(adata.var_names) == ["ACTB", "GFAP", "GFAP-1", "MT-CO1"]
    assert lines == ["1 gene names were not unique and got a suffix, e.g. GFAP-1"]


@pytest.mark.parametrize("images", [(), ("lowres",)])
def test_missing_images_are_no_problem(tmp_path, images):
    adata = read_slice(Request(path=write_outs(tmp_path / "outs", images=images), sample="S"))
    assert set(adata.uns.get("spatial", {}).get("S", {}).get("images", {})) == set(images)


def test_spots_outside_the_tissue_are_left_out(tmp_path):
    lines = []
    outs = write_outs(tmp_path / "outs", in_tissue=(1, 0, 1))
    adata = read_slice(Request(path=outs, sample="S", warn=lines.append))
    assert list(adata.obs_names) == ["AAA-1", "GGG-1"]
    assert "1 of 3 spots lie outside the tissue and were left out" in lines


def test_only_gene_expression_is_kept(tmp_path):
    kinds = ("Gene Expression", "Antibody Capture", "Gene Expression", "Gene Expression")
    adata = read_slice(Request(path=write_outs(tmp_path / "outs", feature_types=kinds), sample="S"))
    assert adata.var["gene_id"].tolist() == ["ENSG1", "ENSG3", "ENSG4"]
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS[:, [0, 2, 3]])


def test_positions_in_parquet_are_read(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    outs = write_outs(tmp_path / "outs")
    csv = outs / "spatial" / "tissue_positions.csv"
    pandas.read_csv(csv).to_parquet(csv.with_suffix(".parquet"))
    csv.unlink()
    np.testing.assert_array_equal(read_slice(Request(path=outs, sample="S")).obsm["spatial"], XY)


def test_a_histology_image_becomes_a_small_one_with_its_scale(tmp_path):
    outs = write_outs(tmp_path / "outs", images=())
    image = write_png(tmp_path / "he.png", (2000, 4000))
    spatial = read_slice(Request(path=outs, sample="S", image=image)).uns["spatial"]["S"]
    assert spatial["images"]["hires"].shape == (1000, 2000, 3)
    assert spatial["scalefactors"]["tissue_hires_scalef"] == 0.5


def test_a_pyramidal_tiff_is_read_at_the_level_that_suffices(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "he.tif"
    full = np.zeros((2400, 4800, 3), dtype=np.uint8)
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(full, subifds=1, photometric="rgb", tile=(256, 256))
        tiff.write(full[::2, ::2] + 7, subfiletype=1, photometric="rgb", tile=(256, 256))
    spatial = read_slice(Request(path=write_outs(tmp_path / "outs", images=()), sample="S", image=path)).uns[
        "spatial"
    ]["S"]
    assert spatial["images"]["hires"].shape == (1000, 2000, 3)
    assert (spatial["images"]["hires"] == 7).all()  # only the half-size level is 7
    assert spatial["scalefactors"]["tissue_hires_scalef"] == pytest.approx(2000 / 4800)


def test_a_lowres_image_is_recognised_by_the_scale_that_puts_the_spots_inside(tmp_path):
    outs = write_outs(tmp_path / "outs", images=())
    lowres = write_png(tmp_path / "low.png", (12, 21))  # 0.1 times the spots' extent of 200 x 110
    spatial = read_slice(Request(path=outs, sample="S", image=lowres)).uns["spatial"]["S"]
    assert set(spatial["images"]) == {"lowres"}
    assert spatial["scalefactors"] == SCALEFACTORS


def test_an_image_that_does_not_hold_the_spots_is_refused_with_the_numbers(tmp_path):
    image = write_png(tmp_path / "he.png", (5, 5))
    with refuses("image he.png: the spots (x 100 to 200, y 10 to 110) fall outside its 5 x 5 pixels, 3 of 3"):
        read_slice(Request(path=write_outs(tmp_path / "outs", images=()), sample="S", image=image))


def test_annotation_is_matched_by_barcode_and_gaps_stay_empty(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_bytes(b"\xef\xbb\xbfbarcode,label\r\nGGG-1,L1\r\nAAA-1,NA\r\nCCC-1,L0\r\nTTT-1,L2\r\n")
    lines = []
    adata = read_slice(
        Request(path=write_outs(tmp_path / "outs"), sample="S", annotation=str(table), warn=lines.append)
    )
    assert adata.obs["annotation"].astype(object).fillna("-").tolist() == ["-", "L0", "L1"]
    assert adata.obs["annotation"].cat.categories.tolist() == ["L0", "L1"]
    assert "annotation: 1 of 3 barcodes are no spots of the slice and were ignored" in lines


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("barcode,label\nXXX,L1\n", "annotation: none of its 1 barcodes is a spot of the slice"),
        (
            "barcode,a,b\nAAA-1,L1,L2\n",
            "annotation labels.csv has the columns barcode, a, b; expected barcode,label",
        ),
        ("barcode\nAAA-1\n", "expected barcode,label"),
        ("barcode,label\nAAA-1,L1\nAAA-1,L2\n", "barcode AAA-1 has two labels, L1 and L2"),
        ("barcode,label\nAAA-1,\n", "annotation labels.csv holds no label"),
        ("barcode,label\nAAA-1\n", "line 'AAA-1' has no label column"),
        ("", "annotation labels.csv is empty"),
    ],
)
def test_an_annotation_that_cannot_be_used_is_refused(tmp_path, content, words):
    table = tmp_path / "labels.csv"
    table.write_text(content)
    with refuses(words):
        read_slice(Request(path=write_outs(tmp_path / "outs"), sample="S", annotation=str(table)))


def test_an_obs_column_makes_no_sense_for_space_ranger(tmp_path):
    with refuses("for Space Ranger data give a .csv of barcode and label"):
        read_slice(Request(path=write_outs(tmp_path / "outs"), sample="S", annotation="layer"))


def _remove(name):
    def change(outs):
        path = outs / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def _truncate(name):
    def change(outs):
        path = outs / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return change


def _write(name, text):
    return lambda outs: (outs / name).write_text(text)


def _without(part):
    def change(outs):
        with h5py.File(outs / "filtered_feature_bc_matrix.h5", "r+") as file:
            del file[part]

    return change


# Parts of a 10x matrix, and what is said where one is missing
PARTS = [
    ("barcodes", "lacks 'barcodes'; copy it again"),
    ("shape", "lacks 'shape'; copy it again"),
    ("features/id", "lacks 'id'; copy it again"),
    ("features", "is no 10x feature-barcode matrix of Space Ranger: group matrix/features is missing"),
]


@pytest.mark.parametrize(
    ("matrix", "change", "words"),
    [
        ("h5", _remove("filtered_feature_bc_matrix.h5"), "outs is no Space Ranger output"),
        ("h5", _remove("spatial"), "outs has a matrix but no directory spatial"),
        ("h5", _remove("spatial/tissue_positions.csv"), "spatial/ has no positions"),
        (
            "h5",
            _truncate("filtered_feature_bc_matrix.h5"),
            "filtered_feature_bc_matrix.h5 cannot be read as HDF5",
        ),
        ("h5", _write("filtered_feature_bc_matrix.h5", ""), "filtered_feature_bc_matrix.h5 is an empty file"),
        ("h5", _write("spatial/tissue_positions.csv", ""), "spatial/tissue_positions.csv is empty"),
        ("h5", _write("spatial/tissue_positions.csv", "AAA-1,1\n"), "has 2 values, expected 6"),
        ("h5", _write("spatial/tissue_positions.csv", "barcode,x\nAAA-1,1\n"), "lacks in_tissue, array_row"),
        (
            "h5",
            _write("spatial/tissue_positions.csv", "AAA-1,1,a,0,0,0\n"),
            "expected numbers in every column",
        ),
        (
            "h5",
            _write("spatial/tissue_positions.csv", "XXX,1,0,0,0,0\n"),
            "no barcode of the matrix has a position",
        ),
        ("h5", _write("spatial/tissue_positions.csv", "AAA-1,0,0,0,0,0\n"), "lies under tissue"),
        (
            "h5",
            _write("spatial/tissue_positions.csv", "AAA-1 1 0 0 0 0\n"),
            "has 1 values, expected 6 separated by commas, tabs or semicolons",
        ),
        (
            "h5",
            _write("spatial/tissue_positions.csv", "AAA-1|1|0|0|0,5|0\n"),
            "has 2 values, expected 6 separated by commas, tabs or semicolons",
        ),
        *(
            ("h5", _without(f"matrix/{part}"), f"filtered_feature_bc_matrix.h5 {words}")
            for part, words in PARTS
        ),
        ("h5", _write("spatial/scalefactors_json.json", "{"), "scalefactors_json.json is not valid JSON"),
        ("directory", _truncate("filtered_feature_bc_matrix/matrix.mtx.gz"), "matrix.mtx.gz is truncated"),
        ("directory", _remove("filtered_feature_bc_matrix/barcodes.tsv.gz"), "lacks barcodes.tsv.gz"),
    ],
)
def test_damaged_output_is_refused_with_the_file_at_fault(tmp_path, matrix, change, words):
    outs = write_outs(tmp_path / "outs", matrix=matrix)
    change(outs)
    with refuses(words):
        read_slice(Request(path=outs, sample="S"))


def test_a_damaged_image_costs_the_picture_but_not_the_slice(tmp_path):
    outs = write_outs(tmp_path / "outs")
    _truncate("spatial/tissue_hires_image.png")(outs)
    lines = []
    adata = read_slice(Request(path=outs, sample="S", warn=lines.append))
    assert set(adata.uns["spatial"]["S"]["images"]) == {"lowres"}
    assert any("tissue_hires_image.png is not a readable image" in line for line in lines)


@pytest.mark.filterwarnings("ignore")
def test_the_matrix_reader_agrees_with_scanpy(tmp_path):
    scanpy = pytest.importorskip("scanpy")
    path = tmp_path / "matrix.h5"
    write_matrix_h5(path)
    _equals_scanpy(path, scanpy)


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("outs", ["fixtures/scanpy_visium_tiny/outs", "dlpfc/151673/outs"])
def test_the_matrix_reader_agrees_with_scanpy_on_real_output(real_data, outs):
    scanpy = pytest.importorskip("scanpy")
    _equals_scanpy(real_data / outs / "filtered_feature_bc_matrix.h5", scanpy)


def _equals_scanpy(path, scanpy):
    ours, theirs = read_10x_h5(path), scanpy.read_10x_h5(path)
    assert (ours.counts != theirs.X).nnz == 0
    assert ours.barcodes.tolist() == theirs.obs_names.tolist()
    assert ours.gene_symbols.tolist() == theirs.var_names.tolist()
    assert ours.gene_ids.tolist() == theirs.var["gene_ids"].tolist()


def test_an_image_without_its_scale_factor_is_left_out_and_said(tmp_path):
    outs = write_outs(tmp_path / "outs")
    path = outs / "spatial" / "scalefactors_json.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tissue_hires_scalef": None}))
    said = []
    read_slice(Request(path=outs, sample="S", warn=said.append))
    assert "image left out: hires has no usable scale factor tissue_hires_scalef" in said
