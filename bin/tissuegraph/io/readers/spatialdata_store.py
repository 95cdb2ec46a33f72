"""Single elements of a SpatialData zarr, opened without the others."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tissuegraph.errors import InputError
from tissuegraph.io.text import brief

METADATA = ("zarr.json", ".zgroup", ".zattrs")


def names_of(folder: Path) -> list[str]:
    """Elements of one kind, by their folders."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(item.name for item in found if item.is_dir() and not item.name.startswith("."))


def metadata_of(path: Path, name: str) -> dict[str, Any]:
    """What a file of metadata of the store says; name: of the input, for the message. Raises InputError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not all(type(n) is int and n >= 0 for n in found.get("shape", ())):
            raise ValueError("a shape that is none")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{name}: {path.name} cannot be read ({brief(error)}); copy the .zarr again"
        ) from error
    return found


@contextmanager
def only(path: Path, kind: str, name: str) -> Iterator[Any]:
    """SpatialData of one element alone: spatialdata itself reads all of a kind, or none.

    It is shown a store that has only this one, made of links, which lives as long as the context: rasters and
    points are read when they are used. Raises InputError for whatever fails meanwhile.
    """
    import spatialdata

    what = f"{path.name}/{kind}/{name}"
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "part.zarr"
        for place in ("", kind):
            (store / place).mkdir(parents=True)
            for file in METADATA:
                if (path / place / file).is_file():
                    shutil.copyfile(path / place / file, store / place / file)
        _forget_consolidated(store / "zarr.json")
        (store / kind / name).symlink_to((path / kind / name).resolve(), target_is_directory=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = spatialdata.read_zarr(store, selection=(kind,))
                if name not in found:
                    raise InputError(f"{what} is missing; copy or write the .zarr again")
                yield found[name]
        except (InputError, MemoryError):
            raise
        except Exception as error:  # whatever a damaged store makes the library stumble over
            raise _unreadable(what, error) from error


def _forget_consolidated(path: Path) -> None:
    """Consolidated metadata of a store names elements that its part does not have."""
    if path.is_file():
        found = metadata_of(path, "the .zarr")
        found.pop("consolidated_metadata", None)
        path.write_text(json.dumps(found), encoding="utf-8")


def _unreadable(name: str, error: Exception) -> InputError:
    from importlib.metadata import version

    what = f"{type(error).__name__}: {brief(error, 120)}"
    return InputError(
        f"{name} cannot be read by spatialdata {version('spatialdata')} ({what}); copy it again, or write it "
        f"again with a current spatialdata"
    )
