"""Stereo-seq: GEF files of SAW, and the .h5ad that Stereopy and SAW export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice, nearest_neighbour_distance
from tissuegraph.io.elements import column, columns, index
from tissuegraph.io.h5ad import read_file
from tissuegraph.io.hdf5 import open_hdf5, strings, values
from tissuegraph.io.position_table import as_numbers
from tissuegraph.io.readers.gef import DEFAULT_NM, nanometres, read_cell_bins, read_square_bins, stored_bins
from tissuegraph.io.request import Request
from tissuegraph.io.text import brief

PLATFORM = "stereoseq"
DEFAULT_BIN_UM = 25.0  # bin50
CELLS = "cell_bins"


def detect(path: Path) -> bool:
    """A .gef, or an .h5ad in which Stereopy says what its bins are."""
    suffix = path.suffix.lower()
    if suffix != ".h5ad" or not path.is_file():
        return suffix == ".gef"
    try:
        with open_hdf5(path) as file:
            return "uns/bin_type" in file and "obs" in file
    except InputError:  # said by whoever reads it
        return False


def read(request: Request) -> RawSlice:
    """Counts and positions of square bins or cells; one pixel is one DNB. Raises InputError."""
    path = request.path
    with open_hdf5(path) as file:
        if "geneExp" in file or "cellBin" in file:
            request.refuse_annotation_column()
            return _read_gef(file, request)
        if "obs" not in file or "var" not in file:
            raise InputError(f"{path.name} is neither a GEF file (geneExp or cellBin) nor an AnnData file")
        return _read_h5ad(file, request)


def _read_gef(file: Any, request: Request) -> RawSlice:
    import pandas as pd

    nm = nanometres(file)
    if stored_bins(file):
        bins = read_square_bins(file, _size(request.bin_um or DEFAULT_BIN_UM, nm))
    else:
        if request.bin_um is not None:
            raise InputError(
                f"bin_um is {request.bin_um:g}, but {request.path.name} holds cells; leave it empty"
            )
        bins = read_cell_bins(file)
    return RawSlice(
        platform=PLATFORM,
        counts=bins.counts,
        barcodes=bins.barcodes,
        gene_ids=bins.gene_ids,
        gene_symbols=bins.gene_symbols,
        xy=bins.xy,
        array_position=bins.array_position,
        um_per_px=nm / 1000,
        obs=pd.DataFrame(bins.measures) if bins.measures else None,
    )


def _size(bin_um: float, nm: float) -> int:
    """DNB along a side of a bin; raises InputError where these are no whole number."""
    size = round(bin_um * 1000 / nm)
    if size < 1 or abs(size * nm - bin_um * 1000) > 1e-6:
        raise InputError(
            f"bin_um is {bin_um:g}, no multiple of the {nm / 1000:g} um from one DNB to the next; give e.g. "
            f"{50 * nm / 1000:g} for bin50"
        )
    return size


def _read_h5ad(file: Any, request: Request) -> RawSlice:
    has_positions = "obsm" in file and keys.SPATIAL in file["obsm"]
    raw = read_file(file, request, PLATFORM, xy=None if has_positions else _positions(file["obs"]))
    nm = _number(file, "resolution") or DEFAULT_NM
    size = _number(file, "bin_size")
    raw.um_per_px = nm / 1000
    if size is None or _word(file, "bin_type") == CELLS:
        return raw
    if request.bin_um is not None and abs(size * nm / 1000 - request.bin_um) > 1e-6:
        raise InputError(
            f"bin_um is {request.bin_um:g}, but {request.path.name} holds bins of {size * nm / 1000:g} um "
            f"(bin{size:g}); leave it empty, or export the file at that size"
        )
    xy = raw.xy[np.isfinite(raw.xy).all(axis=1)]
    pitch = nearest_neighbour_distance(xy) if len(xy) > 1 else float("nan")
    if pitch == 1:  # bins are numbered, not placed
        raw.um_per_px *= size
    return raw


def _positions(obs: Any) -> np.ndarray:
    """x and y (N, 2) of obs, where there is no obsm['spatial']."""
    names = columns(obs)
    if "x" not in names or "y" not in names:
        raise InputError(
            f"obsm['spatial'] is missing, and x and y of obs too (obs has: "
            f"{brief(', '.join(names)) or 'nothing'}); write one of them"
        )
    found = [column(obs, name) for name in ("x", "y")]
    if {len(values) for values in found} != {len(index(obs))}:
        raise InputError("obs is damaged: x and y do not have one value per row; write the file again")
    return np.stack(
        [as_numbers(values, "obs", name) for values, name in zip(found, "xy", strict=True)], axis=1
    )


def _number(file: Any, name: str) -> float | None:
    """A positive number of uns; None where it says none."""
    node = file.get(f"uns/{name}")
    if node is None or getattr(node, "dtype", None) is None or node.dtype.kind not in "iuf":
        return None
    found = np.ravel(values(node))
    return float(found[0]) if len(found) == 1 and found[0] > 0 else None


def _word(file: Any, name: str) -> str:
    node = file.get(f"uns/{name}")
    if node is None or getattr(node, "dtype", None) is None or node.shape not in ((), (1,)):
        return ""
    if node.shape:
        return str(strings(node)[0])
    value = node[()]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
