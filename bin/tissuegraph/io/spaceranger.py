"""Space Ranger 1 to 4: the `outs` directory, or one bin size of a Visium HD run."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice, without_counts
from tissuegraph.io.hdf5 import open_hdf5, strings
from tissuegraph.io.request import Request, Warn

MATRIX_H5, MATRIX_DIR = "filtered_feature_bc_matrix.h5", "filtered_feature_bc_matrix"
POSITIONS = ("tissue_positions.parquet", "tissue_positions.csv", "tissue_positions_list.csv")
POSITION_COLUMNS = (
    "barcode",
    "in_tissue",
    "array_row",
    "array_col",
    "pxl_row_in_fullres",
    "pxl_col_in_fullres",
)


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
    matrix = _gene_expression(_read_matrix(outs), warn)
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
    )


def _positions_only(path: Path, warn: Warn) -> RawSlice:
    """Positions, scale factors and images of an `outs` directory that has no matrix."""
    spatial = next((p / "spatial" for p in (path, path / "outs") if (p / "spatial").is_dir()), None)
    if spatial is None:
        raise InputError(f"{path.name} has no directory spatial; expected Space Ranger's outs")
    barcodes, in_tissue, array_position, xy = read_positions(spatial)
    raw = without_counts("visium", barcodes, xy, array_position).select(in_tissue)
    raw.scalefactors = read_scalefactors(spatial, warn)
    raw.images = read_images(spatial, raw.scalefactors, warn)
    raw.um_per_px = raw.scalefactors.get("microns_per_pixel")
    return raw


def find_outs(path: Path) -> Path:
    """The directory that holds matrix and positions; raises InputError that says what to give instead."""
    if not path.is_dir():
        raise InputError(f"{path.name} is not a directory; expected Space Ranger's outs")
    for outs in (path, path / "outs"):
        if (outs / MATRIX_H5).is_file() or (outs / MATRIX_DIR).is_dir():
            if not (outs / "spatial").is_dir():
                raise InputError(
                    f"{path.name} has a matrix but no directory spatial; expected Space Ranger's outs"
                )
            return outs
        bins = sorted(item.name for item in outs.glob("binned_outputs/square_*um"))
        if bins:
            raise InputError(
                f"{path.name} holds a Visium HD run with several bin sizes; give one of them as path: "
                f"{', '.join(f'{outs.name}/binned_outputs/{name}' for name in bins)}"
            )
    if list(path.glob("raw_feature_bc_matrix*")):
        raise InputError(f"{path.name} has only the raw matrix; expected {MATRIX_H5} or {MATRIX_DIR}/ in it")
    raise InputError(
        f"{path.name} is no Space Ranger output: expected {MATRIX_H5} or {MATRIX_DIR}/, and spatial/, in it "
        f"or in its outs"
    )


def has_matrix(path: Path) -> bool:
    """Whether `path` or its `outs` holds a matrix of the spots under tissue, or bins that do."""
    return any(
        (outs / MATRIX_H5).is_file() or (outs / MATRIX_DIR).is_dir() or any(outs.glob("binned_outputs/*"))
        for outs in (path, path / "outs")
    )


def _read_matrix(outs: Path) -> Matrix:
    h5 = outs / MATRIX_H5
    return read_10x_h5(h5) if h5.is_file() else read_10x_mtx(outs / MATRIX_DIR)


def read_10x_h5(path: Path) -> Matrix:
    """Read a feature-barcode matrix in 10x HDF5 (stored genes x spots by column, so spots x genes by row)."""
    with open_hdf5(path) as file:
        if "matrix" not in file or "features" not in file["matrix"]:
            raise InputError(
                f"{path.name} is no 10x feature-barcode matrix of Space Ranger: group matrix is missing"
            )
        group = file["matrix"]
        n_genes, n_spots = (int(n) for n in group["shape"][()])
        parts = tuple(group[name][()] for name in ("data", "indices", "indptr"))
        try:
            counts = sparse.csr_matrix(parts, shape=(n_spots, n_genes))
            counts.check_format(full_check=True)
        except ValueError as error:
            raise InputError(f"{path.name} is damaged: {error}; copy it again") from error
        features = group["features"]
        return Matrix(
            counts=counts,
            barcodes=strings(group["barcodes"]),
            gene_ids=strings(features["id"]),
            gene_symbols=strings(features["name"]),
            feature_types=strings(features["feature_type"]),
        )


def read_10x_mtx(directory: Path) -> Matrix:
    """Read a feature-barcode matrix in Matrix Market form, compressed or not."""
    from scipy.io import mmread

    content = io.BytesIO(_bytes(_either(directory, "matrix.mtx")))
    try:
        matrix = sparse.csr_matrix(mmread(content).T)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{directory.name}/matrix.mtx is damaged: {error}; copy it again") from error
    barcodes = [row[0] for row in _tsv(_either(directory, "barcodes.tsv"))]
    features = _tsv(_either(directory, "features.tsv", "genes.tsv"))
    if matrix.shape != (len(barcodes), len(features)):
        raise InputError(
            f"{directory.name}: the matrix is {matrix.shape[1]} x {matrix.shape[0]}, but there are "
            f"{len(features)} features and {len(barcodes)} barcodes; copy the directory again"
        )
    return Matrix(
        counts=matrix,
        barcodes=np.array(barcodes, dtype=str),
        gene_ids=np.array([row[0] for row in features], dtype=str),
        gene_symbols=np.array([row[1] if len(row) > 1 else row[0] for row in features], dtype=str),
        feature_types=np.array([row[2] if len(row) > 2 else GENE_EXPRESSION for row in features], dtype=str),
    )


GENE_EXPRESSION = "Gene Expression"


def _either(directory: Path, *names: str) -> Path:
    for name in names:
        for path in (directory / f"{name}.gz", directory / name):
            if path.is_file():
                return path
    raise InputError(f"{directory.name} lacks {names[0]}.gz; copy the directory again")


def _bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError) as error:
        raise InputError(f"{path.name} is truncated or damaged; copy it again") from error


def _tsv(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in _bytes(path).decode().splitlines() if line]


def _gene_expression(matrix: Matrix, warn: Warn) -> Matrix:
    genes = matrix.feature_types == GENE_EXPRESSION
    if not genes.any():
        raise InputError(
            f"the matrix has no features of type {GENE_EXPRESSION}, only {matrix.feature_types[:1]}"
        )
    if genes.all():
        return matrix
    warn(f"{int((~genes).sum())} features that are not gene expression (e.g. antibodies) were left out")
    return Matrix(
        counts=matrix.counts[:, genes],
        barcodes=matrix.barcodes,
        gene_ids=matrix.gene_ids[genes],
        gene_symbols=matrix.gene_symbols[genes],
        feature_types=matrix.feature_types[genes],
    )


def read_positions(spatial: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Barcodes (P,), under tissue (P,) bool, array row and column (P, 2), x and y in pixels (P, 2)."""
    path = next((spatial / name for name in POSITIONS if (spatial / name).is_file()), None)
    if path is None:
        raise InputError(f"spatial/ has no positions; expected {' or '.join(POSITIONS[1:])}")
    return read_position_file(path)


