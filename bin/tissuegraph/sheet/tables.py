"""Tables of text as spreadsheets save them, and the cells that a spreadsheet would take for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tissuegraph.presets.plain_files import Unreadable

DELIMITERS = (",", "\t", ";", "|")
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_SEP = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # first line by which Excel tells its separator


@dataclass
class Table:
    """header: names without blanks around them; rows: (line in the file, cells); cells are text."""

    header: list[str]
    rows: list[tuple[int, list[str]]]
    delimiter: str


def read_table(text: str, delimiter: str) -> Table:
    """Read a table whose first line that is not empty holds names of columns.

    delimiter: what the file's ending promises; where the header has none, the one that it has most of.
    Empty lines, and empty cells at the end of all lines, are left out. Raises Unreadable.
    """
    told, line = _SEP.match(text), 1
    if told:
        text, delimiter, line = text[told.end() :], told[1], 2
    else:
        delimiter = _delimiter_of(text, delimiter)
    lines = list(_records(text, delimiter, line))
    if not lines:
        raise Unreadable("is empty - expected a header line and one row per slice")
    header = lines[0][1]
    while not header[-1]:  # spreadsheets pad every line with empty cells
        header.pop()
    for _, cells in lines[1:]:
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
    return Table(header, lines[1:], delimiter)


def _delimiter_of(text: str, promised: str) -> str:
    header = re.split(r"[\r\n]+", text.lstrip("\r\n"), maxsplit=1)[0]
    unquoted = re.sub(r'"[^"]*"', "", header)
    return promised if promised in unquoted else max((promised, *DELIMITERS), key=unquoted.count)


def _records(text: str, delimiter: str, line: int) -> Iterator[tuple[int, list[str]]]:
    """Records that are not empty, with the line on which each starts; line: the number of the first one."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = line
    try:
        for cells in reader:
            cells = [without_guard(cell.strip()) for cell in cells]
            if any(cells):
                yield start, cells
            start = line + reader.line_num
    except csv.Error as error:
        why = " ".join(str(error).split())
        raise Unreadable(f"line {start} is not a readable row ({why}) - check its quotes") from error


def guarded(text: str) -> str:
    """Text for a cell of a table; an apostrophe marks as text what a spreadsheet would run as a formula.

    Text that looks as if it were marked already gets a mark too, so that each text has a cell of its own.
    """
    starts = text.lstrip().startswith(FORMULA) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if starts or (text[:1] == "'" and guarded(text[1:]) == text) else text


def without_guard(cell: str) -> str:
    """The text that `guarded` made the cell of."""
    return cell[1:] if cell[:1] == "'" and guarded(cell[1:]) == cell else cell
