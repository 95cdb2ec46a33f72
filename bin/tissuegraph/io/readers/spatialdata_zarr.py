"""SpatialData zarr as sopa, nf-core/spatialvi, nf-core/spatialaxe and spatialdata-io write it."""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_declared
from tissuegraph.io.canonical import VISIUM_PITCH_UM, RawSlice, nearest_neighbour_distance
from tissuegraph.io.in_memory import counts_in_memory, read_frames
from tissuegraph.io.request import Request
from tissuegraph.io.text import brief

GLOBAL = "global"
DEFAULT_TABLE = "table"
ELEMENTS = ("shapes", "points", "labels")  # kinds that a table can describe
_METADATA = ("zarr.json", ".zgroup", ".zattrs")
_VALUE = 4  # bytes of a value of a table, at least of the large ones
_SQUARES = re.compile(r"square_(\d{3})um")
_XENIUM = {"feature_name", "qv"}  # columns of transcripts, whose own unit is the micrometre


def detect(path: Path) -> bool:
    """A directory that ends in .zarr, or a zarr group with the folders of SpatialData."""
    if not path.is_dir():
        return False
    is_group = any((path / name).is_file() for name in _METADATA)
    return path.suffix.lower() == ".zarr" or (is_group and (path / "tables").is_dir())


def read(request: Request) -> RawSlice:
    """Counts of one table, positions at the centroids of the one region that it describes.

    Only that table and that region are loaded, no image. `table` picks among several tables,
    `coordinate_system` says where positions are taken, `library` picks among several regions. Raises
    InputError.
    """
    path = request.path
    if not path.is_dir():
        raise InputError(f"{path.name} is not a directory; expected a SpatialData .zarr")
    if not any((path / name).is_file() for name in _METADATA):
        raise InputError(f"{path.name} is no zarr group: zarr.json (or .zgroup) is missing; copy it again")
    name = _table_name(path, request.table)
    _check_size(path / "tables" / name, f"{path.name}/tables/{name}")
    with _only(path, "tables", name) as table:
        pass
    table, region, instances = _one_region(table, name, request.library)
    kind = next((kind for kind in ELEMENTS if (path / kind / region).is_dir()), None)
    if kind is None:
        raise InputError(
            f"{path.name}: table {name!r} describes the region {brief(region)!r}, which is not in it; it has "
            f"{_listed(item for kind in ELEMENTS for item in _names(path / kind))}"
        )
    with _only(path, kind, region) as element:
        system = _coordinate_system(element, region, request.coordinate_system)
        xy = _positions(element, region, system, instances)
    counts, table = counts_in_memory(table)
    raw = read_frames(table, replace(request, library=None), platform="spatialdata", counts=counts, xy=xy)
    raw.um_per_px = _um_per_px(path, raw, f"{name} {region}", system)
    return raw


def _names(folder: Path) -> list[str]:
    """Elements of one kind, by their folders."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(item.name for item in found if item.is_dir() and not item.name.startswith("."))


def _listed(names: Iterable[str]) -> str:
    return brief(", ".join(names), 200) or "none"


def _table_name(path: Path, wanted: str | None) -> str:
    names = _names(path / "tables")
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
        size += _VALUE * math.prod(_metadata(array, name).get("shape", (0,)))
    check_declared(name, size)


def _metadata(path: Path, name: str) -> dict[str, Any]:
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
def _only(path: Path, kind: str, name: str) -> Iterator[Any]:
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
            for file in _METADATA:
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
        found = _metadata(path, "the .zarr")
        found.pop("consolidated_metadata", None)
        path.write_text(json.dumps(found), encoding="utf-8")


def _unreadable(name: str, error: Exception) -> InputError:
    from importlib.metadata import version

    what = f"{type(error).__name__}: {brief(error, 120)}"
    return InputError(
        f"{name} cannot be read by spatialdata {version('spatialdata')} ({what}); copy it again, or write it "
        f"again with a current spatialdata"
    )


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


def _um_of_transcripts(path: Path, system: str) -> float | None:
    from spatialdata.transformations import get_transformation

    for name in _names(path / "points"):
        try:
            with _only(path, "points", name) as points:
                transformation = get_transformation(points, get_all=True).get(system)
                is_xenium = set(points.columns) >= _XENIUM
        except InputError:  # only their scale would be nice
            continue
        if transformation is not None and is_xenium:
            matrix = transformation.to_affine_matrix(("x", "y"), ("x", "y"))
            return float(1 / np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    return None
