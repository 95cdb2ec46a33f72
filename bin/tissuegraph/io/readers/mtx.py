"""A matrix in Matrix Market form, as 10x and many others write it, with a table of coordinates beside it."""

from __future__ import annotations

import re
from pathlib import Path

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.feature_matrix import read_10x_mtx
from tissuegraph.io.matching import match
from tissuegraph.io.positions import read_xy
from tissuegraph.io.request import Request
from tissuegraph.io.text import brief

_TABLE = re.compile(r".+\.(csv|tsv|txt)(\.gz)?", re.IGNORECASE)
_OF_MATRIX = re.compile(r"(barcodes|features|genes)\.tsv(\.gz)?")
_OF_POSITIONS = re.compile(r"coord|position|location|centroid|spatial", re.IGNORECASE)


def detect(path: Path) -> bool:
    """A directory with matrix.mtx and a table whose name says that it holds positions."""
    return path.is_dir() and has_mtx(path) and any(map(_OF_POSITIONS.search, _tables(path)))


def has_mtx(path: Path) -> bool:
    """Whether a directory holds matrix.mtx, compressed or not."""
    return any((path / name).is_file() for name in ("matrix.mtx", "matrix.mtx.gz"))


def read(request: Request) -> RawSlice:
    """Counts of matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv), positions of the one other table.

    Positions are pixels of the full-resolution image. Raises InputError.
    """
    path = request.path
    request.refuse_annotation_column()
    if not path.is_dir() or not has_mtx(path):
        raise InputError(
            f"{path.name} has no matrix.mtx or matrix.mtx.gz; expected a directory with it, barcodes.tsv, "
            f"features.tsv and coordinates.csv (barcode,x,y)"
        )
    matrix = read_10x_mtx(path)
    table = _coordinates(path)
    barcodes, xy = read_xy(path / table)
    order = match(matrix.barcodes, barcodes, f"do matrix and {table} belong together?", request.warn)
    kept = order >= 0
    return RawSlice(
        platform="mtx",
        counts=matrix.counts[kept],
        barcodes=matrix.barcodes[kept],
        gene_ids=matrix.gene_ids,
        gene_symbols=matrix.gene_symbols,
        xy=xy[order[kept]],
        feature_types=matrix.feature_types,
    )


def _tables(path: Path) -> list[str]:
    """Names of the tables beside the matrix."""
    names = sorted(item.name for item in path.iterdir() if item.is_file())
    return [name for name in names if _TABLE.fullmatch(name) and not _OF_MATRIX.fullmatch(name)]


def _coordinates(path: Path) -> str:
    tables = _tables(path)
    named = [name for name in tables if _OF_POSITIONS.search(name)] or tables
    if len(named) == 1:
        return named[0]
    found = f"several tables ({brief(', '.join(named))})" if named else "no table"
    raise InputError(
        f"{path.name} has a matrix and {found}; expected one called coordinates.csv with barcode,x,y"
    )
