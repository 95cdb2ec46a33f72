"""Check a samplesheet as a whole: every problem at once, one line each, before any slice is touched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tissuegraph.io.platforms import PLATFORMS, POSITION_SUFFIXES, expected
from tissuegraph.sheet.formats import read_entries
from tissuegraph.sheet.roles import cohort_problems, role_of, row_problems, wants_grid
from tissuegraph.sheet.schema import nearest, show, typed, violations

# Columns of the pipeline's own slices.csv, which may be the samplesheet of a next run, that look like
# misspellings of ours: n_genes is no min_genes.
RESULT_COLUMNS = re.compile(
    r"(n|median|mean|total|pct)_(spots|genes|counts|umis|mito|labels|labelled)(_\w+)?|(\w+_)?n_domains(_\w+)?"
)


@dataclass
class Samplesheet:
    """rows: typed values of every column of the schema, plus 'row'; a refused value is None.

    problems stop the run; notices do not. One line each.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def read_samplesheet(
    path: str | Path, schema: Mapping[str, Any], params: Mapping[str, Any] | None = None
) -> Samplesheet:
    """Read and check a CSV, TSV, YAML or JSON samplesheet against assets/schema_input.json.

    Roles that the sheet leaves open are filled in. params: parameters of the run, for the rules that
    depend on them (see tissuegraph.sheet.roles.cohort_problems); None leaves these rules out.
    Whether the files that it names exist is not asked: they may be out of reach, on another machine or
    in a bucket. Never raises for what a user wrote; see Samplesheet.problems.
    """
    entries = read_entries(Path(path))
    sheet = Samplesheet(problems=list(entries.problems))
    columns = list(dict.fromkeys(name for _, values in entries.rows for name in values))
    known = schema["items"]["properties"]
    misspelt = _misspelt(columns, known)
    for name, meant in misspelt.items():
        sheet.problems.append(f"samplesheet column {show(name)} is unknown - did you mean '{meant}'?")
    ignored = [name for name in columns if name not in known and name not in misspelt]
    if ignored:
        sheet.notices.append(f"samplesheet columns that are not used: {', '.join(ignored)}")

    required = [*schema["items"].get("required", [])]
    if "spot_spacing" not in columns:  # without grids, every row needs a path
        required.append("path")
    present = {misspelt.get(name, name) for name in columns}
    absent = [name for name in required if entries.rows and name not in present]
    for name in absent:
        sheet.problems.append(
            f"samplesheet has no column '{name}' - {known[name]['errorMessage']} in each row"
        )
    for number, values in entries.rows:
        # A misspelt column is read as what it was meant for, so that one mistake gives one line.
        meant = {misspelt.get(name, name): value for name, value in values.items()}
        row, problems = _checked_row(number, meant, schema["items"], absent)
        sheet.rows.append(row)
        sheet.problems += problems
    for name in schema.get("uniqueEntries", []):
        sheet.problems += _repeated(sheet.rows, name)
    if params is not None and not sheet.problems:  # a refused value would make these rules guess
        sheet.problems += cohort_problems(sheet.rows, params)
    for row in sheet.rows:
        row["role"] = role_of(row)
    return sheet


def _misspelt(columns: list[str], known: Mapping[str, Any]) -> dict[str, str]:
    """Unknown columns that are close to a known one which the sheet does not have."""
    free = [name for name in known if name not in columns]
    found = {}
    for name in columns:
        if name in known or RESULT_COLUMNS.fullmatch(name):
            continue
        meant = nearest(name, free)
        if meant is not None:
            found[name] = meant
            free.remove(meant)
    return found


def _checked_row(
    number: int, values: Mapping[str, Any], schema: Mapping[str, Any], absent: list[str]
) -> tuple[dict[str, Any], list[str]]:
    known = schema["properties"]
    given = {name: values[name] for name in known if values.get(name) is not None}
    row = {name: typed(value, known[name]) for name, value in given.items()}
    wrong = {name: given[name] for name, _ in violations(row, schema)}
    problems = [_problem(number, name, given[name], known[name]["errorMessage"]) for name in wrong]
    for name in schema.get("required", []):
        if name not in given and name not in absent:
            problems.append(_problem(number, name, None, known[name]["errorMessage"]))
    row = {name: None if name in wrong else row.get(name) for name in known} | {"row": number}
    problems += _path_problems(row)
    if "path" not in absent and "path" not in given and not wants_grid(row):
        problems.append(_problem(number, "path", None, known["path"]["errorMessage"]))
    elif not problems:
        problems += [_problem(number, *found) for found in row_problems(row)]
    return row, problems


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
    *(".rds", ".rdata", ".h5seurat", ".loom", ".zarr", ".png", ".jpg", ".tif", ".tiff"),
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
