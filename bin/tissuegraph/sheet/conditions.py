"""Conditions of the samplesheet, which are compared within a group with the patient as unit.

Every finding is one line that names row and column, in the form of `tissuegraph.sheet.check`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tissuegraph.io.text import plain
from tissuegraph.sheet.roles import Row, problem_line
from tissuegraph.sheet.schema import show

LEAST_PATIENTS = 3  # of a condition, to be tested against another one


def condition_problems(groups: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Rows of groups of two conditions or more whose patient is not known, is of another condition too, or is
    spelt in two ways: each spelling would count as one more replicate.
    """
    for members in groups.values():
        given = [row for row in members if row.get("condition") is not None]
        if len({row["condition"] for row in given}) < 2:
            continue
        first: dict[str, Row] = {}
        for row in given:
            if row.get("patient") is None:
                expected = "expected the patient, as sections of one patient never count as replicates"
                yield problem_line(row, "patient", None, expected)
                continue
            other = first.setdefault(plain(row["patient"]), row)
            if other["patient"] != row["patient"]:
                same = f"expected {show(other['patient'])} as in row {other['row']}"
                expected = f"{same}, or a name that differs by more than case and blanks"
                yield problem_line(row, "patient", row["patient"], expected)
            elif other["condition"] != row["condition"]:
                yield problem_line(
                    row,
                    "condition",
                    row["condition"],
                    f"expected {show(other['condition'])} as in row {other['row']} of the same patient, as "
                    "each patient counts once and no paired comparison is made; or nothing, to leave the row "
                    "out of the comparison",
                )


def condition_notices(rows: Sequence[Row], groups: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Conditions that are not compared, or only described, and rows that take no part."""
    alone = [str(row["row"]) for row in rows if row.get("condition") is not None and row.get("group") is None]
    if alone:
        yield (
            f"rows with a condition and without a group: {', '.join(alone)} - conditions are compared within "
            "a group only"
        )
    for group, members in groups.items():
        given = [row for row in members if row.get("condition") is not None]
        patients: dict[str, set[str | None]] = {}
        for row in given:
            patients.setdefault(row["condition"], set()).add(row.get("patient"))
        yield from spelt_apart("conditions", list(patients))
        if len(patients) == 1:
            only = show(next(iter(patients)))
            yield f"group {show(group)}: every condition is {only} - nothing is compared"
        if len(patients) < 2:
            continue
        left_out = [str(row["row"]) for row in members if row.get("condition") is None]
        if left_out:
            yield (
                f"group {show(group)}: rows without a condition take no part in its comparison: "
                f"{', '.join(left_out)}"
            )
        few = [name for name, whose in patients.items() if len(whose) < LEAST_PATIENTS]
        if few:
            yield (
                f"group {show(group)}: fewer than {LEAST_PATIENTS} patients are of the condition "
                f"{', '.join(map(show, few))} - its comparison is described, not tested"
            )


def spelt_apart(what: str, names: Sequence[str]) -> Iterator[str]:
    """One line per set of names that differ by case, blanks or the encoding of a letter only."""
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(plain(name), []).append(name)
    for found in alike.values():
        if len(found) > 1:
            yield (
                f"the {what} {', '.join(map(show, found))} differ by case, blanks or the encoding of a "
                f"letter only and count as {len(found)}; spell them alike if they are one"
            )
