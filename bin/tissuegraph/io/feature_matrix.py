"""Feature-barcode matrices of 10x Genomics, as HDF5 and as Matrix Market."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_count
from tissuegraph.io.cleaning import GENE_EXPRESSION
from tissuegraph.io.elements import compressed
from tissuegraph.io.hdf5 import group_of, open_hdf5, strings, values
from tissuegraph.io.text import brief, read_bytes, read_text


@dataclass
class Matrix:
    """counts (N, G) CSR, barcodes (N,), gene_ids, gene_symbols and feature_types (G,)."""

    counts: sparse.csr_matrix
    barcodes: np.ndarray
    gene_ids: np.ndarray
    gene_symbols: np.ndarray
    feature_types: np.ndarray


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
