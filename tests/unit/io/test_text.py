"""Text is read in the encoding that it names, whatever its file is called; anything else is one line."""

import gzip

import pytest
from helpers.reading import refuses

from tissuegraph.io import text
from tissuegraph.io.text import brief, plain, read_bytes, read_rows, read_text

TABLE = "barcode,label\nAAA-1,Schicht é\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_mark_says_the_encoding_and_the_content_whether_it_is_gzip(tmp_path, encoding, name, packed):
    content = TABLE.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    assert read_text(tmp_path / name, "a") == TABLE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TABLE.encode("latin-1"), "t is not UTF-8 text (byte 29 is none); save it as UTF-8"),
        (
            TABLE.replace("é", "").encode("utf-16-le"),
            "t is not UTF-8 text (it holds NUL bytes); save it as UTF-8",
        ),
        (b"PK\x03\x04\xff", "t is not UTF-8 text (it is a zip archive)"),
    ],
)
def test_text_of_an_unknown_encoding_is_refused(tmp_path, content, words):
    (tmp_path / "a.csv").write_bytes(content)
    with refuses(words):
        read_text(tmp_path / "a.csv", "t")


def test_lines_may_end_and_cells_be_quoted_in_any_way(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'"a";"b"\r1;" x ";\n\n2;"c\nd"\r\n')
    assert read_rows(tmp_path / "a.csv", "t") == [["a", "b"], ["1", "x", ""], ["2", "c\nd"]]


def test_a_field_beyond_the_limit_of_csv_is_one_line(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + "x" * 200_000 + ",1\n")
    with refuses("t is not a readable table (field larger than field limit"):
        read_rows(tmp_path / "a.csv", "t")


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-9], lambda c: c[:30] + bytes(10) + c[40:], lambda c: c[:12]]
)
def test_damaged_gzip_is_one_line(tmp_path, damage):
    content = gzip.compress("".join(map(str, range(500))).encode())
    (tmp_path / "a.gz").write_bytes(damage(content))
    with refuses("t is truncated or damaged; copy it again"):
        read_bytes(tmp_path / "a.gz", "t")


def test_several_members_and_padding_are_one_file(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one") + gzip.compress(b"two") + bytes(512))
    assert read_bytes(tmp_path / "a.gz", "t") == b"onetwo"


def test_what_unpacks_to_more_than_can_be_is_stopped_on_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "UNQUESTIONED", 1 << 16)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(1 << 24)))
    with refuses("t unpacks to more than the 6.53 MB that can be read"):
        read_bytes(tmp_path / "a.gz", "t")


def test_another_packing_under_the_name_of_gzip_is_called_what_it_is(tmp_path):
    (tmp_path / "a.gz").write_bytes(b"BZh9" + bytes(20))
    with refuses("t is a bzip2 file, not gzip as its name says"):
        read_bytes(tmp_path / "a.gz", "t")


@pytest.mark.parametrize("other", ["tumour", " Tu mour", "TUMOUR\u00a0", "\uff34umour"])
def test_names_that_look_alike_are_plainly_equal(other):
    assert plain(other) == plain("Tumour")


def test_one_letter_in_two_encodings_is_one_letter():
    assert plain("Ba\u0308uche") == plain("B\u00e4uche")
    assert plain("Tumour 1") != plain("Tumour 2")


def test_what_cannot_be_printed_is_quoted_as_question_marks():
    assert brief("a\x04b\n\tc\u200b") == "a?b c?"
