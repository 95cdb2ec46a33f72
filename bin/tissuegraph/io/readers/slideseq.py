"""Slide-seq: a directory of one puck with bead locations and digital expression."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.dense_text import read_dense_text
from tissuegraph.io.feature_matrix import read_10x_mtx
from tissuegraph.io.matching import match
from tissuegraph.io.positions import read_xy
from tissuegraph.io.readers.mtx import has_mtx
from tissuegraph.io.request import Request
from tissuegraph.io.text import brief

UM_PER_PX = 0.65  # of the microscope that finds the beads, by the authors of Slide-seq
_LOCATIONS = re.compile(r".*bead_?locations?.*\.(csv|tsv|txt)(\.gz)?", re.IGNORECASE)
_EXPRESSION = re.compile(r".*(digital_?expression|mappeddge).*\.(csv|tsv|txt)(\.gz)?", re.IGNORECASE)


def detect(path: Path) -> bool:
    """A directory with a table of bead locations."""
    return path.is_dir() and bool(_named(path, _LOCATIONS))


def read(request: Request) -> RawSlice:
    """Counts of the beads that have a location.

    Counts are the digital expression, a dense text of genes x beads, or matrix.mtx with barcodes.tsv and
    features.tsv. Raises InputError.
    """
    path, warn = request.path, request.warn
    request.refuse_annotation_column()
    if not path.is_dir():
        raise InputError(f"{path.name} is not a directory; expected one with bead locations and expression")
    locations = _only_one(path, _LOCATIONS, "bead locations, e.g. Puck_bead_locations.csv")
    counts, barcodes, ids, symbols = _expression(path)
    beads, xy = read_xy(path / locations)
    order = match(barcodes, beads, f"do expression and {locations} belong to one puck?", warn)
    kept = order >= 0
    request.tell(f"bead locations are taken as pixels of {UM_PER_PX} micrometres, as Slide-seq is imaged")
    return RawSlice(
        platform="slideseq",
        counts=counts[kept],
        barcodes=barcodes[kept],
        gene_ids=ids,
        gene_symbols=symbols,
        xy=xy[order[kept]],
        um_per_px=UM_PER_PX,
    )


def _expression(path: Path) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray, np.ndarray]:
    """Counts (N, G), barcodes (N,), ids and symbols of genes (G,)."""
    if has_mtx(path):
        matrix = read_10x_mtx(path)
        return matrix.counts, matrix.barcodes, matrix.gene_ids, matrix.gene_symbols
    table = _only_one(path, _EXPRESSION, "expression, e.g. Puck.digital_expression.txt.gz or matrix.mtx")
    counts, barcodes, genes = read_dense_text(path / table)
    return counts, barcodes, genes, genes


def _named(path: Path, pattern: re.Pattern[str]) -> list[str]:
    return sorted(item.name for item in path.iterdir() if pattern.fullmatch(item.name) and item.is_file())


def _only_one(path: Path, pattern: re.Pattern[str], what: str) -> str:
    names = _named(path, pattern)
    if len(names) != 1:
        found = f"several tables ({brief(', '.join(names))})" if names else "no table"
        raise InputError(f"{path.name} has {found} of {what}; give a directory with those of one puck")
    return names[0]
