"""Samplesheet files to plain entries: CSV and TSV tables, YAML and JSON lists."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tissuegraph.sheet.schema import show

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}


@dataclass
class Entries:
    """rows: (number as the user counts it, values by column); problems: one line each."""

    rows: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_entries(path: Path) -> Entries:
    """Read a samplesheet of any format; what cannot be read is among the problems.

    Values stay text, as written in the file: types are the schema's business. Rows of a table are
    numbered by their line in the file (the header is line 1), entries of a list from 1.
    """
    suffix = path.suffix.lower()
    if suffix not in _PARSERS:
        kind = f"the extension {show(path.suffix)}" if path.suffix else "no extension"
        return Entries(problems=[f"samplesheet {path.name} has {kind} - expected .csv, .tsv, .yaml or .json"])
    try:
        text = _decode(path.read_bytes())
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Entries(problems=[f"samplesheet line {line} is not UTF-8 text - save the file as UTF-8"])
    if not text.strip():
        return Entries(problems=["samplesheet is empty - expected a header line and one row per slice"])
    return _PARSERS[suffix](text)


def _decode(content: bytes) -> str:
    """UTF-8 with or without a byte-order mark; spreadsheets also save UTF-16, which has one."""
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def _table(delimiter: str) -> Callable[[str], Entries]:
    def parse(text: str) -> Entries:
        entries = Entries()
        try:
            lines = list(_numbered_lines(text, delimiter))
        except csv.Error as error:
            return Entries(problems=[f"samplesheet is not a readable table ({error}) - check its quotes"])
        if not lines:
            return Entries(problems=["samplesheet is empty - expected a header line and one row per slice"])
        header = [name.strip() for name in lines[0][1]]
        while header and not header[-1]:  # spreadsheets pad every line with empty cells
            header.pop()
        entries.problems += _header_problems(header, delimiter)
        for number, cells in lines[1:]:
            while len(cells) > len(header) and not cells[-1].strip():
                cells.pop()
            if len(cells) != len(header):
                entries.problems.append(
                    f"samplesheet row {number}: {len(cells)} values - expected {len(header)}, one per column "
                    f"of the header; a value that holds the separator needs quotes"
                )
                continue
            named = zip(header, cells, strict=True)
            entries.rows.append((number, {name: cell.strip() or None for name, cell in named if name}))
        if not entries.problems and not entries.rows:
            entries.problems.append("samplesheet has a header but no rows - expected one row per slice")
        # A table with the wrong separator has no columns to speak of: one finding says it all.
        wrong = any("separated by" in problem for problem in entries.problems)
        return Entries(problems=entries.problems[:1]) if wrong else entries

    return parse


def _numbered_lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Non-empty records with the number of the line on which each starts."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield start, cells
        start = reader.line_num + 1


def _header_problems(header: list[str], delimiter: str) -> list[str]:
    if len(header) == 1:
        found = [mark for mark in DELIMITERS if mark != delimiter and mark in header[0]]
        if found:
            return [
                f"samplesheet header is separated by {DELIMITERS[found[0]]} - expected "
                f"{DELIMITERS[delimiter]}; save it again as {'CSV' if delimiter == ',' else 'TSV'}"
            ]
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
    import yaml

    try:
        # BaseLoader leaves every value as it is written: 0123 and 1e3 may be names of slices.
        content = yaml.load(text, Loader=_text_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        why = getattr(error, "problem", None) or "cannot be parsed"
        return Entries(problems=[f"samplesheet{where} is not valid YAML: {' '.join(why.split())}"])
    return _list(content)


def _text_loader() -> type:
    import yaml

    class Loader(yaml.BaseLoader):
        """Plain text values, and no key twice in one entry."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
            keys = Counter(key.value for key, _ in node.value)
            twice = [key for key, count in keys.items() if count > 1]
            if twice:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{show(twice[0])} appears twice in one entry", node.start_mark
                )
            return super().construct_mapping(node, deep=deep)

    return Loader


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
        return Entries(problems=[f"samplesheet is not valid JSON: {error}"])
    return _list(content)


def _list(content: Any) -> Entries:
    if not isinstance(content, list):
        return Entries(
            problems=["samplesheet does not hold a list - expected a list with one entry per slice"]
        )
    if not content:
        return Entries(problems=["samplesheet is empty - expected a list with one entry per slice"])
    entries = Entries()
    for number, values in enumerate(content, start=1):
        if isinstance(values, dict):
            entries.rows.append((number, {str(key).strip(): _bare(value) for key, value in values.items()}))
        else:
            entries.problems.append(
                f"samplesheet row {number}: {show(values)} - expected columns with values, as sample: A"
            )
    return entries


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
