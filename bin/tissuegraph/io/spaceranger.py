"""Space Ranger 1 to 4: the `outs` directory, or one bin size of a Visium HD run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice, nearest_neighbour_distance, without_counts
from tissuegraph.io.feature_matrix import Matrix, read_10x_h5, read_10x_mtx
from tissuegraph.io.images import read_rgb
from tissuegraph.io.layouts import MATRIX_DIR, MATRIX_H5, bin_of, find_outs, find_spatial, has_matrix
from tissuegraph.io.matching import match
from tissuegraph.io.position_table import read_positions
from tissuegraph.io.request import Request, Warn
from tissuegraph.io.text import read_text

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
FACTORS = (
    "spot_diameter_fullres",
    "fiducial_diameter_fullres",
    "tissue_hires_scalef",
    "tissue_lowres_scalef",
    "regist_target_img_scalef",
    "bin_size_um",
    "microns_per_pixel",
)
MOST_FACTOR = 1e6  # of spot diameters in pixels, the largest of the scale factors


def detect(path: Path) -> bool:
    """Any directory: what is missing in it is said on reading."""
    return path.is_dir()


def read(request: Request) -> RawSlice:
    """Read gene expression, positions, scale factors and images of one `outs` directory.

    path: `outs`, its parent, or a bin directory such as `outs/binned_outputs/square_016um`; of a Visium HD
    run `bin_um` picks the bins. Without counts_needed also one without matrix. Only spots under tissue and
    features of type Gene Expression are kept. Raises InputError.
    """
    path, warn = request.path, request.warn
    request.refuse_annotation_column("for Space Ranger data ")
    if not request.counts_needed and not has_matrix(path):
        return _positions_only(path, warn)
    outs = find_outs(path, request.bin_um)
    matrix = _read_matrix(outs)
    barcodes, in_tissue, array_position, xy = read_positions(outs / "spatial")
    order = _match(matrix.barcodes, barcodes, in_tissue, warn)
    kept = order >= 0
    order = order[kept]
    scalefactors = read_scalefactors(outs / "spatial", warn)
    return RawSlice(
        platform="visium",
        counts=matrix.counts[kept],
        barcodes=matrix.barcodes[kept],
        gene_ids=matrix.gene_ids,
        gene_symbols=matrix.gene_symbols,
        xy=xy[order],
        array_position=array_position[order],
        images=read_images(outs / "spatial", scalefactors, warn),
        scalefactors=scalefactors,
        um_per_px=_um_per_px(outs, scalefactors, xy[order]),
        feature_types=matrix.feature_types,
    )


def _um_per_px(outs: Path, scalefactors: dict[str, float], xy: np.ndarray) -> float | None:
    """Visium HD says so itself, or by the size of its bins; of other arrays the pitch is known."""
    size = scalefactors.get("bin_size_um", bin_of(outs))
    if "microns_per_pixel" in scalefactors or not size:
        return scalefactors.get("microns_per_pixel")
    placed = xy[np.isfinite(xy).all(axis=1)]
    pitch = nearest_neighbour_distance(placed) if len(placed) > 1 else 0.0
    return size / pitch if pitch > 0 else None


def _positions_only(path: Path, warn: Warn) -> RawSlice:
    """Positions, scale factors and images of an `outs` directory that has no matrix."""
    spatial = find_spatial(path)
    barcodes, in_tissue, array_position, xy = read_positions(spatial)
    raw = without_counts("visium", barcodes, xy, array_position).select(in_tissue)
    raw.scalefactors = read_scalefactors(spatial, warn)
    raw.images = read_images(spatial, raw.scalefactors, warn)
    raw.um_per_px = raw.scalefactors.get("microns_per_pixel")
    return raw


def _read_matrix(outs: Path) -> Matrix:
    h5 = outs / MATRIX_H5
    return read_10x_h5(h5) if h5.is_file() else read_10x_mtx(outs / MATRIX_DIR)


def _match(spots: np.ndarray, barcodes: np.ndarray, in_tissue: np.ndarray, warn: Warn) -> np.ndarray:
    """Row of the positions for each spot (N,), -1 where it has none or lies outside the tissue."""
    order = match(spots, barcodes, "do matrix and spatial/ belong to one run?", warn)
    outside = (order >= 0) & ~in_tissue[order]
    if outside.any():
        warn(f"{int(outside.sum())} of {len(spots)} spots lie outside the tissue and were left out")
        order[outside] = -1
    if len(spots) and (order < 0).all():
        raise InputError(f"none of the {len(spots)} spots lies under tissue (in_tissue is 0 for all)")
    return order


def read_scalefactors(spatial: Path, warn: Warn) -> dict[str, float]:
    """The numbers of scalefactors_json.json; none, with a warning, where it is missing."""
    path = spatial / "scalefactors_json.json"
    if not path.is_file():
        warn("spatial/scalefactors_json.json is missing: images are left out")
        return {}
    try:
        found = json.loads(read_text(path, f"spatial/{path.name}"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"spatial/{path.name} is not valid JSON: {error}; copy it again") from error
    if not isinstance(found, dict):
        raise InputError(
            f'spatial/{path.name} holds no named numbers; expected e.g. {{"tissue_hires_scalef": 0.1}}'
        )
    return {name: _factor(path, name, found[name]) for name in FACTORS if _is_number(found.get(name))}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _factor(path: Path, name: str, value: float) -> float:
    if not 0 <= value < MOST_FACTOR:  # also where it is NaN
        raise InputError(
            f"spatial/{path.name}: {name!r} is {str(value)[:20]}; expected a positive number below "
            f"{MOST_FACTOR:.0e}"
        )
    return float(value)


def read_images(spatial: Path, scalefactors: dict[str, float], warn: Warn) -> dict[str, np.ndarray]:
    """hires and lowres as (H, W, 3) uint8, where there are such images with their scale factor."""
    images = {}
    for name in ("hires", "lowres"):
        found = sorted(spatial.glob(f"tissue_{name}_image.*"))
        path = next((p for p in found if p.suffix.lower() in IMAGE_SUFFIXES), None)
        if path is None:
            continue
        if f"tissue_{name}_scalef" not in scalefactors:
            if scalefactors:  # without any, that has been said
                warn(f"image left out: {name} has no usable scale factor tissue_{name}_scalef")
            continue
        try:
            images[name] = read_rgb(path)
        except InputError as error:  # a slice without its picture is still a slice
            warn(f"image left out: {error}")
    return images
