"""A user's table of ligands and receptors.

No list comes with the pipeline: the licences of the known ones differ from its own and from each other
(CellChatDB is GPL-3, OmniPath is of many sources with terms of their own, some not for commercial use), so
whoever uses one chooses it. Any table with the columns `ligand` and `receptor` is read; what else it holds is
left out. A complex is written as `A_B` or `A&B`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tissuegraph.errors import InputError
from tissuegraph.io.text import brief, read_text

LIGAND, RECEPTOR = "ligand", "receptor"
MOST_PAIRS = 50_000
LONGEST_NAME = 100
_DELIMITERS = ",\t;"
_EXPECTED = f"a header with {LIGAND} and {RECEPTOR} and one pair per line"
_JOINTS = re.compile(r"[_&]")


@dataclass(frozen=True)
class Pair:
    """A ligand and its receptor, each a gene or a complex, as the table has them."""

    ligand: str
    receptor: str


def parts_of(name: str) -> tuple[str, ...]:
    """The genes of a complex, `A_B` or `A&B`; of a gene itself."""
    return tuple(part.strip() for part in _JOINTS.split(name))


def read_pairs(path: Path) -> list[Pair]:
    """All pairs of a table (csv, tsv or semicolons; gzip or not), each once, in its order.

    Raises InputError that names the line and the column at fault.
    """
    name = f"table of pairs {path.name}"
    if not path.is_file():
        raise InputError(f"{name} does not exist; expected {_EXPECTED}")
    rows = _rows(read_text(path, name), name)
    if not rows:
        raise InputError(f"{name} is empty; expected {_EXPECTED}")
    columns = _columns(rows[0][1], name)
    pairs: dict[Pair, None] = {}
    for line, cells in rows[1:]:
        pairs[Pair(*(_gene(cells, columns[each], f"{name}: line {line}", each) for each in columns))] = None
        if len(pairs) > MOST_PAIRS:
            raise InputError(f"{name} holds more than {MOST_PAIRS:,} pairs; expected at most so many")
    if not pairs:
        raise InputError(f"{name} holds no pair; expected {_EXPECTED}")
    return list(pairs)


def _rows(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Lines that are not empty: their number and their cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    rows, line = [], 1
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{name}: line {line} is not readable ({error}); check its quotes") from error
    return rows


def _delimiter(text: str) -> str:
    """What parts the columns of the header: with it both are found, else that which it has most of."""
    first = re.split(r"[\r\n]+", text.lstrip("\r\n"), maxsplit=1)[0]

    def names(delimiter: str) -> set[str]:
        return {cell.strip().strip('"').casefold() for cell in first.split(delimiter)}

    return max(_DELIMITERS, key=lambda each: ({LIGAND, RECEPTOR} <= names(each), first.count(each)))


def _columns(header: Sequence[str], name: str) -> dict[str, int]:
    """Place of both columns."""
    names = [cell.casefold() for cell in header]
    for wanted in (LIGAND, RECEPTOR):
        if names.count(wanted) != 1:
            how = "no column" if wanted not in names else "two columns"
            raise InputError(
                f"{name}: its header {brief(','.join(header))!r} has {how} {wanted!r}; expected {_EXPECTED}"
            )
    return {wanted: names.index(wanted) for wanted in (LIGAND, RECEPTOR)}


def _gene(cells: Sequence[str], column: int, where: str, what: str) -> str:
    """A name in its cell."""
    value = cells[column] if column < len(cells) else ""
    if not value:
        raise InputError(f"{where}, column {what} is empty; expected a gene or a complex such as A_B")
    if len(value) > LONGEST_NAME or not value.isprintable() or not all(parts_of(value)):
        raise InputError(
            f"{where}, column {what} holds {brief(value)!r}; expected a gene of at most {LONGEST_NAME} "
            "letters, or a complex such as A_B"
        )
    return value
