"""Space Ranger 1 to 4: the `outs` directory, or one bin size of a Visium HD run."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_count
from tissuegraph.io.canonical import RawSlice, without_counts
from tissuegraph.io.cleaning import GENE_EXPRESSION
from tissuegraph.io.elements import compressed
from tissuegraph.io.hdf5 import group_of, open_hdf5, strings, values
from tissuegraph.io.images import read_rgb
from tissuegraph.io.layouts import MATRIX_DIR, MATRIX_H5, find_outs, find_spatial, has_matrix
from tissuegraph.io.position_table import read_positions
from tissuegraph.io.request import Request, Warn
from tissuegraph.io.text import brief, read_bytes, read_text

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


@dataclass
class Matrix:
    """counts (N, G) CSR, barcodes (N,), gene_ids, gene_symbols and feature_types (G,)."""

    counts: sparse.csr_matrix
    barcodes: np.ndarray
    gene_ids: np.ndarray
    gene_symbols: np.ndarray
    feature_types: np.ndarray


def detect(path: Path) -> bool:
    """Any directory: what is missing in it is said on reading."""
    return path.is_dir()


def read(request: Request) -> RawSlice:
    """Read gene expression, positions, scale factors and images of one `outs` directory.

    path: `outs`, its parent, or a bin directory such as `outs/binned_outputs/square_016um`; without
    counts_needed also one without matrix. Only spots under tissue and features of type Gene Expression are
    kept. Raises InputError.
    """
    path, warn = request.path, request.warn
    if column := request.annotation_column:
        raise InputError(
            f"annotation: {column!r} is no table; for Space Ranger data give a .csv of barcode and label"
        )
    if not request.counts_needed and not has_matrix(path):
        return _positions_only(path, warn)
    outs = find_outs(path)
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
        um_per_px=scalefactors.get("microns_per_pixel"),  # Visium HD says so itself
        feature_types=matrix.feature_types,
    )


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


def read_10x_h5(path: Path) -> Matrix:
    """Read a feature-barcode matrix in 10x HDF5 (stored genes x spots by column, so spots x genes by row)."""
    with open_hdf5(path) as file:
        if "matrix" not in file or "features" not in group_of(file, "matrix"):
            missing = "matrix/features" if "matrix" in file else "matrix"
            raise InputError(
                f"{path.name} is no 10x feature-barcode matrix of Space Ranger: group {missing} is missing"
            )
        group = file["matrix"]
        shape = values(group["shape"], "iu", 1).tolist()
        barcodes, features = strings(group["barcodes"]), group_of(group, "features")
        ids, symbols = strings(features["id"]), strings(features["name"])
        types = strings(features["feature_type"]) if "feature_type" in features else _all_genes(len(ids))
        if shape != [len(ids), len(barcodes)] or not len(ids) == len(symbols) == len(types):
            raise InputError(
                f"{path.name} is damaged: the matrix is {' x '.join(map(str, shape))}, but there are "
                f"{len(ids)} ids, "
                f"{len(symbols)} names, {len(types)} types of features and {len(barcodes)} barcodes; copy it "
                f"again"
            )
        check_count(path.name, len(barcodes))
        parts = compressed(group, len(barcodes), len(ids))
        counts = sparse.csr_matrix(parts, shape=(len(barcodes), len(ids)))
        return Matrix(counts, barcodes, ids, symbols, types)


def read_10x_mtx(directory: Path) -> Matrix:
    """Read a feature-barcode matrix in Matrix Market form, compressed or not."""
    barcodes = [row[0] for row in _tsv(directory, "barcodes.tsv")]
    features = _tsv(directory, "features.tsv", "genes.tsv")
    ids = [row[0] for row in features]
    types = [row[2] if len(row) > 2 else GENE_EXPRESSION for row in features]
    return Matrix(
        counts=_read_mtx(directory, (len(features), len(barcodes))),
        barcodes=np.array(barcodes, dtype=str),
        gene_ids=np.array(ids, dtype=str),
        gene_symbols=np.array([row[1] if len(row) > 1 else row[0] for row in features], dtype=str),
        feature_types=np.array(types, dtype=str),
    )


def _read_mtx(directory: Path, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Counts (N, G) of a matrix of genes x spots that must have this shape; its header is believed only then.

    Read by the parser of tables: scipy's crashes on some damaged files, and takes 1.5 for 1.
    """
    import pandas as pd

    path = _either(directory, "matrix.mtx")
    name = f"{directory.name}/{path.name}"
    content = read_bytes(path, name)
    start, n_values = _check_mtx_header(content, name, shape)
    body = io.BytesIO(content)
    body.seek(start)
    if n_values == 0:
        return sparse.csr_matrix(shape[::-1])
    types = {0: np.int64, 1: np.int64, 2: np.float64}
    try:
        found = pd.read_csv(body, sep=r"\s+", header=None, dtype=types)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{name} is damaged: {brief(error)}; copy it again") from error
    if found.shape != (n_values, 3):
        raise InputError(
            f"{name} is damaged: it declares {n_values:,} lines of 3 numbers and has {len(found):,} of "
            f"{found.shape[1]}; copy it again"
        )
    indices = []
    for column, length in ((0, shape[0]), (1, shape[1])):
        indices.append(found[column].to_numpy() - 1)
        if indices[-1].min() < 0 or indices[-1].max() >= length:
            raise InputError(f"{name} is damaged: an index lies outside 1 to {length}; copy it again")
    gene, spot = indices
    return sparse.csr_matrix((found[2].to_numpy(), (spot, gene)), shape=shape[::-1])


