"""Sets of genes in the GMT format: a line per set, of its name, a description and its genes, all by tabs."""

from __future__ import annotations

import re
from pathlib import Path

from tissuegraph.errors import InputError
from tissuegraph.io.text import brief, read_text

_EXPECTED = "a name, a description and at least one gene, separated by tabs"


def read_gene_sets(path: Path, name: str | None = None) -> dict[str, tuple[str, ...]]:
    """Name of each set -> its genes as they are written, each once; gzip or not.

    name: how messages call the file. Raises InputError with the line for what is no set, and for a second
    set of the same name.
    """
    name = name or path.name
    found: dict[str, tuple[str, ...]] = {}
    lines: dict[str, int] = {}
    # (no splitlines: descriptions hold what only Unicode takes for the end of a line)
    for number, line in enumerate(re.split(r"\r\n|\r|\n", read_text(path, name)), start=1):
        if not line.strip():
            continue
        title, *rest = (cell.strip() for cell in line.split("\t"))
        genes = tuple(dict.fromkeys(gene for gene in rest[1:] if gene))
        if not title or not genes:
            raise InputError(f"{name} line {number}: {brief(line, 60)!r} - expected {_EXPECTED}")
        if title in found:
            raise InputError(
                f"{name} line {number}: the set {brief(title, 60)!r} is on line {lines[title]} too - "
                f"expected each name once"
            )
        found[title], lines[title] = genes, number
    if not found:
        raise InputError(f"{name} holds no gene set - expected lines of {_EXPECTED}")
    return found
