"""Labels and positions as spreadsheets, R and pandas save them again."""

import gzip
import json
import re

import numpy as np
import pytest
from helpers.tiny import BARCODES, XY, write_outs

from tissuegraph.errors import InputError
from tissuegraph.io.position_table import COLUMNS, read_position_file
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request
from tissuegraph.io.tables import as_flags, is_missing, read_annotation


@pytest.mark.parametrize(
    "word",
    ["", " ", "NA", "nan", None, float("nan"), "None", "Unknown", "UNASSIGNED", "-", ".", "?"]
    + [
        "<none>",
        "(Unknown)",
        "No-label",
        "not_determined",
        "n.d.",
        "Unassigned.",
        "__",
        "\u2014",
        "Unspecified",
        "unsure",  # as our own region_call says it
    ],
)
def test_words_for_no_label(word):
    assert is_missing(word)


@pytest.mark.parametrize("word", ["0", 0, "L1", "WM", "other", "necrosis", "Nan1", "+", "CD3-", "unknown 2"])
def test_words_for_a_label(word):
    assert not is_missing(word)


@pytest.mark.parametrize(
    "text",
    [
        "barcode,label\nAAA-1,a\nCCC-1,Unknown\nGGG-1,b\n",
        "Barcode;Label\nAAA-1;a\nCCC-1;-\nGGG-1;b\n",
        "AAA-1,a\nCCC-1,unassigned\nGGG-1,b\n",  # no header
        ",barcode,label\n0,AAA-1,a\n1,CCC-1,None\n2,GGG-1,b\n",  # index of pandas
        '"","label"\n"AAA-1","a"\n"CCC-1",NA\n"GGG-1","b"\n',  # names of rows of R
        "label\tbarcode\na\tAAA-1\nundetermined\tCCC-1\nb\tGGG-1\n",
        "number,spot,label\n1,AAA-1,a\n2,CCC-1,\n3,GGG-1,b\n",
    ],
)
def test_labels_are_found_however_the_table_was_saved(tmp_path, text):
    (tmp_path / "l.csv").write_text(text)
    assert read_annotation(tmp_path / "l.csv", BARCODES) == {"AAA-1": "a", "GGG-1": "b"}


def test_the_first_line_is_a_spot_also_where_the_slice_does_not_have_it(tmp_path):
    (tmp_path / "l.csv").write_text("ACGTACGTACGTACGT-1,a\nAAA-1,b\n")
    assert read_annotation(tmp_path / "l.csv", BARCODES) == {"ACGTACGTACGTACGT-1": "a", "AAA-1": "b"}


def test_flags_in_any_case_and_what_is_none():
    assert as_flags(["1", "TRUE", "yes", 1.0, True], False).all()
    assert not as_flags(["0", "False", "no", 0, "0.0", ""], False).any()
    with pytest.raises(ValueError, match="'2'"):
        as_flags(["1", "2"], False)


ROWS = [(b, 1, n, n + 10, int(y), int(x)) for n, (b, (x, y)) in enumerate(zip(BARCODES, XY, strict=True))]


def table(header, separator=",", index=None, words=str):
    lines = [separator.join(header)] if header else []
    for n, row in enumerate(ROWS):
        cells = [*([str(n + 1)] if index else []), *map(words, row)]
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        table(COLUMNS),
        table(COLUMNS, ";"),
        table(COLUMNS, "\t"),
        table([name.upper() for name in COLUMNS]),
        table(["", *COLUMNS], index=True),
        table(COLUMNS, index=True),  # R: one name fewer than columns
        table(None),
        table(None, index=True),
        table(["", "0", "1", "2", "3", "4", "5"], index=True),
        table(["barcode", "tissue", "row", "col", "imagerow", "imagecol"]),
        table(["barcode", "in tissue", "array.row", "array.col", "pxl_row", "pxl_col"]),
        table(["barcode", "in_tissue", "array_row", "array_col", "Y", "X"]),
        table(COLUMNS, ";", words=lambda v: f"{v},0" if isinstance(v, int) and v > 9 else str(v)),
        table(COLUMNS).replace(",1,", ",TRUE,"),
        table(COLUMNS).replace("-1,1,", "-1,1.0,"),
    ],
)
def test_positions_are_read_however_they_were_saved(tmp_path, text):
    path = tmp_path / "tissue_positions.csv"
    path.write_text(text)
    barcodes, in_tissue, array_position, xy = read_position_file(path)
    assert barcodes.tolist() == BARCODES
    assert in_tissue.all()
    np.testing.assert_array_equal(array_position, [[0, 10], [1, 11], [2, 12]])
    np.testing.assert_array_equal(xy, XY)


