"""Read back parts of a canonical slice straight from HDF5: no 3 s import of anndata for small steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.io.hdf5 import open_hdf5, strings


@dataclass(frozen=True, eq=False)
class StoredSlice:
    """counts (N, G) float32 CSR, barcodes (N,), symbols (G,), xy (N, 2) and pitch in pixels."""

    counts: sparse.csr_matrix
    barcodes: np.ndarray
    symbols: np.ndarray
    xy: np.ndarray
    pitch: float


def read_stored(path: Path) -> StoredSlice:
    """Read what `ingest` wrote; raises InputError for anything else."""
    with open_hdf5(path) as file:
        matrix = file["X"]
        parts = tuple(matrix[name][()] for name in ("data", "indices", "indptr"))
        return StoredSlice(
            counts=sparse.csr_matrix(parts, shape=tuple(int(n) for n in matrix.attrs["shape"])),
            barcodes=_index(file["obs"]),
            symbols=_text(file["var"]["gene_symbol"]),
            xy=file["obsm"][keys.SPATIAL][()],
            pitch=float(file["uns"][keys.TISSUEGRAPH]["pitch_px"][()]),
        )


def _index(frame: Any) -> np.ndarray:
    return _text(frame[frame.attrs["_index"]])


def _text(node: Any) -> np.ndarray:
    """A column of text: an array, nullable strings (values, mask), or a categorical (codes, categories)."""
    if "codes" in node if hasattr(node, "keys") else False:
        return _text(node["categories"])[node["codes"][()]]
    return strings(node["values"] if hasattr(node, "keys") else node)
