"""Digests of inputs: of contents where they can be read in a moment, and never more said than was read."""

import hashlib

import pytest

from tissuegraph.io.digests import input_digest


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def outs(tmp_path):
    (tmp_path / "outs" / "spatial").mkdir(parents=True)
    (tmp_path / "outs" / "matrix.h5").write_text("counts")
    (tmp_path / "outs" / "spatial" / "a.csv").write_text("xy")
    return tmp_path / "outs"


def test_a_file_has_the_digest_of_sha256sum_whatever_its_name(tmp_path):
    for name in ("one.h5ad", "two.h5ad"):
        (tmp_path / name).write_text("counts")
        assert input_digest(tmp_path / name) == {
            "sha256": sha256("counts"),
            "covers": "content",
            "n_files": 1,
            "bytes": 6,
        }


def test_a_directory_is_told_by_names_sizes_and_contents(outs):
    lines = f"matrix.h5\t6\t{sha256('counts')}\nspatial/a.csv\t2\t{sha256('xy')}\n"
    expected = {"sha256": sha256(lines), "covers": "content", "n_files": 2, "bytes": 8}
    assert input_digest(outs) == expected
    (outs / "matrix.h5").write_text("COUNTS")
    assert input_digest(outs)["sha256"] != expected["sha256"]


def test_what_is_too_large_or_too_many_is_told_by_name_and_size_and_the_digest_says_so(outs):
    lines = f"matrix.h5\t6\t-\nspatial/a.csv\t2\t{sha256('xy')}\n"
    for limits in ({"most_bytes": 7}, {"most_files": 1}):
        found = input_digest(outs, **limits)
        assert found["sha256"] == sha256(lines)
        assert found["covers"] == "names and sizes, and the content of 1 of 2 files"
    assert input_digest(outs / "matrix.h5", most_bytes=5)["covers"] == "names and sizes"
    assert input_digest(outs / "matrix.h5", most_bytes=5)["sha256"] == sha256("matrix.h5\t6\t-\n")


def test_a_link_that_leads_back_ends_and_what_is_not_there_has_no_digest(outs, tmp_path):
    before = input_digest(outs)
    (outs / "again").symlink_to(outs)
    (outs / "broken").symlink_to(tmp_path / "nowhere")
    assert input_digest(outs) == before
    found = input_digest(tmp_path / "nowhere")
    assert found == {"sha256": None, "covers": "nothing: No such file or directory"}
