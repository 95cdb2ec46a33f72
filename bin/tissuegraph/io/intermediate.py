"""Files that one step wrote for another: what to say where one is damaged, and how it is made again."""

from __future__ import annotations

import csv
import shlex
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError

_BROKEN = (
    EOFError, LookupError, OSError, OverflowError, RuntimeError, StopIteration, TypeError, ValueError,
    csv.Error, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_TASK_SCRIPT = ".command.run"  # the engine writes it into every task's directory


@contextmanager
def reading(path: str | Path, what: str) -> Iterator[None]:
    """While `path` is read, which has to hold `what`: whatever breaks off there raises `damaged`."""
    try:
        yield
    except _BROKEN as error:
        raise damaged(path, what, error) from error


def read_arrays(path: str | Path, what: str, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an npz, or the named ones; raises `damaged`."""
    with reading(path, what), open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in (stored.files if names is None else names)}


def damaged(path: str | Path, what: str, error: Exception) -> InputError:
    """The error that names the file itself, not the link to it, and how to have it written again.

    A file in another task's directory is made again once that directory is gone: the engine does the rest.
    """
    path = Path(path)
    found = path.resolve()
    why = str(error) or type(error).__name__
    task = next((folder for folder in found.parents if (folder / _TASK_SCRIPT).exists()), None)
    if task is None or Path.cwd().resolve().is_relative_to(task):  # by hand, or copied here from a store
        remedy = "write it again with the step before"
    else:
        remedy = f"make it again: rm -r {shlex.quote(str(task))} and run with -resume"
    return InputError(f"{path.name} holds no {what} that can be read ({why}): {found} is damaged; {remedy}")
