"""Read a slice as ingest does, and expect what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tissuegraph.errors import InputError
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request


def read(path: Path, **columns: Any):
    """The canonical slice."""
    return read_slice(Request(path=path, sample="S", **columns))


def read_and_hear(path: Path, **columns: Any):
    """The canonical slice, and the lines of warning."""
    said: list[str] = []
    return read(path, warn=said.append, **columns), said


def refuses(words: str):
    """Expects an InputError whose message has these words."""
    return pytest.raises(InputError, match=re.escape(words))
