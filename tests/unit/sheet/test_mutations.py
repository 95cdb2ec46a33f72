"""Samplesheets damaged at random: rows or lines of what is wrong, never another exception or a wait."""

import json

import pytest
from helpers.mutations import at_most, mutated

from tissuegraph.sheet.check import read_samplesheet

FULL = {
    **{"sample": "s1", "path": "d/s1", "platform": "visium", "image": "he.tif", "role": "both"},
    **{"patient": "P1", "n_domains": "7", "group": "g", "annotation": "l.csv", "teaches": "true"},
    "max_mito": "20.5",
}
ROWS = [FULL | {"sample": f"s{n}"} for n in range(4)]
TABLE = "".join(",".join(cells) + "\n" for cells in [FULL, *(row.values() for row in ROWS)])
SHEETS = {
    "csv": TABLE,
    "tsv": TABLE.replace(",", "\t"),
    "json": json.dumps(ROWS, indent=1),
    "yaml": "".join("- " + "  ".join(f"{name}: {row[name]}\n" for name in row) for row in ROWS),
}
# Inputs that this test found to end in something else than rows and lines
FOUND = [
    ("tsv", b'sample\tpath\nA\t"x"y\n'),  # the csv module's message held a tab
    ("yaml", b"- sample: A\n  ? [a]\n  : b\n"),
    ("json", b'[{"sample": "A", "n_domains": ' + b"9" * 5000 + b"}]"),
]


@pytest.fixture(scope="session")
def schema(root):
    return json.loads((root / "assets" / "schema_input.json").read_text())


def check(path, content, schema):
    path.write_bytes(content)
    with at_most(10):
        sheet = read_samplesheet(
            path, schema, {"infer_expression": True, "evaluate": "lopo", "cohort": "joint"}
        )
    assert sheet.rows or sheet.problems
    for line in sheet.problems + sheet.notices:
        assert line.isprintable()
        assert len(line) < 1000
    str(sheet.rows).encode()  # no half characters, which no file takes


@pytest.mark.parametrize("suffix", SHEETS)
def test_a_damaged_sheet_gives_rows_or_lines(tmp_path, schema, suffix):
    for seed in range(400):
        content = mutated(SHEETS[suffix].encode(), seed)
        try:
            check(tmp_path / f"sheet.{suffix}", content, schema)
        except Exception as error:
            error.add_note(f"with seed {seed}: {content[:2000]!r}")
            raise


@pytest.mark.parametrize(("suffix", "content"), FOUND)
def test_what_once_failed_gives_rows_or_lines(tmp_path, schema, suffix, content):
    check(tmp_path / f"sheet.{suffix}", content, schema)


@pytest.mark.parametrize("suffix", SHEETS)
def test_the_sheets_are_good_before_they_are_damaged(tmp_path, schema, suffix):
    path = tmp_path / f"sheet.{suffix}"
    path.write_text(SHEETS[suffix])
    sheet = read_samplesheet(path, schema, {"infer_expression": True})
    assert (sheet.problems, len(sheet.rows)) == ([], 4)
