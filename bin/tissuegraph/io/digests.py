"""SHA-256 of files, of directories, and of a model that is a table for people beside a file of numbers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_BYTES = 4 * 1024**3  # read for the digest of one input: some seconds
MOST_FILES = 5_000  # opened for it; a zarr may have millions
CONTENT = "content"


def file_sha256(path: Path) -> str:
    """Of a file of any size, which is never held whole; 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_checksum(table: Mapping[str, Any], numbers_sha256: str) -> str:
    """Of both files of a model: a name or number that was edited would be believed without a word."""
    text = json.dumps(table, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode() + bytes.fromhex(numbers_sha256)).hexdigest()


def input_digest(path: Path, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES) -> dict[str, Any]:
    """What tells one input of a run from another: `sha256`, what it `covers`, `n_files` and `bytes`.

    Of a file `sha256` is that of its content. Of a directory it is that of one line `name, size, sha256` per
    file, by name. Of what is too much to be read, the largest files first, names and sizes stand for the
    content; `covers` says so. What cannot be read has no digest, and `covers` says why.
    """
    try:
        sizes = _sizes(path)
        read = _affordable(sizes, most_bytes, most_files)
        n_bytes = sum(sizes.values())
        facts = {"covers": _covers(len(read), len(sizes)), "n_files": len(sizes), "bytes": n_bytes}
        if not path.is_dir() and read:
            return {"sha256": file_sha256(path), **facts}
        lines = "".join(
            f"{name}\t{size}\t{file_sha256(path / name) if name in read else '-'}\n"
            for name, size in sorted(sizes.items())
        )
        return {"sha256": hashlib.sha256(os.fsencode(lines)).hexdigest(), **facts}
    except OSError as error:
        return {"sha256": None, "covers": f"nothing: {error.strerror or type(error).__name__}"}


def _sizes(path: Path) -> dict[str, int]:
    """Bytes of each file by its name below `path`; of a file its own, under its name."""
    if not path.is_dir():
        return {path.name: path.stat().st_size}
    # (links to directories are not followed: they may lead back)
    below = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    return {each.relative_to(path).as_posix(): each.stat().st_size for each in below if each.is_file()}


def _affordable(sizes: Mapping[str, int], most_bytes: int, most_files: int) -> set[str]:
    """The files whose content is read: the smallest ones, neither too much nor too many of them."""
    found: set[str] = set()
    for name, size in sorted(sizes.items(), key=lambda item: (item[1], item[0])):
        most_bytes -= size
        if most_bytes < 0 or len(found) == most_files:
            break
        found.add(name)
    return found


def _covers(n_read: int, n_files: int) -> str:
    if n_read == n_files:
        return CONTENT
    read = f", and the content of {n_read} of {n_files} files" if n_read else ""
    return f"names and sizes{read}"
