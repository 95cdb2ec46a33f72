"""The arrays that one slice carries from graph building to training, as one npz; no anndata needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.intermediate import read_arrays, reading


@dataclass(frozen=True, eq=False)
class SliceArrays:
    """One slice as plain arrays: N kept spots in slice order, G selected genes, D features.

    counts:   CSR (N, G) float32, raw counts of the selected genes
    features: (N, D) float32, dense or CSR; the input of the network
    depth:    (N,) float32, total counts of each spot over all genes, selected or not
    position: (N, 2) float64, x and y in full-resolution pixels
    spatial:  CSR (N, N) bool, symmetric, zero diagonal
    feature:  CSR (N, N) bool, symmetric, zero diagonal
    genes:    (G,) str
    pitch:    distance of neighbouring spots in full-resolution pixels, as ingest measured it over all spots
    um_per_px: micrometres of a full-resolution pixel, None where it is not known
    inferred: whether the counts were inferred from the image, not measured

    Construction converts types and checks shapes; raises InputError naming the array at fault.
    """

    counts: sparse.csr_matrix
    features: np.ndarray | sparse.csr_matrix
    depth: np.ndarray
    position: np.ndarray
    spatial: sparse.csr_matrix
    feature: sparse.csr_matrix
    genes: np.ndarray
    pitch: float
    um_per_px: float | None = None
    inferred: bool = False

    def __post_init__(self) -> None:
        canonical = {
            "counts": _csr(self.counts, np.float32),
            "features": _csr(self.features, np.float32)
            if sparse.issparse(self.features)
            else np.ascontiguousarray(self.features, dtype=np.float32),
            "depth": np.asarray(self.depth, dtype=np.float32),
            "position": np.asarray(self.position, dtype=np.float64),
            "spatial": _csr(self.spatial, bool),
            "feature": _csr(self.feature, bool),
            "genes": np.asarray(self.genes, dtype=str),
            "pitch": float(self.pitch),
            keys.UM_PER_PX: float(self.um_per_px) if self.um_per_px else None,
        }
        for name, value in canonical.items():
            object.__setattr__(self, name, value)
        _check(self)

    @property
    def n_spots(self) -> int:
        return self.counts.shape[0]

    @property
    def n_genes(self) -> int:
        return self.counts.shape[1]

    def save(self, path: str | Path) -> None:
        """Write everything to one npz; `load` gives back the same values.

        Not compressed: for 3,600 spots x 3,000 genes that takes 0.01 s and 12 MB against 0.5 s and
        3 MB, and the file lives in a work directory only.
        """
        parts = {"depth": self.depth, "position": self.position, "genes": self.genes}
        parts["pitch"] = np.float64(self.pitch)
        parts[keys.UM_PER_PX] = np.float64(self.um_per_px or 0)
        parts[keys.INFERRED] = np.bool_(self.inferred)
        parts |= _csr_parts("counts", self.counts)
        parts |= _graph_parts("spatial", self.spatial) | _graph_parts("feature", self.feature)
        if sparse.issparse(self.features):
            parts |= _csr_parts("features", self.features)
        else:
            parts["features"] = self.features
        with open(path, "wb") as file:  # an open file keeps numpy from appending .npz to the name
            np.savez(file, **parts)

    @classmethod
    def load(cls, path: str | Path) -> SliceArrays:
        """Read what `save` wrote; raises InputError when the file is something else or damaged."""
        with reading(path, "slice arrays"):
            parts = read_arrays(path, "slice arrays")
            return cls(
                counts=_csr_from("counts", parts),
                features=parts["features"] if "features" in parts else _csr_from("features", parts),
                depth=parts["depth"],
                position=parts["position"],
                spatial=_graph_from("spatial", parts),
                feature=_graph_from("feature", parts),
                genes=parts["genes"],
                pitch=float(parts["pitch"]),
                um_per_px=float(parts[keys.UM_PER_PX]) or None,
                inferred=bool(parts[keys.INFERRED]),
            )


def _csr(matrix, dtype) -> sparse.csr_matrix:
    """Canonical CSR: sorted indices, no duplicates; shares memory where nothing had to change."""
    matrix = sparse.csr_matrix(matrix, dtype=dtype)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return matrix


def _check(arrays: SliceArrays) -> None:
    n_spots, n_genes = arrays.counts.shape
    if n_spots == 0 or n_genes == 0:
        raise InputError(
            f"counts need at least one spot and one gene, got {n_spots} x {n_genes}; relax the thresholds"
        )
    expected = {
        "depth": (n_spots,),
        "position": (n_spots, 2),
        "spatial": (n_spots, n_spots),
        "feature": (n_spots, n_spots),
        "genes": (n_genes,),
    }
    for name, shape in expected.items():
        got = getattr(arrays, name).shape
        if got != shape:
            raise InputError(
                f"{name} must have shape {shape} to go with counts {arrays.counts.shape}, got {got}"
            )
    if arrays.features.ndim != 2 or arrays.features.shape[0] != n_spots:
        raise InputError(
            f"features must have one row per spot ({n_spots}), got shape {arrays.features.shape}"
        )
    for name in ("counts", "features", "depth", "position"):
        value = getattr(arrays, name)
        if not np.isfinite(value.data if sparse.issparse(value) else value).all():
            raise InputError(f"{name} must be finite, got NaN or infinite values; drop those spots first")
    if not (np.isfinite(arrays.pitch) and arrays.pitch > 0):
        raise InputError(f"pitch must be a positive distance in pixels, got {arrays.pitch}")
    for name in ("spatial", "feature"):
        _check_graph(name, getattr(arrays, name))


def _check_graph(name: str, graph: sparse.csr_matrix) -> None:
    if graph.diagonal().any():
        raise InputError(f"the {name} graph must have a zero diagonal; self-loops are added by the model")
    if (graph != graph.T).nnz:
        raise InputError(f"the {name} graph must be symmetric; symmetrise it by OR first")


def _csr_parts(name: str, matrix: sparse.csr_matrix) -> dict[str, np.ndarray]:
    return {
        f"{name}.data": matrix.data,
        f"{name}.indices": matrix.indices,
        f"{name}.indptr": matrix.indptr,
        f"{name}.shape": np.asarray(matrix.shape),
    }


def _csr_from(name: str, parts: dict[str, np.ndarray]) -> sparse.csr_matrix:
    pattern = (parts[f"{name}.data"], parts[f"{name}.indices"], parts[f"{name}.indptr"])
    return sparse.csr_matrix(pattern, shape=tuple(parts[f"{name}.shape"]))


def _graph_parts(name: str, graph: sparse.csr_matrix) -> dict[str, np.ndarray]:
    """A boolean graph is its pattern; explicit False entries go."""
    if not graph.data.all():
        graph = graph.copy()
        graph.eliminate_zeros()
    return {f"{name}.indices": graph.indices, f"{name}.indptr": graph.indptr}


def _graph_from(name: str, parts: dict[str, np.ndarray]) -> sparse.csr_matrix:
    indices, indptr = parts[f"{name}.indices"], parts[f"{name}.indptr"]
    size = len(indptr) - 1
    return sparse.csr_matrix((np.ones(len(indices), dtype=bool), indices, indptr), shape=(size, size))
