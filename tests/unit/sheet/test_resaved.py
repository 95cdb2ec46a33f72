"""Samplesheets that a spreadsheet, R or another editor saved again: read as they were meant."""

import json

import pytest

from tissuegraph.sheet.check import EMPTY
from tissuegraph.sheet.tables import guarded, without_guard

PLAIN = "sample,path,n_domains,max_mito,group\nA,a.h5ad,7,12.5,x\nB,b.h5ad,,,\n"


def values(sheet):
    """Rows without the line they stand on, after making sure that there is nothing to complain about."""
    assert (sheet.problems, sheet.notices) == ([], [])
    return [{name: value for name, value in row.items() if name != "row"} for row in sheet.rows]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PLAIN.replace(",", ";"), "sheet.csv"),
        (PLAIN.replace(",", ";").replace("12.5", "12,5"), "sheet.csv"),  # where numbers have decimal commas
        (PLAIN.replace(",", "\t"), "sheet.csv"),
        (PLAIN.replace(",", "|"), "sheet.csv"),
        (PLAIN, "sheet.tsv"),
        ("sep=;\r\n" + PLAIN.replace(",", ";"), "sheet.csv"),
        (PLAIN.replace("\n", "\r\n"), "sheet.csv"),
        (PLAIN.replace("\n", "\r"), "sheet.csv"),
        (b"\xef\xbb\xbf" + PLAIN.encode(), "sheet.csv"),
        (PLAIN.replace(",", "\t").encode("utf-16"), "sheet.csv"),
        (PLAIN.replace("\n", ",,\n") + ",,,,,,\n,,,,,,\n", "sheet.csv"),
        (PLAIN.replace(",", " , ").replace("\n", " \n "), "sheet.csv"),
        (PLAIN.replace("sample,path,n_domains,max_mito", "Sample,PATH,N Domains,Max-Mito"), "sheet.csv"),
        (PLAIN.replace("B,b.h5ad,,,", "B,b.h5ad,NA,nan,"), "sheet.csv"),
        ("\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in PLAIN.split()), "sheet.csv"),
    ],
    ids=[
        *("semicolons", "decimal commas", "tabs", "bars", "commas in TSV", "sep= line", "Windows lines"),
        *("old Mac lines", "mark", "UTF-16", "padding", "blanks", "capitals", "NA", "quotes"),
    ],
)
def test_a_sheet_that_was_saved_again_gives_the_same_rows(read, content, name):
    assert values(read(content, name)) == values(read(PLAIN))


def test_rows_are_numbered_by_their_line_also_below_the_line_that_tells_the_separator(read):
    assert [row["row"] for row in read("sep=;\nsample;path\nA;a.h5ad\n").rows] == [3]


@pytest.mark.parametrize("word", ["NA", "na", "None", "-", "null", "NaN", "n/a", "<NA>"])
def test_words_for_nothing_are_empty_in_every_column_but_names(read, word):
    assert word.lower() in EMPTY
    (row,) = values(read(f"sample,path,annotation,patient,image,n_domains\nA,a.h5ad{f',{word}' * 4}\n"))
    assert [row[name] for name in ("annotation", "patient", "image", "n_domains")] == [None] * 4


def test_slices_and_groups_may_be_called_none(read):
    (row,) = values(read("sample,path,group\nNA,a.h5ad,none\n"))
    assert (row["sample"], row["group"]) == ("NA", "none")


def test_choices_are_taken_in_any_case(read):
    (row,) = values(read("sample,path,platform,role\nA,a.h5ad,H5AD,Reference\n"))
    assert (row["platform"], row["role"]) == ("h5ad", "reference")


def test_a_column_that_is_there_in_two_spellings_is_refused(read):
    (problem,) = read("sample,Sample,path\nA,B,a.h5ad\n").problems
    assert problem == "samplesheet column 'Sample' is 'sample' once more - expected one of them"


@pytest.mark.parametrize("column", ["path", "image", "image_matrix", "annotation"])
def test_a_file_whose_name_looks_like_an_option_is_refused(read, column):
    path = {"path": "data/-x.h5ad", "image": "-x.tif", "image_matrix": "-x.csv", "annotation": "d/-x.csv"}
    given = {"sample": "A", "path": "a.h5ad", "image": "a.tif"} | {column: path[column]}
    (problem,) = read(json.dumps([given]), "sheet.json").problems
    assert problem == (
        f"samplesheet row 1, column {column}: '{path[column]}' - expected a file name that does not start "
        "with '-'; rename it"
    )


def test_an_image_of_every_format_that_is_read_is_accepted(read):
    for suffix in ("png", "JPG", "tif", "btf", "svs", "ndpi", "scn"):
        assert read(f"sample,path,image\nA,a.h5ad,my slides/he.{suffix}\n").problems == []


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", " =1", "＝1"])
def test_what_a_spreadsheet_would_run_is_marked_as_text_and_read_back_without_the_mark(start):
    assert guarded(start) == f"'{start}"
    assert without_guard(guarded(start)) == start


@pytest.mark.parametrize("text", ["", "a", "a=1", "'a'", "'", "12", "(-1)"])
def test_other_text_is_neither_marked_nor_changed(text):
    assert guarded(text) == without_guard(text) == text


def test_a_marked_cell_of_a_sheet_is_read_without_its_mark(read):
    (row,) = values(read("sample,path,group\nA,a.h5ad,'=A1+1\n"))
    assert row["group"] == "=A1+1"
