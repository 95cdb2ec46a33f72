"""Conditions in the samplesheet: the patient is their unit, and what is not compared is said beforehand."""

import pytest

from tissuegraph.sheet.check import read_samplesheet

HEAD = "sample,path,group,patient,condition\n"


@pytest.fixture
def read(tmp_path, schema):
    def of_rows(*rows):
        path = tmp_path / "sheet.csv"
        path.write_text(HEAD + "".join(f"s{n},s{n}.h5ad,{row}\n" for n, row in enumerate(rows)))
        return read_samplesheet(path, schema)

    return of_rows


def test_sections_of_three_patients_a_side_are_compared_without_a_word(read):
    sheet = read(*(f"g,P{n},{'a' if n < 3 else 'b'}" for n in range(6)), "g,P0,a")
    assert (sheet.problems, sheet.notices) == ([], [])
    assert [row["condition"] for row in sheet.rows] == ["a"] * 3 + ["b"] * 3 + ["a"]


def test_a_condition_that_is_compared_needs_the_patient(read):
    (problem,) = read("g,P1,a", "g,,b").problems
    assert problem == (
        "samplesheet row 3, column patient: empty - expected the patient, as sections of one patient never "
        "count as replicates"
    )


def test_a_condition_that_is_compared_with_nothing_needs_no_patient(read):
    sheet = read("g,,a", "g,,a", ",,b")
    assert sheet.problems == []
    assert sheet.notices == [
        "rows with a condition and without a group: 4 - conditions are compared within a group only",
        "group 'g': every condition is 'a' - nothing is compared",
    ]


def test_a_patient_of_two_conditions_is_refused_as_nothing_is_paired(read):
    (problem,) = read("g,P1,a", "g,P2,b", "g,P1,b", "h,P1,b").problems
    assert problem.startswith("samplesheet row 4, column condition: 'b' - expected 'a' as in row 2")


def test_a_patient_of_two_spellings_is_refused_where_it_would_count_twice(read):
    sheet = read("g,P1,a", "g,p 1,a", "g,P2,b", "h,P1,a", "h,p1,a")
    assert sheet.problems == [
        "samplesheet row 3, column patient: 'p 1' - expected 'P1' as in row 2, or a name that differs "
        "by more than case and blanks"
    ]
    assert any("'P1', 'p1' differ by case" in line for line in read("h,P1,a", "h,p1,a").notices)


def test_rows_that_take_no_part_and_sides_that_are_too_small_are_noticed(read):
    sheet = read("g,P1,a", "g,P2,a", "g,P3,a", "g,P4,b", "g,P5,", "h,P1,")
    assert sheet.problems == []
    assert sheet.notices == [
        "group 'g': rows without a condition take no part in its comparison: 6",
        "group 'g': fewer than 3 patients are of the condition 'b' - its comparison is described, not tested",
    ]


def test_conditions_that_differ_in_spelling_only_are_noticed(read):
    sheet = read(*(f"g,P{n},{('treated', 'Treated')[n % 2]}" for n in range(6)))
    assert [line.partition(" differ")[0] for line in sheet.notices] == ["the conditions 'treated', 'Treated'"]


def test_none_is_a_condition_and_na_is_not(read):
    rows = read("g,P1,none", "g,P2,NA", "g,P3,drug").rows
    assert [row["condition"] for row in rows] == ["none", None, "drug"]
