"""Domains that are not tested between conditions: described, and named with the reason in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tissuegraph.characterise.differential import differential_table
from tissuegraph.characterise.pseudobulk import Pseudobulk
from tissuegraph.characterise.sections import Section
from tissuegraph.cohorts.design import Member, Pair
from tissuegraph.records import Record


def test_domains_that_cannot_be_tested_are_one_line_with_the_reason_of_each():
    patients = tuple(f"P{number}" for number in range(6))
    sections = [
        Section(
            member=Member(sample=name, patient=name, condition="a" if number < 3 else "b"),
            path=Path(name), codes=np.zeros(0, dtype=int), depth=1.0,
        )
        for number, name in enumerate(patients)
    ]  # fmt: skip
    counts = np.full((6, 2, 12), 50)
    counts[:, 1, 4:] = 0  # `poor` has four genes
    spots = np.full((6, 2), 30)
    spots[[0, 3, 4], 0] = 9  # `few` is large enough in two patients, and in one
    bulk = Pseudobulk(
        patients=patients, genes=np.array([f"g{n}" for n in range(12)]), counts=counts, spots=spots
    )
    pair = Pair(a="a", b="b", patients_a=patients[:3], patients_b=patients[3:])
    record = Record("group:g", "differential")
    table = differential_table(record, bulk, ["few", "poor"], sections, [pair])
    assert record.notes == [
        "b against a: described, not tested, in few (1 and 2 patients with 10 spots and a count there), poor "
        "(fewer than 10 genes with counts enough)"
    ]
    assert set(table["domain"]) == {"few", "poor"}
    assert table["p_value"].isna().all()
