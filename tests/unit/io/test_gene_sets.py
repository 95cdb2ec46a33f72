"""Gene sets as people send them: GMT, packed or not, and what is wrong in which line."""

import gzip

import pytest

from tissuegraph.errors import InputError
from tissuegraph.io.gene_sets import read_gene_sets

TEXT = "Myelin\thttp://x\tMBP\tPLP1\tMBP\t\n\nLayer 5\t\tPCP4\r\n"


@pytest.mark.parametrize("packed", [False, True])
def test_sets_are_read_with_each_gene_once(tmp_path, packed):
    path = tmp_path / ("s.gmt.gz" if packed else "s.gmt")
    path.write_bytes(gzip.compress(TEXT.encode()) if packed else TEXT.encode())
    assert read_gene_sets(path) == {"Myelin": ("MBP", "PLP1"), "Layer 5": ("PCP4",)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "A\tx\tMBP\nB,x,PLP1\n",
            "line 2: 'B,x,PLP1' - expected a name, a description and at least one gene",
        ),
        ("A\tx\n", "line 1"),
        ("\tx\tMBP\n", "line 1"),
        ("A\tx\tMBP\n\nA\ty\tPLP1\n", "line 3: the set 'A' is on line 1 too"),
        ("\n", "holds no gene set"),
        ("A\tx\tM\0", "not UTF-8 text"),
    ],
)
def test_what_is_no_gmt_is_said_with_its_line(tmp_path, text, said):
    (tmp_path / "s.gmt").write_text(text)
    with pytest.raises(InputError, match=r"s\.gmt") as error:
        read_gene_sets(tmp_path / "s.gmt")
    assert said in str(error.value)


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_ends_of_lines_end_a_set(tmp_path, mark):
    (tmp_path / "s.gmt").write_bytes(f"A\tde{mark}scription\tMBP\rB\t\tPLP1\n".encode())
    assert read_gene_sets(tmp_path / "s.gmt") == {"A": ("MBP",), "B": ("PLP1",)}
