"""Check a samplesheet as a whole: every problem at once, one line each, before any slice is touched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tissuegraph.io.platforms import PLATFORMS, POSITION_SUFFIXES, expected
from tissuegraph.io.tables import MISSING, is_table
from tissuegraph.io.text import listed
from tissuegraph.sheet.formats import read_entries
from tissuegraph.sheet.groups import complete_groups, group_notices, group_problems
from tissuegraph.sheet.roles import cohort_notices, cohort_problems, role_of, row_problems, wants_grid
from tissuegraph.sheet.schema import (
    LONGEST_NAME,
    checkers,
    expectation,
    nearest,
    show,
    spelling,
    typed,
    violations,
)

# Words for an empty cell, in any case: those for a missing label, as R writes them in any column.
EMPTY = MISSING | {"none", "null", "-"}
AS_WRITTEN = ("sample", "group")  # where 'none' may be a name, such as that of a treatment
_TREATMENT = ("condition", "none")  # likewise, in a column where other words for an empty cell are
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")

# Columns of the pipeline's own slices.csv, which may be the samplesheet of a next run, that look like
# misspellings of ours: n_genes is no min_genes.
RESULT_COLUMNS = re.compile(
    r"(n|median|mean|total|pct)_(spots|genes|counts|umis|mito|labels|labelled)(_\w+)?|(\w+_)?n_domains(_\w+)?"
)


@dataclass
class Samplesheet:
    """rows: typed values of every column of the schema, plus `row`, its number, and what
    `tissuegraph.sheet.groups.complete_groups` adds; a refused value is None.

    problems stop the run; notices do not. One line each.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def read_samplesheet(
    path: str | Path, schema: Mapping[str, Any], params: Mapping[str, Any] | None = None
) -> Samplesheet:
    """Read and check a CSV, TSV, YAML or JSON samplesheet against assets/schema_input.json.

    Roles, and what rows of a group give each other, are filled in. params: parameters of the run, for the
    rules that depend on them, see `cohort_problems` and `group_problems`; None leaves these out.
    Whether the files that it names exist is not asked: they may be out of reach, on another machine or
    in a bucket. Never raises for what a user wrote; see Samplesheet.problems.
    """
    entries = read_entries(Path(path))
    known = schema["items"]["properties"]
    columns = _columns(entries.columns, known)
    sheet = Samplesheet(problems=entries.problems + columns.problems)
    if columns.ignored:
        shown = [show(name)[1:-1] for name in columns.ignored]
        sheet.notices.append(f"samplesheet columns that are not used: {listed(shown, 20)}")

    required = [*schema["items"].get("required", [])]
    present = set(columns.meant.values())
    if "spot_spacing" not in present:  # without grids, every row needs a path
        required.append("path")
    absent = [name for name in required if entries.rows and name not in present]
    for name in absent:
        sheet.problems.append(
            f"samplesheet has no column '{name}' - {known[name]['errorMessage']} in each row"
        )
    rules = _Rules(known, checkers(known), [*schema["items"].get("required", [])], absent)
    for number, values in entries.rows:
        # A misspelt column is read as what it was meant for, so that one mistake gives one line.
        meant = {columns.meant[name]: value for name, value in values.items() if name in columns.meant}
        row, problems = _checked_row(number, _as_meant(meant, known, entries.decimal_comma), rules)
        sheet.rows.append(row)
        sheet.problems += problems
    for name in schema.get("uniqueEntries", []):
        sheet.problems += _repeated(sheet.rows, name)
    if not sheet.problems:  # a refused value would make these rules guess
        sheet.problems += group_problems(sheet.rows, params or {})
        sheet.problems += cohort_problems(sheet.rows, params) if params is not None else []
        sheet.notices += [*group_notices(sheet.rows), *cohort_notices(sheet.rows, params or {})]
    for row in sheet.rows:
        row["role"] = role_of(row)
    complete_groups(sheet.rows, params or {})
    return sheet


@dataclass
class _Columns:
    """meant: the sheet's names of known columns, to the known ones; ignored: its other names."""

    meant: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def _columns(names: list[str], known: Mapping[str, Any]) -> _Columns:
    """Known columns in any spelling (`N Domains`), and misspellings of known ones, which are problems."""
    columns = _Columns(meant={name: name for name in names if name in known})
    spelt = {spelling(name): name for name in known}
    for name in names:
        same = spelt.get(spelling(name)) if len(name) <= LONGEST_NAME else None
        if name in known or same is None:
            continue
        if same in columns.meant.values():
            columns.problems.append(
                f"samplesheet column {show(name)} is '{same}' once more - expected one of them"
            )
        columns.meant.setdefault(name, same)
    free = [name for name in known if name not in columns.meant.values()]
    for name in names:
        if name in columns.meant:
            continue
        meant = None if _is_result(name) else nearest(name, free)
        if meant is None:
            columns.ignored.append(name)
            continue
        columns.meant[name] = meant
        columns.problems.append(f"samplesheet column {show(name)} is unknown - did you mean '{meant}'?")
        free.remove(meant)
    return columns


