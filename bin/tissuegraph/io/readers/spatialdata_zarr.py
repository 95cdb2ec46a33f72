"""SpatialData zarr as sopa, nf-core/spatialvi, nf-core/spatialaxe and spatialdata-io write it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_declared
from tissuegraph.io.canonical import VISIUM_PITCH_UM, RawSlice, nearest_neighbour_distance
from tissuegraph.io.in_memory import counts_in_memory, read_frames
from tissuegraph.io.readers.spatialdata_images import affine_matrices, read_background
from tissuegraph.io.readers.spatialdata_store import METADATA, metadata_of, names_of, only
from tissuegraph.io.request import Request
from tissuegraph.io.text import brief

GLOBAL = "global"  # which every store has that this pipeline writes, in full-resolution pixels
MICROMETRES = "micrometres"  # of the stores that this pipeline writes
DEFAULT_TABLE = "table"
ELEMENTS = ("shapes", "points", "labels")  # kinds that a table can describe
_VALUE = 4  # bytes of a value of a table, at least of the large ones
_SQUARES = re.compile(r"square_(\d{3})um")
_XENIUM = {"feature_name", "qv"}  # columns of transcripts, whose own unit is the micrometre


def detect(path: Path) -> bool:
    """A directory that ends in .zarr, or a zarr group with the folders of SpatialData."""
    if not path.is_dir():
        return False
    is_group = any((path / name).is_file() for name in METADATA)
    return path.suffix.lower() == ".zarr" or (is_group and (path / "tables").is_dir())


def read(request: Request) -> RawSlice:
    """Counts of one table, positions at the centroids of the one region that it describes.

    Only that table and that region are loaded, and of images small versions for pictures. `table` picks among
    several tables, `coordinate_system` says where positions are taken, `library` picks among several regions.
    Raises InputError.
    """
    path = request.path
    if not path.is_dir():
        raise InputError(f"{path.name} is not a directory; expected a SpatialData .zarr")
    if not any((path / name).is_file() for name in METADATA):
        raise InputError(f"{path.name} is no zarr group: zarr.json (or .zgroup) is missing; copy it again")
    name = _table_name(path, request.table)
    _check_size(path / "tables" / name, f"{path.name}/tables/{name}")
    with only(path, "tables", name) as table:
        pass
    table, region, instances = _one_region(table, name, request.library)
    kind = next((kind for kind in ELEMENTS if (path / kind / region).is_dir()), None)
    if kind is None:
        raise InputError(
            f"{path.name}: table {name!r} describes the region {brief(region)!r}, which is not in it; it has "
            f"{_listed(item for kind in ELEMENTS for item in names_of(path / kind))}"
        )
    with only(path, kind, region) as element:
        system = _coordinate_system(element, region, request.coordinate_system)
        xy = _positions(element, region, system, instances)
        systems = affine_matrices(element)
    counts, table = counts_in_memory(table)
    raw = read_frames(table, replace(request, library=None), platform="spatialdata", counts=counts, xy=xy)
    raw.um_per_px = _um_per_px(path, raw, f"{name} {region}", system) or _um_of_ours(raw, system)
    background = read_background(path, systems, system, request.warn)
    if background is not None:
        raw.images = {"hires": background.picture}
        raw.fluorescence |= background.fluorescence  # our own stores say so, and hold it as grey colours
        raw.scalefactors = {"tissue_hires_scalef": background.scale}
    return raw


def _listed(names: Iterable[str]) -> str:
    return brief(", ".join(names), 200) or "none"


def _table_name(path: Path, wanted: str | None) -> str:
    names = names_of(path / "tables")
    if not names:
        raise InputError(f"{path.name} has no table (tables/ is missing or empty); expected one with counts")
    if wanted is not None:
        if wanted not in names:
            raise InputError(f"{path.name} has no table {wanted!r}; it has {_listed(names)}")
        return wanted
    if len(names) > 1 and DEFAULT_TABLE not in names:
        raise InputError(
            f"{path.name} has {len(names)} tables: {_listed(names)}; name one in the column table"
        )
    return names[0] if len(names) == 1 else DEFAULT_TABLE


def _check_size(folder: Path, name: str) -> None:
    """Raise InputError where the arrays of a table take more memory than can be."""
    size = 0
    for array in (*folder.rglob("zarr.json"), *folder.rglob(".zarray")):
        size += _VALUE * math.prod(metadata_of(array, name).get("shape", (0,)))
    check_declared(name, size)


def _one_region(table: Any, name: str, library: str | None) -> tuple[Any, str, np.ndarray]:
    """The rows of a table that describe one region, its name, and their instances in it (N,)."""
    attrs = table.uns.get("spatialdata_attrs")
    region_key, instance_key = ((attrs or {}).get(key) for key in ("region_key", "instance_key"))
    missing = [key for key in (region_key, instance_key) if key is None or key not in table.obs]
    if missing:
        raise InputError(
            f"table {name!r} does not say which elements it describes (region_key and instance_key in "
            f"uns['spatialdata_attrs'], and their columns in obs); write it with TableModel.parse"
        )
    if not table.n_obs:
        raise InputError(f"table {name!r} is empty: 0 rows; give one with counts")
    regions = np.asarray(table.obs[region_key], dtype=str)
    found = sorted(set(regions))
    if library is None and len(found) > 1:
        raise InputError(
            f"table {name!r} describes {len(found)} regions: {_listed(found)}; give each a row that names it "
            f"in the column library"
        )
    if library is not None and library not in found:
        raise InputError(f"table {name!r} describes no region {library!r}; it describes {_listed(found)}")
    region = library if library is not None else found[0]
    if len(found) > 1:
        table = table[regions == region].copy()
    return table, region, np.asarray(table.obs[instance_key]).astype(str)


def _coordinate_system(element: Any, region: str, wanted: str | None) -> str:
    """The one that was asked for, else `global`, else the only one that is not reduced in size."""
    from spatialdata.transformations import get_transformation

    systems = sorted(get_transformation(element, get_all=True))
    if wanted is not None:
        if wanted not in systems:
            raise InputError(
                f"region {brief(region)!r} is not in the coordinate system {wanted!r}; it is in "
                f"{_listed(systems)}"
            )
        return wanted
    full = [name for name in systems if "downscaled" not in name]  # spatialdata-io's hires and lowres
    if GLOBAL in systems or len(full) == 1:
        return GLOBAL if GLOBAL in systems else full[0]
    raise InputError(
        f"region {brief(region)!r} is in the coordinate systems {_listed(systems)}; name one in the column "
        f"coordinate_system"
    )


def _positions(element: Any, region: str, system: str, instances: np.ndarray) -> np.ndarray:
    """Centroids (N, 2) of the instances (N,) in a coordinate system, NaN for those that are not there."""
    import pandas as pd
    from spatialdata import get_centroids

    centroids = get_centroids(element, coordinate_system=system).compute()
    index = pd.Index(centroids.index.astype(str))
    if not index.is_unique:
        raise InputError(f"region {brief(region)!r} has several shapes of one name; write it again")
    rows = index.get_indexer(instances)
    if (rows < 0).all():
        raise InputError(
            f"no row of the table is in its region {brief(region)!r} (table: {brief(instances[0], 40)}, "
            f"region: {brief(index[0], 40) if len(index) else 'empty'}); write table and region together"
        )
    xy = centroids[["x", "y"]].to_numpy(dtype=np.float64)[rows]
    xy[rows < 0] = np.nan
    return xy


def _um_per_px(path: Path, raw: RawSlice, names: str, system: str) -> float | None:
    """Micrometres per unit of the coordinates, where bins, Visium arrays or Xenium transcripts tell it."""
    xy = raw.xy[np.isfinite(raw.xy).all(axis=1)]
    pitch = nearest_neighbour_distance(xy) if len(xy) > 1 else float("nan")
    if (bins := _SQUARES.search(names)) and pitch > 0:
        return int(bins[1]) / pitch
    array = raw.array_position
    if array is not None and pitch > 0 and (array.sum(axis=1) % 2 == 0).all():  # every second of a hexagon
        return VISIUM_PITCH_UM / pitch
    return _um_of_transcripts(path, system)


def _um_of_ours(raw: RawSlice, system: str) -> float | None:
    """What a store that this pipeline wrote says: of the pixels in `global`, and its own micrometres."""
    if raw.um_per_px is None:
        return None
    return {GLOBAL: raw.um_per_px, MICROMETRES: 1.0}.get(system)


def _um_of_transcripts(path: Path, system: str) -> float | None:
    for name in names_of(path / "points"):
        try:
            with only(path, "points", name) as points:
                matrix = affine_matrices(points).get(system)
                is_xenium = set(points.columns) >= _XENIUM
        except InputError:  # only their scale would be nice
            continue
        if matrix is not None and is_xenium:
            return float(1 / np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    return None
