"""From the final h5ad of a slice to the files of other tools, each on its own."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tissuegraph.errors import InputError
from tissuegraph.exports.final import FinalSlice, NotMeant
from tissuegraph.records import Record

WRITERS = {
    "spatialdata": "tissuegraph.exports.spatialdata_zarr",
    "loupe": "tissuegraph.exports.loupe",
    "xenium_explorer": "tissuegraph.exports.xenium_explorer",
    "cellxgene": "tissuegraph.exports.cellxgene",
}


def export_slice(record: Record, path: Path, formats: Sequence[str], outdir: Path) -> None:
    """Write the files of each format into `outdir`; what cannot be written is a warning.

    record (inplace) gets the warnings, the `files` of each format, and under `not_meant` the formats whose
    tool does not show the slice's platform. path: the final h5ad.
    """
    final = FinalSlice(record.sample, path)
    files: dict[str, list[str]] = {}
    not_meant: dict[str, str] = {}
    for name in formats:
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=outdir) as folder:
            try:
                import_module(WRITERS[name]).write(final, Path(folder))
            except NotMeant as reason:
                not_meant[name] = str(reason)
            except InputError as error:
                record.warn(f"{name} left out: {error}")
            except MemoryError:  # the task is given more
                raise
            except Exception as error:  # whatever a library makes of a user's own columns
                traceback.print_exc()
                record.warn(f"{name} left out: {type(error).__name__}: {error}")
            else:
                files[name] = [_moved(made, outdir) for made in sorted(Path(folder).iterdir())]
    record.metrics |= {"files": files, "not_meant": not_meant}


def _moved(made: Path, outdir: Path) -> str:
    made.rename(outdir / made.name)
    return made.name
