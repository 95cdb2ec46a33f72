"""Slide-seq: beads and their dense text of expression become the canonical slice, sparse."""

import gzip

import numpy as np
import pytest
from helpers.reading import read, refuses
from helpers.tiny import BARCODES, GENE_IDS, write_matrix_directory
from helpers.tiny import COUNTS as COUNTS_OF_MTX

from tissuegraph.io.dense_text import read_dense_text
from tissuegraph.io.reading import detect_platform

BEADS = ["AACGTCATAATCGT", "TACTTTAGCGCAGT", "CATGCCTGGGTTCG"]
GENES = ["Acta2", "Mbp"]
COUNTS = np.array([[0, 3], [12, 0], [1, 1]])  # beads x genes
XY = [[3237.5, 4131.5], [3225.0, 3901.0], [1000.0, 1200.0]]
LINES = ["\t".join([gene, *map(str, COUNTS[:, n])]) for n, gene in enumerate(GENES)]
DENSE = "\n".join(["\t".join(["GENE", *BEADS]), *LINES]) + "\n"
LOCATIONS = "\n".join(
    ["barcodes,xcoord,ycoord", *(f"{BEADS[n]},{XY[n][0]},{XY[n][1]}" for n in (1, 2, 0)), "GGGG,1,1"]
)


@pytest.fixture
def puck(tmp_path):
    folder = tmp_path / "Puck_200115_08"
    folder.mkdir()
    (folder / "Puck_200115_08_bead_locations.csv").write_text(LOCATIONS)
    (folder / "Puck_200115_08.digital_expression.txt.gz").write_bytes(gzip.compress(DENSE.encode()))
    return folder


def test_beads_have_their_counts_and_places_in_micrometres(puck):
    said = []
    adata = read(puck, warn=said.append)
    assert detect_platform(puck) == "slideseq"
    assert list(adata.obs_names) == BEADS
    assert list(adata.var_names) == GENES
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)
    assert adata.uns["tissuegraph"]["um_per_px"] == 0.65
    assert said == ["bead locations are taken as pixels of 0.65 micrometres, as Slide-seq is imaged"]


def test_a_table_that_r_wrote_is_read(puck):
    (puck / "Puck_200115_08.digital_expression.txt.gz").unlink()
    (puck / "Puck_200115_08_bead_locations.csv").rename(puck / "BeadLocationsForR.csv")
    quoted = [",".join(f'"{bead}"' for bead in BEADS), *(line.replace("\t", ",") for line in LINES)]
    (puck / "MappedDGEForR.csv").write_text("\r\n".join(quoted))
    adata = read(puck)
    assert list(adata.obs_names) == BEADS
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)


def test_a_puck_with_matrix_market_is_read(tmp_path):
    write_matrix_directory(tmp_path / "puck")
    lines = [f"{barcode},{n},{n * n}" for n, barcode in enumerate(BARCODES)]
    (tmp_path / "puck" / "BeadLocations.csv").write_text("\n".join(["barcode,x,y", *lines]))
    adata = read(tmp_path / "puck")
    assert adata.uns["tissuegraph"]["platform"] == "slideseq"
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS_OF_MTX)
    assert adata.var["gene_id"].tolist() == GENE_IDS
    np.testing.assert_array_equal(adata.obsm["spatial"], [[0, 0], [1, 1], [2, 4]])


def test_comments_and_empty_lines_are_passed_over_and_zeros_are_not_stored(tmp_path):
    path = tmp_path / "a.digital_expression.txt"
    path.write_text("#DGE\tVERSION:1.1\n\n" + DENSE)
    counts, beads, genes = read_dense_text(path)
    assert (counts.format, counts.nnz, counts.dtype) == ("csr", 4, np.float32)
    assert (list(beads), list(genes)) == (BEADS, GENES)


def test_beads_without_a_location_are_left_out(puck):
    said = []
    (puck / "Puck_200115_08_bead_locations.csv").write_text(LOCATIONS.replace(BEADS[0], "ACGT"))
    assert list(read(puck, warn=said.append).obs_names) == BEADS[1:]
    assert "1 of 3 spots have no position and were left out" in said


DENSE_NAME, LOCATIONS_NAME = (
    "Puck_200115_08.digital_expression.txt.gz",
    "Puck_200115_08_bead_locations.csv",
)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (DENSE_NAME, None, "Puck_200115_08 has no table of expression, e.g. Puck.digital_expression.txt.gz"),
        (LOCATIONS_NAME, None, "Puck_200115_08 has no table of bead locations"),
        ("old_bead_locations.csv", b"", "has several tables (Puck_200115_08_bead_locations.csv, old_bead"),
        (DENSE_NAME, gzip.compress(DENSE.encode(), mtime=0)[:-9], "is truncated or damaged; copy it again"),
        (DENSE_NAME, b"", "is empty; expected a table of counts as text"),
        (DENSE_NAME, b"GENE\tA\tB\n", "holds no counts; expected a line of barcodes and one line per gene"),
        (
            DENSE_NAME,
            b"GENE\tA\tB\nMbp\t1\n",
            "the line of Mbp does not hold 2 numbers, one for each barcode",
        ),
        (DENSE_NAME, b"GENE\tA\tB\nMbp\t1\tmany\n", "the line of Mbp does not hold 2 numbers"),
        (DENSE_NAME, b"GENE\tA\tB\nMbp\t1\t2\n", "(matrix: A, positions: TACTTTAGCGCAGT); do expression and"),
        (DENSE_NAME, f"GENE\t{BEADS[0]}\nMbp\t0.5\n".encode(), "expected raw counts (whole numbers of at"),
        (DENSE_NAME, b"GENE\tA\xff\nMbp\t1\n", "is not UTF-8 text"),
        (LOCATIONS_NAME, b"barcodes,row\nA,1\n", "has the columns barcodes, row; expected barcode, x and y"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_said_in_one_line(puck, name, content, words):
    if content is None:
        (puck / name).unlink()
    else:
        (puck / name).write_bytes(content)
    with refuses(words) as error:
        read(puck, platform="slideseq")
    assert "\n" not in str(error.value)
