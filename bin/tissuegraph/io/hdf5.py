"""HDF5 files opened and read with errors that a user can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """An h5py File to read; whatever is broken inside becomes an InputError that names the file."""
    import h5py

    if not path.is_file():
        raise InputError(f"{path.name} does not exist or is no file")
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is an empty file; was its copy interrupted?")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read as HDF5: truncated, damaged or another format; copy it again"
        ) from error
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"{path.name} is not laid out as expected: {error}") from error


def strings(dataset: Any) -> np.ndarray:
    """An HDF5 array of text, fixed or variable length, as (n,) str."""
    values = np.asarray(dataset[()])
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8")
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], dtype=str)