def read_position_file(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As `read_positions`, of one file."""
    columns = _parquet_columns(path) if path.suffix == ".parquet" else _csv_columns(path)
    try:
        numbers = {name: np.asarray(columns[name], dtype=np.float64) for name in POSITION_COLUMNS[1:]}
    except (TypeError, ValueError) as error:
        raise InputError(
            f"spatial/{path.name}: {error}; expected numbers in every column but barcode"
        ) from error
    xy = np.stack([numbers["pxl_col_in_fullres"], numbers["pxl_row_in_fullres"]], axis=1)
    array_position = np.stack([numbers["array_row"], numbers["array_col"]], axis=1)
    return np.asarray(columns["barcode"], dtype=str), numbers["in_tissue"] == 1, array_position, xy


def _csv_columns(path: Path) -> dict[str, Any]:
    """Columns by name; Space Ranger 1 wrote no header, 2 and later do."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise InputError(f"spatial/{path.name} is empty; copy the directory again")
    header = POSITION_COLUMNS
    if rows[0][0].strip() == "barcode":
        header = tuple(name.strip() for name in rows.pop(0))
    _require_columns(path, header)
    odd = next((row for row in rows if len(row) != len(header)), None)
    if odd is not None:
        raise InputError(
            f"spatial/{path.name}: {','.join(odd)!r} has {len(odd)} values, expected {len(header)}; copy it "
            f"again"
        )
    return dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {name: () for name in header}


def _parquet_columns(path: Path) -> dict[str, Any]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            f"spatial/{path.name} needs the Python package pyarrow, which is not installed"
        ) from error
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(
            f"spatial/{path.name} cannot be read: truncated or damaged; copy it again"
        ) from error
    _require_columns(path, table.column_names)
    return {name: table.column(name).to_numpy() for name in POSITION_COLUMNS}


def _require_columns(path: Path, names: Any) -> None:
    missing = [name for name in POSITION_COLUMNS if name not in names]
    if missing:
        raise InputError(
            f"spatial/{path.name} lacks {', '.join(missing)}; expected {', '.join(POSITION_COLUMNS)}"
        )


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
        values = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"spatial/{path.name} is not valid JSON: {error}; copy it again") from error
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    return {name: float(value) for name, value in numbers.items()}


def read_images(spatial: Path, scalefactors: dict[str, float], warn: Warn) -> dict[str, np.ndarray]:
    """hires and lowres as (H, W, 3) uint8, where there are such images with their scale factor."""
    from tissuegraph.io.images import read_rgb

    images = {}
    for name in ("hires", "lowres"):
        path = next((p for p in spatial.glob(f"tissue_{name}_image.*") if p.suffix in (".png", ".jpg")), None)
        if path is None or f"tissue_{name}_scalef" not in scalefactors:
            continue
        try:
            images[name] = read_rgb(path)
        except InputError as error:  # a slice without its picture is still a slice
            warn(f"image left out: {error}")
    return images
