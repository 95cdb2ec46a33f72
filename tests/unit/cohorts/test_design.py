"""Who is compared with whom: patients count once, and controls come first."""

import json

import pytest

from tissuegraph.cohorts.design import Member, levels_in_order, pairs_of, read_design
from tissuegraph.errors import InputError


def member(sample, patient, condition):
    return Member(sample=sample, patient=patient, condition=condition)


def test_the_condition_that_is_called_like_a_control_comes_first_else_the_letters_decide():
    assert levels_in_order(["aged", "Control"]) == ["Control", "aged"]
    assert levels_in_order(["A", "Wild-Type"]) == ["Wild-Type", "A"]
    assert levels_in_order(["young", "old", "middle"]) == ["middle", "old", "young"]


def test_sections_of_one_patient_count_once_and_rows_without_a_condition_not_at_all():
    members = [member("s1", "P1", "a"), member("s2", "P1", "a"), member("s3", "P2", "b")]
    (pair,) = pairs_of([*members, member("s4", "P3", None), member("s5", None, "b")])
    assert (pair.a, pair.b, pair.patients_a, pair.patients_b) == ("a", "b", ("P1",), ("P2",))
    assert not pair.tested
    assert "1 and 1 patients and a test needs 3 of each" in pair.why_not()


def test_three_patients_a_side_are_tested_and_three_conditions_are_three_pairs():
    members = [member(f"{c}{n}", f"{c}{n}", c) for c in "abc" for n in range(3)]
    pairs = pairs_of(members)
    assert [(pair.a, pair.b) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(pair.tested for pair in pairs)


def test_a_patient_of_two_conditions_is_refused(tmp_path):
    rows = [{"sample": s, "patient": "P1", "condition": c} for s, c in (("s1", "a"), ("s2", "b"))]
    (tmp_path / "design.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match="patient 'P1' is of the conditions 'a' and 'b'"):
        read_design(tmp_path / "design.json")