def test_a_comma_that_may_part_thousands_is_no_decimal_point(tmp_path):
    path = tmp_path / "tissue_positions.csv"
    path.write_text(",".join(COLUMNS) + '\nAAA-1,1,0,0,"1,079","2,650"\n')
    with pytest.raises(InputError, match="'1,079'; expected numbers"):
        read_position_file(path)


def test_columns_of_a_parquet_table_are_taken_by_the_same_names(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    names = ["barcode", "in_tissue", "row", "col", "imagerow", "imagecol"]
    columns = [list(values) for values in zip(*ROWS, strict=True)]
    path = tmp_path / "tissue_positions.parquet"
    parquet.write_table(pyarrow.table(dict(zip(names, columns, strict=True))), path)
    barcodes, _, _, xy = read_position_file(path)
    assert barcodes.tolist() == BARCODES
    np.testing.assert_array_equal(xy, XY)


def test_packed_positions_are_read(tmp_path):
    outs = write_outs(tmp_path / "outs")
    path = outs / "spatial" / "tissue_positions.csv"
    (outs / "spatial" / "tissue_positions.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    np.testing.assert_array_equal(read_slice(Request(path=outs, sample="S")).obsm["spatial"], XY)


def test_a_table_of_row_and_col_is_taken_by_name(tmp_path):
    (tmp_path / "p.csv").write_text("row,col,barcode\n1,2,a\n1,9,b\n8,2,c\n")
    request = Request(path=tmp_path / "p.csv", sample="T", counts_needed=False)
    result = read_slice(request)
    assert result.obsm["spatial"].tolist() == [[2, 1], [9, 1], [2, 8]]
    assert result.obs_names.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "holds no named numbers"),
        ("null", "holds no named numbers"),
        ("[" * 100_000, "is not valid JSON"),
        ('{"tissue_hires_scalef": NaN}', "'tissue_hires_scalef' is nan; expected a positive number"),
        ('{"tissue_hires_scalef": Infinity}', "'tissue_hires_scalef' is inf"),
        ('{"tissue_lowres_scalef": -0.1}', "'tissue_lowres_scalef' is -0.1"),
        ('{"spot_diameter_fullres": 1' + "0" * 400 + "}", "'spot_diameter_fullres' is 10000"),
        ('{"spot_diameter_fullres": 1' + "0" * 9000 + "}", "is not valid JSON"),
        ('{"microns_per_pixel": 0}', "0 micrometres per pixel cannot be"),
    ],
)
def test_scale_factors_that_are_none_are_one_line(tmp_path, content, words):
    outs = write_outs(tmp_path / "outs", images=())
    (outs / "spatial" / "scalefactors_json.json").write_text(content)
    with pytest.raises(InputError, match=re.escape(words)):
        read_slice(Request(path=outs, sample="S"))


