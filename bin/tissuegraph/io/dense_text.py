"""Tables of genes x barcodes written out as text, zeros and all: read line by line, kept sparse."""

from __future__ import annotations

import gzip
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_count
from tissuegraph.io.kinds import GZIP, kind_of
from tissuegraph.io.text import brief

LONGEST_LINE = 1 << 28  # bytes; a gene of a million barcodes has 2 MB
COMMENT = b"#"  # Drop-seq tools begin with one


def read_dense_text(path: Path) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Counts (N, G) CSR, barcodes (N,) and genes (G,) of a table with a line per gene, compressed or not.

    Its first line names the barcodes, with or without a name for the column of genes. Separated by tabs or
    commas. One line at a time is in memory, besides what is not zero. Raises InputError.
    """
    genes: list[str] = []
    data: list[np.ndarray] = []
    indices: list[np.ndarray] = []
    with _opened(path) as lines:
        header = next(lines, b"")
        separator = b"\t" if b"\t" in header else b","
        names = [_text(cell, path.name) for cell in header.split(separator)]
        barcodes = names[1:]
        for line in lines:
            gene, _, rest = line.partition(separator)
            if not genes and rest.count(separator) + 1 == len(names):  # R leaves the first name out
                barcodes = names
            genes.append(_text(gene, path.name))
            counts = _numbers(rest, separator, len(barcodes), path.name, genes[-1])
            indices.append(np.flatnonzero(counts).astype(np.int32))
            data.append(counts[indices[-1]].astype(np.float32))
    if not genes or not barcodes:
        raise InputError(f"{path.name} holds no counts; expected a line of barcodes and one line per gene")
    check_count(path.name, len(barcodes))
    pointers = np.concatenate([[0], np.cumsum([len(found) for found in indices])])
    by_gene = sparse.csr_matrix(
        (np.concatenate(data), np.concatenate(indices), pointers), shape=(len(genes), len(barcodes))
    )
    return by_gene.T.tocsr(), np.array(barcodes, dtype=str), np.array(genes, dtype=str)


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[bytes]]:
    """The lines of a file that are neither empty nor comments; what is damaged becomes an InputError."""
    kind = kind_of(path)
    if kind not in (GZIP, "text"):
        raise InputError(f"{path.name} is {kind}; expected a table of counts as text, compressed or not")
    try:
        with gzip.open(path) if kind == GZIP else path.open("rb") as file:
            yield _lines(file, path.name)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path.name} is truncated or damaged; copy it again") from error


def _lines(file: IO[bytes], name: str) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise InputError(f"{name} has a line of more than {LONGEST_LINE:,} bytes; expected one per gene")
        if line.strip() and not line.startswith(COMMENT):
            yield line.rstrip(b"\r\n")


def _text(cell: bytes, name: str) -> str:
    try:
        return cell.decode().strip().strip('"')
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text; save it as UTF-8") from error


def _numbers(cells: bytes, separator: bytes, n: int, name: str, gene: str) -> np.ndarray:
    """The counts (n,) of one gene. Raises InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # numpy's for text that is no number
            found = np.fromstring(cells, dtype=np.float64, sep=separator.decode())
    except (DeprecationWarning, ValueError):
        found = np.zeros(0)
    if len(found) != n:
        raise InputError(
            f"{name}: the line of {brief(gene, 40)} does not hold {n} numbers, one for each barcode; is the "
            f"file cut? copy it again"
        )
    return found