def _check_mtx_header(content: bytes, name: str, shape: tuple[int, int]) -> tuple[int, int]:
    """Where the values of a Matrix Market file begin, and how many they are; raises InputError."""
    head = content[: 1 << 16].decode("latin-1").splitlines(keepends=True)
    words = head[0].lower().split() if head else []
    form = ["%%matrixmarket", "matrix", "coordinate"]
    if words[:3] != form or words[4:] != ["general"] or words[3] not in ("integer", "real"):
        raise InputError(
            f"{name} begins with {brief(' '.join(words))!r}; expected %%MatrixMarket matrix coordinate "
            f"integer "
            f"general"
        )
    n_lines = next((n for n, line in enumerate(head) if line.strip() and not line.startswith("%")), 0)
    sizes = head[n_lines].split()
    if len(sizes) != 3 or not all(size.isdecimal() and size.isascii() and len(size) < 19 for size in sizes):
        raise InputError(f"{name} does not say how large it is; copy it again")
    n_rows, n_columns, n_values = map(int, sizes)
    if (n_rows, n_columns) != shape:
        raise InputError(
            f"{name}: the matrix is {n_rows} x {n_columns}, but there are {shape[0]} features and {shape[1]} "
            f"barcodes; copy the directory again"
        )
    if n_values > len(content) // 4:  # a line holds at least two digits, a blank and its end
        raise InputError(
            f"{name} is damaged: it declares {n_values:,} values and has room for fewer; copy it again"
        )
    return sum(map(len, head[: n_lines + 1])), n_values


def _all_genes(n: int) -> np.ndarray:
    return np.full(n, GENE_EXPRESSION)


def _either(directory: Path, *names: str) -> Path:
    for name in names:
        for path in (directory / f"{name}.gz", directory / name):
            if path.is_file():
                return path
    raise InputError(f"{directory.name} lacks {names[0]}.gz; copy the directory again")


def _tsv(directory: Path, *names: str) -> list[list[str]]:
    path = _either(directory, *names)
    text = read_text(path, f"{directory.name}/{path.name}")
    return [[cell.strip() for cell in line.split("\t")] for line in text.split("\n") if line.strip()]


def _match(spots: np.ndarray, barcodes: np.ndarray, in_tissue: np.ndarray, warn: Warn) -> np.ndarray:
    """Row of the positions for each spot (N,), -1 where it has none or lies outside the tissue."""
    rows = {barcode: row for row, barcode in enumerate(barcodes)}
    order = np.array([rows.get(spot, -1) for spot in spots], dtype=np.int64)
    n_lost = int((order < 0).sum())
    if len(spots) and n_lost == len(spots):
        raise InputError(
            f"no barcode of the matrix has a position (matrix: {spots[0]}, positions: "
            f"{barcodes[0] if len(barcodes) else 'none'}); do matrix and spatial/ belong to one run?"
        )
    if n_lost:
        warn(f"{n_lost} of {len(spots)} spots have no position and were left out")
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
