"""Samplesheet files to plain entries: CSV and TSV tables, YAML and JSON lists."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tissuegraph.presets.plain_files import MAX_DEPTH, Unreadable, parse_yaml, read_text
from tissuegraph.sheet.schema import show
from tissuegraph.sheet.tables import read_table

MAX_COLUMNS, MAX_ROWS = 500, 20_000
_HALF = re.compile("[\ud800-\udfff]")


@dataclass
class Entries:
    """rows: (number as the user counts it, values by column); problems: one line each.

    decimal_comma: whether 12,5 means 12.5, as in tables of semicolons that spreadsheets write.
    """

    rows: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    decimal_comma: bool = False

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for _, values in self.rows for name in values))


def read_entries(path: Path) -> Entries:
    """Read a samplesheet of any format; what cannot be read is among the problems.

    Values stay text, as written in the file: types are the schema's business. Rows of a table are
    numbered by their line in the file (the header is line 1), entries of a list from 1.
    """
    suffix = path.suffix.lower()
    if suffix not in _PARSERS:
        kind = f"the extension {show(path.suffix)}" if path.suffix else "no extension"
        name = show(path.name)[1:-1]
        return Entries(problems=[f"samplesheet {name} has {kind} - expected .csv, .tsv, .yaml or .json"])
    try:
        text = read_text(path)
        if not text.strip():
            raise Unreadable("is empty - expected a header line and one row per slice")
        entries = _PARSERS[suffix](text)
    except Unreadable as error:
        return Entries(problems=[f"samplesheet {error}"])
    return entries


def _refuse_giants(rows: int, columns: int) -> None:
    if rows > MAX_ROWS:
        raise Unreadable(f"has {rows} rows - expected at most {MAX_ROWS}, one per slice")
    if columns > MAX_COLUMNS:
        raise Unreadable(f"has {columns} columns - expected at most {MAX_COLUMNS}")


def _table(delimiter: str) -> Callable[[str], Entries]:
    def parse(text: str) -> Entries:
        table = read_table(text, delimiter)
        _refuse_giants(len(table.rows), len(table.header))
        problems = _header_problems(table.header)
        rows = []
        for number, cells in table.rows:
            if len(cells) == len(table.header):
                named = zip(table.header, cells, strict=True)
                rows.append((number, {name: cell or None for name, cell in named if name}))
            else:
                problems.append(
                    f"samplesheet row {number}: {len(cells)} values - expected {len(table.header)}, one per "
                    f"column of the header; a value that holds the separator needs quotes"
                )
        if not table.rows:
            problems.append("samplesheet has a header but no rows - expected one row per slice")
        return Entries(rows, problems, decimal_comma=table.delimiter == ";")

    return parse


def _header_problems(header: list[str]) -> list[str]:
    problems = [
        f"samplesheet header: column {position} has no name - expected a name, or no such column"
        for position, name in enumerate(header, start=1)
        if not name
    ]
    for name, count in Counter(filter(None, header)).items():
        if count > 1:
            problems.append(f"samplesheet header: column {show(name)} appears {count} times - expected once")
    return problems


def _yaml(text: str) -> Entries:
    # Values stay as they are written: 0123 and 1e3 may be names of slices.
    return _list(parse_yaml(text, value=str))


def _json(text: str) -> Entries:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        if twice:
            raise ValueError(f"{show(twice[0])} appears twice in one entry")
        return dict(pairs)

    try:
        content = json.loads(
            text, object_pairs_hook=unique, parse_int=str, parse_float=str, parse_constant=str
        )
    except ValueError as error:
        raise Unreadable(f"is not valid JSON: {error}") from error
    except RecursionError as error:
        raise Unreadable(f"is nested deeper than {MAX_DEPTH} levels - expected a list of entries") from error
    return _list(content)


def _list(content: Any) -> Entries:
    _refuse_what_cannot_be_shown(content)
    if not isinstance(content, list):
        raise Unreadable("does not hold a list - expected a list with one entry per slice")
    if not content:
        raise Unreadable("is empty - expected a list with one entry per slice")
    names = {name for values in content if isinstance(values, dict) for name in values}
    _refuse_giants(len(content), len(names))
    entries = Entries()
    for number, values in enumerate(content, start=1):
        if isinstance(values, dict):
            row = {name.strip(): _bare(value) for name, value in values.items()}
            if len(row) < len(values):
                entries.problems.append(
                    f"samplesheet row {number}: two columns differ in blanks only - expected one of them"
                )
            entries.rows.append((number, row))
        else:
            entries.problems.append(
                f"samplesheet row {number}: {show(values)} - expected columns with values, as sample: A"
            )
    return entries


def _refuse_what_cannot_be_shown(content: Any) -> None:
    """Raises Unreadable for what would end messages and results later: depth, and halves of characters."""
    level = [content]
    for _ in range(MAX_DEPTH + 1):
        texts = [value for value in level if isinstance(value, str)]
        texts += [key for value in level if isinstance(value, dict) for key in value]
        if any(map(_HALF.search, texts)):
            raise Unreadable("holds half a character (\\ud800 to \\udfff) - expected text")
        inner = [value.values() if isinstance(value, dict) else value for value in level if _holds(value)]
        level = [value for values in inner for value in values]
        if not level:
            return
    raise Unreadable(f"is nested deeper than {MAX_DEPTH} levels - expected a list of entries")


def _holds(value: Any) -> bool:
    return isinstance(value, list | dict)


def _bare(value: Any) -> Any:
    """Text without the blanks around it; the ways to write nothing become None."""
    if isinstance(value, str):
        value = value.strip()
        return None if value in ("", "~", "null") else value
    return value


_PARSERS: dict[str, Callable[[str], Entries]] = {
    ".csv": _table(","),
    ".tsv": _table("\t"),
    ".yaml": _yaml,
    ".yml": _yaml,
    ".json": _json,
}
