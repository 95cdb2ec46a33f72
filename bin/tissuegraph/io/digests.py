"""SHA-256 of files, and of a model that is a table for people beside a file of numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def file_sha256(path: Path) -> str:
    """Of a file of any size, which is never held whole; 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_checksum(table: Mapping[str, Any], numbers_sha256: str) -> str:
    """Of both files of a model: a name or number that was edited would be believed without a word."""
    text = json.dumps(table, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode() + bytes.fromhex(numbers_sha256)).hexdigest()
