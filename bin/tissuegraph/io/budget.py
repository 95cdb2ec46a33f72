"""How much a file may declare: looked at before memory is taken for it."""

from __future__ import annotations

import os

from tissuegraph.errors import InputError

UNQUESTIONED = 256 << 20  # bytes that any machine has
MOST_BYTES = 64 << 30  # bytes of one array, as it lies in memory
MOST_RATIO = 400.0  # bytes in memory to bytes in the file; counts stored dense reach about 50
MAX_TEXT = 256 << 20  # bytes of a text table; 700,000 bins of Visium HD have 45 MB of positions
MAX_SPOTS = 50_000_000  # Visium HD has 11 million squares of 2 um


def check_declared(what: str, declared: int, stored: int | None = None) -> None:
    """Raise InputError where `what` declares more bytes than can be.

    declared: bytes that it takes in memory; stored: bytes that it takes in the file, None where unknown.
    """
    if declared <= UNQUESTIONED:
        return
    most = min(MOST_BYTES, _memory())
    if declared > most:
        raise InputError(
            f"{what} declares {in_words(declared)}, more than the {in_words(most)} that can be read; store "
            f"counts as a sparse matrix, or take a machine with more memory"
        )
    if stored is not None and declared > MOST_RATIO * stored:
        raise InputError(
            f"{what} declares {in_words(declared)} and stores {in_words(stored)}: no measured data shrinks "
            f"more than {MOST_RATIO:.0f} times; write the file again"
        )


def check_count(what: str, n: int) -> None:
    """Raise InputError for more spots than any slice has."""
    if n > MAX_SPOTS:
        raise InputError(f"{what} declares {n:,} spots; at most {MAX_SPOTS:,} can be read")


def in_words(n_bytes: int) -> str:
    """Bytes for people: `512 bytes`, `3.2 GB`."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= size:
            return (
                f"{n_bytes / size:,.3g} {unit}" if n_bytes < 1000 * size else f"{n_bytes / size:,.0f} {unit}"
            )
    return f"{n_bytes} bytes"


def _memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
