"""Agreement of sections, and which stand out by what."""

from pathlib import Path

import numpy as np
import pytest

from tissuegraph.characterise.replicates import agreement, distances, section_table
from tissuegraph.characterise.sections import Group, Section
from tissuegraph.cohorts.design import Member


def group_of(*who, depth=None):
    sections = tuple(
        Section(
            member=Member(sample=f"s{i}", patient=patient, condition=condition),
            path=Path(),
            codes=np.zeros(1, dtype=int),
            depth=1000.0 if depth is None else depth[i],
        )
        for i, (patient, condition) in enumerate(who)
    )
    return Group(by="domain", names=("1", "2"), places=(0, 1), sections=sections)


def test_the_distance_is_that_of_centred_log_ratios():
    counts = np.array([[99.5, 99.5], [149.5, 49.5]])  # with half a spot more: 1 to 1, and 3 to 1
    assert distances(counts)[0, 1] == pytest.approx(np.log(3) / np.sqrt(2))


def test_sections_are_compared_within_a_patient_within_a_condition_and_between_conditions():
    group = group_of(("P1", "a"), ("P1", "a"), ("P2", "a"), ("P3", "b"))
    apart = np.array([[0, 1, 4, 7], [1, 0, 6, 9], [4, 6, 0, 8], [7, 9, 8, 0]], dtype=float)
    found = agreement(apart, group)
    assert (found.one_patient, found.one_condition, found.two_conditions) == (1, 5, 8)
    counts = np.full((4, 2), 10)
    table = section_table(counts, apart, group)
    assert table["distance_same_patient"].iloc[:2].tolist() == [1, 1]
    assert table["distance_same_patient"].iloc[2:].isna().all()
    assert table["distance_other_patients"].tolist() == [5.5, 7.5, 6, 8]


def test_sections_of_unknown_patients_are_in_no_mean():
    found = agreement(np.ones((3, 3)), group_of((None, None), (None, None), ("P1", None)))
    assert (found.one_patient, found.one_condition, found.two_conditions) == (None, None, None)


def test_a_section_stands_out_by_the_domain_that_differs_and_by_its_depth():
    counts = np.array([[50, 50], [52, 48], [49, 51], [51, 49], [90, 10]])
    group = group_of(*((f"P{i}", "a") for i in range(5)), depth=[1000, 1010, 990, 100, 1000])
    reasons = section_table(counts, distances(counts), group)["stands_out"].tolist()
    assert reasons[:3] == ["", "", ""]
    assert reasons[3] == "it has fewer counts than the others"
    assert reasons[4] == "1 takes 90% of its spots, 51% in the median section"


def test_a_condition_that_differs_does_not_make_its_sections_stand_out():
    counts = np.array([[50, 50]] * 4 + [[90, 10]] * 4)
    group = group_of(*((f"P{i}", "ab"[i // 4]) for i in range(8)))
    assert (section_table(counts, distances(counts), group)["stands_out"] == "").all()


def test_a_section_without_a_condition_does_not_mix_the_conditions_of_the_others():
    counts = np.array([[50, 50]] * 6 + [[90, 10]] * 4 + [[50, 50]])
    who = [(f"P{i}", "a" if i < 6 else "b") for i in range(10)]
    table = section_table(counts, distances(counts), group_of(*who, ("P10", None)))
    assert (table["stands_out"] == "").all()
    assert table["composition_z"].notna().all()
