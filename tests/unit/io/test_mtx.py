"""A matrix in Matrix Market form and a table of coordinates become the canonical slice."""

import gzip

import numpy as np
import pytest
from helpers.reading import read, refuses
from helpers.tiny import BARCODES, COUNTS, GENE_IDS, SYMBOLS, XY, write_matrix_directory

from tissuegraph.io.reading import detect_platform

LINES = [f"{BARCODES[n]},{XY[n][0]},{XY[n][1]}" for n in (2, 0, 1)]  # not in the order of the matrix


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "section"
    write_matrix_directory(folder)
    (folder / "coordinates.csv").write_text("\n".join(["barcode,x,y", *LINES, "TTT-1,9,9"]) + "\n")
    return folder


def test_counts_and_coordinates_are_joined_by_barcode(folder):
    adata = read(folder)
    assert detect_platform(folder) == "mtx"
    assert list(adata.obs_names) == BARCODES
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)
    assert adata.var["gene_id"].tolist() == GENE_IDS
    assert adata.var["gene_symbol"].tolist() == SYMBOLS
    assert adata.uns["tissuegraph"] == {"sample": "S", "platform": "mtx", "pitch_px": 100.0}


def test_uncompressed_files_with_genes_of_one_column_are_read(folder):
    for name in ("matrix.mtx", "barcodes.tsv"):
        (folder / name).write_bytes(gzip.decompress((folder / f"{name}.gz").read_bytes()))
        (folder / f"{name}.gz").unlink()
    (folder / "features.tsv.gz").unlink()
    (folder / "genes.tsv").write_text("\n".join(GENE_IDS))
    assert read(folder).var["gene_symbol"].tolist() == GENE_IDS


@pytest.mark.parametrize("name", ["spatial.tsv.gz", "Cell_Centroids.txt", "bead_positions.csv"])
def test_the_table_of_coordinates_goes_by_its_name(folder, name):
    text = (
        (folder / "coordinates.csv").read_text().replace(",", "\t").replace("x\ty", "x_centroid\ty_centroid")
    )
    (folder / "coordinates.csv").unlink()
    (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    (folder / "clusters.csv").write_text("barcode,cluster\nAAA-1,1\n")
    assert detect_platform(folder) == "mtx"
    np.testing.assert_array_equal(read(folder).obsm["spatial"], XY)


def test_barcodes_without_coordinates_are_left_out(folder):
    said = []
    (folder / "coordinates.csv").write_text("\n".join(["barcode,x,y", *LINES[:2]]))
    assert list(read(folder, warn=said.append).obs_names) == [BARCODES[0], BARCODES[2]]
    assert "1 of 3 spots have no position and were left out" in said


def test_a_matrix_alone_is_no_such_slice(folder):
    (folder / "coordinates.csv").unlink()
    assert detect_platform(folder) == "visium"
    with refuses("section has a matrix and no table; expected one called coordinates.csv with barcode,x,y"):
        read(folder, platform="mtx")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("matrix.mtx.gz", None, "section has no matrix.mtx or matrix.mtx.gz; expected a directory"),
        ("barcodes.tsv.gz", None, "section lacks barcodes.tsv.gz; copy the directory again"),
        ("features.tsv.gz", None, "section lacks features.tsv.gz; copy the directory again"),
        ("barcodes.tsv.gz", b"A\nB\n", "the matrix is 4 x 3, but there are 4 features and 2 barcodes"),
        ("coordinates.csv", b"barcode,x\nAAA-1,3\n", "coordinates.csv has the columns barcode, x; expected"),
        ("coordinates.csv", b"barcode,x,y\n", "coordinates.csv has a header but no rows"),
        ("coordinates.csv", b"barcode,x,y\nAAA,1,2\n", "matrix: AAA-1, positions: AAA); do matrix and coord"),
        ("coordinates.csv", b"barcode,x,y\nAAA-1,1,2\nAAA-1,1,3\n", "more than one position, e.g. AAA-1"),
        ("coordinates.csv", b"barcode,x,y\nAAA-1,left,2\n", "coordinates.csv: could not convert string"),
        ("positions.csv", b"barcode,x,y\n", "several tables (coordinates.csv, positions.csv)"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_said_in_one_line(folder, name, content, words):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with refuses(words) as error:
        read(folder, platform="mtx")
    assert "\n" not in str(error.value)