def test_names_that_are_no_scale_factors_are_not_read(tmp_path):
    outs = write_outs(tmp_path / "outs", images=())
    factors = {"a/b": 1, "": 2, "note": "x", "spot_diameter_fullres": 60.0, "tissue_hires_scalef": True}
    (outs / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
    assert read_slice(Request(path=outs, sample="S")).n_obs == 3


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "%%MatrixMarket matrix coordinate integer general\n9 9 1\n1 1 1\n",
            "the matrix is 9 x 9, but there are 4",
        ),
        (
            "%%MatrixMarket matrix coordinate integer general\n4 3 99999999\n1 1 1\n",
            "declares 99,999,999 values",
        ),
        ("%%MatrixMarket matrix array integer general\n4 3\n1\n", "begins with '%%matrixmarket matrix array"),
        ("%%MatrixMarket matrix coordinate integer symmetric\n4 3 1\n1 1 1\n", "expected %%MatrixMarket"),
        ("%%MatrixMarket matrix coordinate integer general\n4 3\n", "does not say how large it is"),
        ("%%MatrixMarket matrix coordinate integer general\n4 3 1\n9 9 1\n", "matrix.mtx.gz is damaged"),
        ("%%MatrixMarket matrix coordinate integer general\n4 3 1\n0 1 1\n", "an index lies outside 1 to 4"),
        ("%%MatrixMarket matrix coordinate integer general\n4 3 1\n1 0 1\n", "an index lies outside 1 to 3"),
        (
            "%%MatrixMarket matrix coordinate integer general\n4 3 2\n1 1 1\n",
            "declares 2 lines of 3 numbers and has 1 of 3",
        ),
        ("%%MatrixMarket matrix coordinate integer general\n4 3 1\n1 1 1 1\n", "has 1 of 4"),
        ("%%MatrixMarket matrix coordinate integer general\n4 3 1\n1 1 1.5\n", "expected raw counts"),
        (
            "%%MatrixMarket matrix coordinate integer general\n4 3 1\n1 1 x\n",
            "matrix.mtx.gz is damaged",
        ),
    ],
)
def test_a_matrix_market_file_is_believed_only_where_it_fits(tmp_path, header, words):
    outs = write_outs(tmp_path / "outs", matrix="directory")
    (outs / "filtered_feature_bc_matrix" / "matrix.mtx.gz").write_bytes(gzip.compress(header.encode()))
    with pytest.raises(InputError, match=re.escape(words)):
        read_slice(Request(path=outs, sample="S"))


def test_plain_text_under_the_name_of_gzip_is_read(tmp_path):
    outs = write_outs(tmp_path / "outs", matrix="directory")
    for path in (outs / "filtered_feature_bc_matrix").iterdir():
        path.write_bytes(gzip.decompress(path.read_bytes()))
    assert read_slice(Request(path=outs, sample="S")).n_obs == 3


def _segmented(outs):
    (outs / "segmented_outputs").mkdir()
    (outs / "filtered_feature_bc_matrix.h5").unlink()


def _aggregated(outs):
    (outs / "aggregation.csv").write_text("library_id\n")


def _prefixed(outs):
    (outs / "filtered_feature_bc_matrix.h5").rename(outs / "GSM1_filtered_feature_bc_matrix.h5")


def _prefixed_positions(outs):
    (outs / "spatial" / "tissue_positions.csv").rename(outs / "spatial" / "GSM1_tissue_positions.csv")


def _packed(outs):
    (outs / "filtered_feature_bc_matrix.h5").rename(outs / "filtered_feature_bc_matrix.h5.gz")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_segmented, "outs holds segmented cells of Visium HD (segmented_outputs) and no bins"),
        (_aggregated, "outs is the output of spaceranger aggr, several slices in one matrix"),
        (_prefixed, "GSM1_filtered_feature_bc_matrix.h5; rename it to filtered_feature_bc_matrix.h5"),
        (_prefixed_positions, "spatial/ holds GSM1_tissue_positions.csv; rename it to tissue_positions.csv"),
        (_packed, "holds filtered_feature_bc_matrix.h5.gz; "),
    ],
)
def test_layouts_that_are_not_read_are_called_by_their_name(tmp_path, change, words):
    outs = write_outs(tmp_path / "outs")
    change(outs)
    with pytest.raises(InputError, match=re.escape(words)):
        read_slice(Request(path=outs, sample="S"))