def _is_result(name: str) -> bool:
    return len(name) <= LONGEST_NAME and RESULT_COLUMNS.fullmatch(name) is not None


def _as_meant(values: Mapping[str, Any], known: Mapping[str, Any], decimal_comma: bool) -> dict[str, Any]:
    """Values without what spreadsheets and R do to them: words for nothing, capitals, decimal commas."""
    return {name: _value_meant(name, value, known[name], decimal_comma) for name, value in values.items()}


def _value_meant(name: str, value: Any, rules: Mapping[str, Any], decimal_comma: bool) -> Any:
    if not isinstance(value, str):
        return value
    if value.lower() in EMPTY and name not in AS_WRITTEN and (name, value.lower()) != _TREATMENT:
        return None
    if decimal_comma and rules["type"] in ("number", "integer") and _DECIMAL_COMMA.fullmatch(value):
        return value.replace(",", ".")
    folded = value.lower()
    return folded if folded in rules.get("enum", ()) else value


@dataclass(frozen=True)
class _Rules:
    """What rows are held against. absent: required columns that the sheet lacks, reported once for all."""

    known: Mapping[str, Any]
    checks: Mapping[str, Any]
    required: list[str]
    absent: list[str]


def _checked_row(number: int, values: Mapping[str, Any], rules: _Rules) -> tuple[dict[str, Any], list[str]]:
    given = {name: values[name] for name in rules.known if values.get(name) is not None}
    row = {name: typed(value, rules.known[name]) for name, value in given.items()}
    wrong = dict(violations(row, rules.checks))
    problems = [_problem(number, name, given[name], expected) for name, expected in wrong.items()]
    for name in rules.required:
        if name not in given and name not in rules.absent:
            problems.append(_problem(number, name, None, expectation(rules.known[name])))
    row = {name: None if name in wrong else row.get(name) for name in rules.known} | {"row": number}
    problems += _path_problems(row) + _name_problems(row)
    if "path" not in rules.absent and "path" not in given and not wants_grid(row):
        problems.append(_problem(number, "path", None, expectation(rules.known["path"])))
    elif not problems:
        problems += [_problem(number, *found) for found in row_problems(row)]
    return row, problems


def _name_problems(row: Mapping[str, Any]) -> list[str]:
    """Files whose name a program would take for an option of its own."""
    annotation = row.get("annotation")
    paths = {name: row.get(name) for name in ("path", "image", "image_matrix")}
    paths["annotation"] = annotation if annotation and is_table(annotation) else None
    return [
        _problem(row["row"], name, path, "expected a file name that does not start with '-'; rename it")
        for name, path in paths.items()
        if path is not None and PurePosixPath(path).name.startswith("-")
    ]


def _path_problems(row: Mapping[str, Any]) -> list[str]:
    """What the name of a path tells without looking at the file."""
    path, platform, number = row.get("path"), row.get("platform"), row["row"]
    if path is None:
        return []
    suffix = PurePosixPath(path).suffix.lower()
    if platform is not None and not PLATFORMS[platform].fits(suffix):
        holds = PLATFORMS[platform].holds
        return [_problem(number, "path", path, f"expected {holds}, as the platform is {platform}")]
    if suffix == ".h5":
        return [_problem(number, "path", path, "expected the outs directory that holds this file")]
    if suffix in POSITION_SUFFIXES and (row.get("role") == "target" or row.get("image") is not None):
        return []  # positions of a slice whose expression is to be inferred
    if suffix in _OTHER_FORMATS:
        return [_problem(number, "path", path, f"expected {expected()}")]
    return []


_OTHER_FORMATS = {
    *(".csv", ".tsv", ".txt", ".mtx", ".gz", ".zip", ".tar", ".tgz", ".xlsx", ".json"),
    *(".rds", ".rdata", ".h5seurat", ".loom", ".png", ".jpg", ".tif", ".tiff"),
}


def _repeated(rows: list[dict[str, Any]], name: str) -> list[str]:
    first: dict[Any, int] = {}
    problems = []
    for row in rows:
        value = row.get(name)
        if value is None:
            continue
        if value in first:
            problems.append(
                _problem(row["row"], name, value, f"expected a unique value, row {first[value]} has the same")
            )
        first.setdefault(value, row["row"])
    return problems


def _problem(number: int, column: str, value: Any, expected: str) -> str:
    received = "empty" if value is None else show(value)
    return f"samplesheet row {number}, column {column}: {received} - {expected}"
