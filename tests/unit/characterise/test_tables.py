"""Tables of what was found come back as they were, and run nothing in a spreadsheet."""

import numpy as np
import pandas as pd
import pytest

from tissuegraph.characterise.tables import read_csv, write_csv

NAMES = [
    "=1+1",
    "'=1+1",
    "''=1+1",
    "-x",
    "+y",
    "@z",
    "NA",
    "nan",
    "1",
    "1.0",
    "a,b",
    '"q"',
    "it's",
    "'-",
    "'",
]


def test_names_come_back_as_they_were(tmp_path):
    table = pd.DataFrame({"domain": NAMES, "gene": NAMES[::-1], "overlap": NAMES, "rank": range(len(NAMES))})
    write_csv(table, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv"), table)


@pytest.mark.parametrize("others", [[None, np.nan], ["b"], [1.5]])
def test_a_cell_that_would_be_a_formula_is_text_whatever_else_its_column_holds(tmp_path, others):
    write_csv(pd.DataFrame({"patient": ["=A1", *others]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[1] == "'=A1"


def test_names_of_columns_are_guarded_and_come_back(tmp_path):
    write_csv(pd.DataFrame({"gene": ["NA"], "=WM": [0.5], "-1": [2.0]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[0] == "gene,'=WM,'-1"
    assert read_csv(tmp_path / "t.csv", ("gene",)).columns.tolist() == ["gene", "=WM", "-1"]
