"""Groups of the samplesheet, each of which is a cohort: their ids, numbers of domains, and who teaches whom.

Every finding is one line that names row and column, in the form of `tissuegraph.sheet.check`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tissuegraph.sheet.conditions import condition_notices, condition_problems, spelt_apart
from tissuegraph.sheet.roles import TARGET, Row, problem_line, role_of
from tissuegraph.sheet.schema import show

UNGROUPED = "ungrouped"  # stands for the group of rows without one in OUTDIR/models
MATCHED, JOINT, OFF = "matched", "joint", "off"  # values of --cohort
FROM_ROW, FROM_GROUP = "row", "group"  # where a row's number of domains stands
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def group_id(group: str | None) -> str | None:
    """The group's name in paths and in a shell: `lung, left` is `lung__left`; None without a group."""
    if group is None:
        return None
    return re.sub(r"^[.-]", "_", _UNSAFE.sub("_", group))


def complete_groups(rows: Sequence[dict[str, Any]], params: Mapping[str, Any]) -> None:
    """Fill in what rows leave open (inplace): `teaches`, `group_id`, `n_domains` and `n_domains_from`.

    Where all numbers of domains given in a group agree, its other rows get the number. Without cohorts
    (--cohort off) each row stands alone.
    """
    for row in rows:
        row["teaches"] = bool(row.get("teaches"))
        row["group_id"] = group_id(row.get("group"))
        row["n_domains_from"] = FROM_ROW if row.get("n_domains") is not None else None
    if params.get("cohort", MATCHED) == OFF:
        return
    for members in _groups(rows).values():
        given = {row["n_domains"] for row in members if row["n_domains_from"]}
        for row in members:
            if len(given) == 1 and not row["n_domains_from"]:
                row |= {"n_domains": next(iter(given)), "n_domains_from": FROM_GROUP}


def group_problems(rows: Sequence[Row], params: Mapping[str, Any]) -> list[str]:
    """What rows of a group, and rows with --cohort and --region_model, cannot mean together."""
    problems = [*_shared_ids(rows), *_teaching_problems(rows), *condition_problems(_groups(rows))]
    if params.get("cohort") == JOINT:
        problems += _contradictions(rows)
    if params.get("infer_expression"):
        problems += _named_like_none(rows)
    teacher = next((row for row in rows if row.get("teaches")), None)
    if params.get("region_model") and teacher:
        problems.append(
            f"parameter --region_model: {show(params['region_model'])} - expected no row that teaches, but "
            f"row {teacher['row']} does; regions are named by a model or by the sheet's own teachers"
        )
    return problems


def group_notices(rows: Sequence[Row]) -> list[str]:
    """What is allowed but may not be meant: a group in which every row teaches has nobody to learn; groups,
    or patients of a group, that differ in spelling only are two.
    """
    groups = _groups(rows)
    alone = [
        f"group {show(group)}: every row teaches - no other row is left whose regions would be named"
        for group, members in groups.items()
        if all(row.get("teaches") for row in members)
    ]
    patients = {
        group: [row["patient"] for row in members if row.get("patient") is not None]
        for group, members in groups.items()
    }
    return [
        *spelt_apart("groups", list(groups)),
        *(line for found in patients.values() for line in spelt_apart("patients", found)),
        *condition_notices(rows, groups),
        *alone,
    ]


def _shared_ids(rows: Sequence[Row]) -> Iterator[str]:
    """One line per group whose id is that of another one before it."""
    first: dict[str, Row] = {}
    told: set[str] = set()
    for row in rows:
        group, name = row.get("group"), group_id(row.get("group"))
        if name is None:
            continue
        other = first.setdefault(name, row)
        if other["group"] != group and group not in told:
            told.add(group)
            yield problem_line(
                row,
                "group",
                group,
                f"expected a name that differs from {show(other['group'])} of row {other['row']} by more "
                f"than blanks, accents and signs: both are {show(name)} in the names of files",
            )


def _named_like_none(rows: Sequence[Row]) -> Iterator[str]:
    """A group of the name under which the model of rows without a group is kept, beside such rows."""
    alone = next((row for row in rows if row.get("group") is None), None)
    named = next((row for row in rows if group_id(row.get("group")) == UNGROUPED), None)
    if alone and named:
        why = f"as the model of rows without a group, such as row {alone['row']}, is kept as {UNGROUPED!r}"
        yield problem_line(named, "group", named["group"], f"expected another name, {why}")


def _teaching_problems(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if not row.get("teaches"):
            continue
        if row.get("annotation") is None:
            yield problem_line(row, "annotation", None, "expected the annotation, as the row teaches")
        if row.get("group") is None:
            yield problem_line(row, "group", None, "expected the group whose other rows this row teaches")
        if role_of(row) == TARGET:
            expected = "expected false, as only a slice with counts can teach and the row's role is target"
            yield problem_line(row, "teaches", True, expected)


def _contradictions(rows: Sequence[Row]) -> Iterator[str]:
    """One line per group whose rows give different numbers of domains."""
    for group, members in _groups(rows).items():
        given = [row for row in members if row.get("n_domains") is not None]
        for row in given:
            first = given[0]
            if row["n_domains"] != first["n_domains"]:
                yield problem_line(
                    row,
                    "n_domains",
                    row["n_domains"],
                    f"expected {first['n_domains']} as in row {first['row']}, as --cohort joint finds one "
                    f"set of domains for the group {show(group)}",
                )
                break


def _groups(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Rows by group; rows without one stand alone and are in none."""
    groups: dict[str, list[Any]] = {}
    for row in rows:
        if row.get("group") is not None:
            groups.setdefault(row["group"], []).append(row)
    return groups
