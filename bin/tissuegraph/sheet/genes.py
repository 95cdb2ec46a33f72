"""The genes that a user asks for: a list in the parameter itself, or a file with one gene per line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tissuegraph.errors import InputError
from tissuegraph.sheet.schema import show

MOST_GENES = 5000
FILE_ENDINGS = (".txt", ".csv", ".tsv")
_MOST_BYTES = 1_000_000  # no list of so many genes is longer
_LONGEST_NAME = 100
_PLACE = re.compile(r"^(~?/|\.\.?/)|://|\\")  # what can only be a path
_EXPECTED = f"names joined by commas, or a file that ends in {', '.join(FILE_ENDINGS)} with one gene per line"


def is_file_name(text: str) -> bool:
    """Whether the parameter names a file; a symbol may hold dots and strokes, but has no such ending."""
    return text.strip().lower().endswith(FILE_ENDINGS)


def asked_genes(text: str, file: Path | None) -> tuple[list[str], list[str]]:
    """Symbols or identifiers, each once, in their order, and one line per problem (then none is returned).

    text: the parameter --genes; file: its file where it names one that is there.
    """
    try:
        genes = _of_file(file) if is_file_name(text) else _of_list(text)
        if not genes:
            raise InputError(f"names no gene - expected {_EXPECTED}")
        if len(genes) > MOST_GENES:
            raise InputError(f"names {len(genes):,} genes - expected at most {MOST_GENES:,}")
    except InputError as error:
        return [], [f"parameter --genes: {show(text)} {error}"]
    return genes, []


def _of_list(text: str) -> list[str]:
    if _PLACE.search(text.strip()):
        raise InputError(f"looks like a path - expected {_EXPECTED}")
    names = [name.strip() for name in text.split(",")]
    return _checked([(f"holds {show(name)}", name) for name in names])


def _of_file(file: Path | None) -> list[str]:
    if file is None or not file.exists():
        raise InputError("- expected an existing file; relative paths start where the run is launched")
    if not file.is_file():
        raise InputError("is a directory - expected a file with one gene per line")
    if file.stat().st_size > _MOST_BYTES:
        raise InputError(f"is larger than 1 MB - expected at most {MOST_GENES:,} genes, one per line")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read - expected UTF-8 text with one gene per line") from error
    names = [(number, line.strip().strip('"').strip()) for number, line in enumerate(lines, start=1)]
    return _checked([(f"line {number}: {show(name)}", name) for number, name in names])


def _checked(found: Sequence[tuple[str, str]]) -> list[str]:
    """Names that are one gene each, without repeats and blanks. found: what a message shows, and the name."""
    for shown, name in found:
        if len(name) > _LONGEST_NAME or not name.isprintable() or re.search(r"[\s,;]", name):
            raise InputError(
                f"{shown} - expected the symbol or identifier of one gene, of at most {_LONGEST_NAME} letters"
            )
    return list(dict.fromkeys(name for _, name in found if name))
