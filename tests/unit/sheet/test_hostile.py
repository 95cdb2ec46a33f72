"""Samplesheets that were made to harm: one line each, soon, and never another exception."""

import json
import time

import pytest

from tissuegraph.presets.plain_files import MAX_BYTES
from tissuegraph.sheet.check import read_samplesheet

ALIASES = "- &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"- &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
ENTRY = '{"sample": "A", "path": "a.h5ad", "n_domains": %s}'
MILLION = 1_000_000


@pytest.fixture(scope="session")
def schema(root):
    return json.loads((root / "assets" / "schema_input.json").read_text())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("s.yaml", ALIASES, "samplesheet line 1 is not valid YAML: aliases (& and *) are not read"),
        ("s.yaml", "&a [*a]", "aliases (& and *) are not read"),
        ("s.yaml", "[" * MILLION, "nested deeper than 20 levels"),
        ("s.yaml", "- " * MILLION, "nested deeper than 20 levels"),
        ("s.yaml", "{a: " * MILLION, "nested deeper than 20 levels"),
        ("s.yaml", "- {[a]: b}\n", "a list or mapping is no name of a value"),
        ("s.yaml", "- ? {a: b}\n  : c\n", "a list or mapping is no name of a value"),
        ("s.yaml", "- !!python/name:os.system x\n", "tags (!) are not read"),
        ("s.yaml", "- {sample: A, path: a.h5ad}\n---\n- b\n", "a second document begins"),
        ("s.yaml", '- {sample: "\\ud800", path: a.h5ad}\n', "invalid Unicode character"),
        ("s.yaml", "[" + "a," * MILLION + "]", "more values than any such file needs"),
        ("s.yaml", "- a\n" * 30_000, "has 30000 rows - expected at most 20000"),
        ("s.json", "[" * MILLION, "nested deeper than 20 levels"),
        ("s.json", f"[{ENTRY % ('[' * 900 + ']' * 900)}]", "nested deeper than 20 levels"),
        ("s.json", '[{"sample": "\\ud800", "path": "a.h5ad"}]', "half a character"),
        ("s.json", '[{"\\udfff": 1}]', "half a character"),
        ("s.json", f"[{ENTRY % ('9' * MILLION)}]", "n_domains: '99999"),
        ("s.json", f"[{ENTRY % '1e999999999'}]", "n_domains: '1e999999999' - expected a whole number"),
        ("s.json", json.dumps([{f"n{i}": 1 for i in range(10_000)}]), "has 10000 columns"),
        ("s.csv", "sample,path\nA,\0\n", "line 2 holds the control character '\\x00'"),
        ("s.csv", "sample,path\nA,a.h5ad\n".encode("utf-16-le"), "line 1 holds the control character"),
        ("s.csv", "sample,path\nA,é\n".encode("latin-1"), "line 2 is not UTF-8 text - save the file as"),
        ("s.csv", b"\xff\xfes\0a", "line 1 is not UTF-16 text"),
        ("s.csv", "sample,path\nA," + "x" * 200_000, "line 2 is not a readable row (field larger than"),
        ("s.csv", "sample,path\nA," + "x" * 100_000, "row 2, column path: 'xxx"),
        ("s.csv", 'sample,path\nA,"a.h5ad\nB,b.h5ad\n', "line 2 is not a readable row"),
        ("s.csv", "," * MILLION, "is empty"),
        ("s.csv", ",".join(f"c{i}" for i in range(10_000)), "has 10000 columns - expected at most 500"),
        ("s.csv", "sample,path\n" + "A,a\n" * 30_000, "has 30000 rows - expected at most 20000"),
        ("s.csv", "n_domains_" * 12_000 + ",sample,path\nx,A,\n", "row 2, column path: empty"),
        ("s.csv", "a" * (MAX_BYTES + 1), "samplesheet is larger than 8 MB"),
    ],
)
def test_it_is_refused_in_one_line_within_five_seconds(tmp_path, schema, name, content, words):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    started = time.process_time()
    problems = read_samplesheet(path, schema, {}).problems
    assert time.process_time() - started < 5
    (problem,) = problems
    assert words in problem
    assert problem.isprintable()
    assert len(problem) < 400


@pytest.mark.parametrize("bad", [False, True])
def test_ten_thousand_rows_are_checked_within_five_seconds(tmp_path, schema, bad):
    cells = ["P'", "x", "-1", "vis"] if bad else ["P", "7", "10", "h5ad"]
    lines = [",".join([f"s{'/' if bad else ''}{i}", f"d/{i}.h5ad", *cells]) for i in range(10_000)]
    path = tmp_path / "sheet.csv"
    path.write_text("sample,path,patient,n_domains,min_counts,platform\n" + "\n".join(lines))
    started = time.process_time()
    sheet = read_samplesheet(path, schema, {})
    assert time.process_time() - started < 5
    assert len(sheet.rows) == 10_000
    assert len(sheet.problems) == (50_000 if bad else 0)
