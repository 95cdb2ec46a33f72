"""Segmented cells of Visium HD: `segmented_outputs` of Space Ranger 4."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.feature_matrix import read_10x_h5, read_10x_mtx
from tissuegraph.io.layouts import find_bins
from tissuegraph.io.request import Request
from tissuegraph.io.spaceranger import read_images, read_scalefactors
from tissuegraph.io.text import brief

MATRIX = "filtered_feature_cell_matrix"
POLYGONS = "cell_segmentations.geojson"
_CELL = re.compile(r"cellid_0*(\d+)(?:-\d+)?")
_BLOCK = 1 << 20  # characters; a cell has about a thousand
_LARGEST = 1 << 24  # characters of one cell


def detect(path: Path) -> bool:
    """`segmented_outputs`, or an `outs` that has no bins beside it."""
    folder = _folder(path)
    return folder is not None and (folder == path or not find_bins(folder.parent))


def read(request: Request) -> RawSlice:
    """Counts of the cells, positions at the centroids of their polygons, scale factors and images.

    obs['cell_area'] holds their areas in square micrometres.

    path: `segmented_outputs`, the `outs` that holds it, or its parent. Raises InputError.
    """
    import pandas as pd

    path, warn = request.path, request.warn
    request.refuse_annotation_column("for Visium HD ")
    folder = _folder(path)
    if folder is None:
        raise InputError(
            f"{path.name} has no segmented cells: expected segmented_outputs with {MATRIX}.h5 and {POLYGONS} "
            f"as Space Ranger 4 writes them"
        )
    h5 = folder / f"{MATRIX}.h5"
    matrix = read_10x_h5(h5) if h5.is_file() else read_10x_mtx(folder / MATRIX)
    xy, area = _shapes(folder / POLYGONS, matrix.barcodes)
    scalefactors = read_scalefactors(folder / "spatial", warn)
    um_per_px = scalefactors.get("microns_per_pixel")
    return RawSlice(
        platform="visium_hd_cells",
        counts=matrix.counts,
        barcodes=matrix.barcodes,
        gene_ids=matrix.gene_ids,
        gene_symbols=matrix.gene_symbols,
        xy=xy,
        images=read_images(folder / "spatial", scalefactors, warn),
        scalefactors=scalefactors,
        um_per_px=um_per_px,
        feature_types=matrix.feature_types,
        obs=pd.DataFrame({"cell_area": area * um_per_px**2}) if um_per_px else None,
    )


def _folder(path: Path) -> Path | None:
    """Where the cells are: the path itself, or segmented_outputs in it or in its outs."""
    for folder in (path, path / "segmented_outputs", path / "outs" / "segmented_outputs"):
        if (folder / f"{MATRIX}.h5").is_file() or (folder / MATRIX).is_dir() or (folder / POLYGONS).is_file():
            return folder
    return None


def _shapes(path: Path, barcodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centroids (N, 2) and areas (N,) of the cells in full-resolution pixels, NaN for one without polygon."""
    if not path.is_file():
        raise InputError(f"{path.parent.name} lacks {path.name}; copy the directory again")
    cells = {_cell_id(barcode): row for row, barcode in enumerate(barcodes.tolist())}
    xy, area = np.full((len(barcodes), 2), np.nan), np.full(len(barcodes), np.nan)
    example = "none"
    for feature in _features(path):
        try:
            cell = _cell_id(feature["properties"]["cell_id"])
            centroid, size = _centroid(feature["geometry"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(
                f"{path.name}: {brief(feature)} is no polygon with a cell_id; copy the directory again"
            ) from error
        example = cell
        if cell in cells:
            xy[cells[cell]], area[cells[cell]] = centroid, size
    if len(xy) and np.isnan(xy).all():
        raise InputError(
            f"no cell of the matrix has a polygon in {path.name} (matrix: {barcodes[0]}, polygons: cell_id "
            f"{brief(example, 40)}); do they belong to one run?"
        )
    return xy, area


def _cell_id(value: Any) -> str:
    """The number of a cell: 7 of cellid_000000007-1 and of 7."""
    found = _CELL.fullmatch(str(value))
    return found[1] if found else str(value)


def _centroid(geometry: dict[str, Any]) -> tuple[np.ndarray, float]:
    """Centre of mass (2,) and area of one or more polygons, holes aside; of a flat one the mean corner."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    rings = [np.asarray(polygon[0], dtype=np.float64)[:, :2] for polygon in polygons]
    moment, total = np.zeros(2), 0.0
    for ring in rings:
        origin = ring[0]  # far from 0 the differences of large products would be lost
        x, y = (ring - origin).T
        cross = x[:-1] * y[1:] - x[1:] * y[:-1]
        area = cross.sum() / 2
        if area:
            centre = np.array([((x[:-1] + x[1:]) * cross).sum(), ((y[:-1] + y[1:]) * cross).sum()])
            moment += abs(area) * (origin + centre / (6 * area))
            total += abs(area)
    return (moment / total if total else np.concatenate(rings).mean(axis=0)), total


def _features(path: Path) -> Iterator[dict[str, Any]]:
    """The features of a GeoJSON file one by one: half a million cells would take gigabytes at once."""
    decode = json.JSONDecoder().raw_decode
    damaged = InputError(f"{path.name} is truncated or no GeoJSON of cells; copy it again")
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_BLOCK)
            start = re.search(r'"features"\s*:\s*\[', text)
            if start is None:
                raise damaged
            at = start.end()
            while True:
                while at < len(text) and text[at] in " \t\r\n,":
                    at += 1
                if at < len(text) and text[at] == "]":
                    return
                try:
                    feature, at = decode(text, at)
                except json.JSONDecodeError:
                    more = file.read(_BLOCK)
                    text, at = text[at:] + more, 0
                    if not more or len(text) > _LARGEST:
                        raise damaged from None
                    continue
                yield feature
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise damaged from error
