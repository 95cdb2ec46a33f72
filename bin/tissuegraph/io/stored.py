"""Read back parts of a canonical slice straight from HDF5: no 3 s import of anndata for small steps."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.hdf5 import index_of, open_hdf5, text_column
from tissuegraph.io.intermediate import damaged, reading

_CHUNK_SPOTS = 32_768  # rows of counts read at a time where only some are kept


@dataclass(frozen=True, eq=False)
class StoredSlice:
    """counts (N, G) float32 CSR; barcodes (N,); genes, gene_ids, symbols (G,); xy (N, 2), pitch in pixels;
    um_per_px None if unknown; inferred: whether the counts were inferred from the image.
    """

    counts: sparse.csr_matrix
    barcodes: np.ndarray
    genes: np.ndarray
    gene_ids: np.ndarray
    symbols: np.ndarray
    xy: np.ndarray
    pitch: float
    um_per_px: float | None = None
    inferred: bool = False

    def part(self, spots: np.ndarray) -> StoredSlice:
        """Some spots, as indices or as a mask."""
        return replace(self, counts=self.counts[spots], barcodes=self.barcodes[spots], xy=self.xy[spots])


@contextmanager
def open_own(path: Path) -> Iterator[Any]:
    """As `open_hdf5`, for what an earlier step wrote: an error says how to make it again."""
    try:
        with open_hdf5(path) as file:
            yield file
    except InputError as error:
        raise damaged(path, "slice", error) from error


def read_stored(path: Path) -> StoredSlice:
    """Read what `ingest` wrote; raises InputError for anything else."""
    with open_own(path) as file:
        return _stored(file, index_of(file["obs"]))


def _stored(file: Any, barcodes: np.ndarray, keep: np.ndarray | None = None) -> StoredSlice:
    """What an open slice holds of all its spots, or of those of a mask (N,)."""
    spots = slice(None) if keep is None else keep
    settings = file["uns"][keys.TISSUEGRAPH]
    return StoredSlice(
        counts=_counts(file["X"], keep),
        barcodes=barcodes[spots],
        genes=index_of(file["var"]),
        gene_ids=text_column(file["var"][keys.GENE_ID]),
        symbols=text_column(file["var"][keys.GENE_SYMBOL]),
        xy=file["obsm"][keys.SPATIAL][()][spots],
        pitch=float(settings[keys.PITCH_PX][()]),
        um_per_px=_scale(settings),
        inferred=keys.INFERRED in settings and bool(settings[keys.INFERRED][()]),
    )


def _counts(matrix: Any, keep: np.ndarray | None) -> sparse.csr_matrix:
    """Counts of all spots, or of those of a mask: then read in pieces, so that the others are never held."""
    n_spots, n_genes = (int(n) for n in matrix.attrs["shape"])
    pointer = matrix["indptr"][()]
    if keep is None:
        return sparse.csr_matrix(
            (matrix["data"][()], matrix["indices"][()], pointer), shape=(n_spots, n_genes)
        )
    lengths = np.diff(pointer)
    if pointer[0] != 0 or (lengths < 0).any() or pointer[-1] != matrix["data"].shape[0]:
        raise ValueError("the rows of X do not follow each other")
    kept_pointer = np.concatenate([[0], np.cumsum(lengths[keep])])
    parts = [np.empty(kept_pointer[-1], dtype=matrix[name].dtype) for name in ("data", "indices")]
    filled = 0
    for start in range(0, n_spots, _CHUNK_SPOTS):
        stop = min(start + _CHUNK_SPOTS, n_spots)
        entries = np.repeat(keep[start:stop], lengths[start:stop])
        n_kept = int(entries.sum())
        for part, name in zip(parts, ("data", "indices"), strict=True):
            part[filled : filled + n_kept] = matrix[name][pointer[start] : pointer[stop]][entries]
        filled += n_kept
    return sparse.csr_matrix((*parts, kept_pointer), shape=(int(keep.sum()), n_genes))


def _scale(settings: Any) -> float | None:
    return float(settings[keys.UM_PER_PX][()]) if keys.UM_PER_PX in settings else None


@dataclass(frozen=True, eq=False)
class Places:
    """Where the kept spots lie: xy (N, 2) and pitch in full-resolution pixels; um_per_px and who said so,
    None and empty if unknown.
    """

    xy: np.ndarray
    pitch: float
    um_per_px: float | None
    um_per_px_source: str = ""


def read_places(slice_path: Path, spots_path: Path) -> Places:
    """As `read_kept`, without reading the counts."""
    with open_own(slice_path) as file:
        barcodes, xy = index_of(file["obs"]), file["obsm"][keys.SPATIAL][()]
        settings = file["uns"][keys.TISSUEGRAPH]
        scale = _scale(settings)
        source = settings[keys.UM_PER_PX_SOURCE].asstr()[()] if keys.UM_PER_PX_SOURCE in settings else ""
        pitch = float(settings[keys.PITCH_PX][()])
    return Places(xy[_kept(spots_path, barcodes, slice_path.name)], pitch, scale, source)


def read_images(path: Path) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Images (H, W, 3) uint8 and scale factors that a canonical slice carries, by name; both may be empty.

    Fluorescence is left out: nothing that reads histology should learn from it.
    """
    with open_own(path) as file:
        if keys.FLUORESCENCE in file["uns"][keys.TISSUEGRAPH]:
            return {}, {}
        libraries = file["uns"].get(keys.SPATIAL, {})
        library = next(iter(libraries.values()), {})
        images, factors = library.get("images", {}), library.get("scalefactors", {})
        return {name: images[name][()] for name in images}, {
            name: float(factors[name][()]) for name in factors
        }


def read_kept(slice_path: Path, spots_path: Path) -> StoredSlice:
    """The spots that QC kept, in the order of the slice.

    Raises InputError where the two files are not of the same slice or fewer than two spots are left.
    """
    with open_own(slice_path) as file:
        barcodes = index_of(file["obs"])
    keep = _kept(spots_path, barcodes, slice_path.name)
    if keep.sum() < 2:
        raise InputError(f"at least two spots are needed, QC kept {keep.sum()}; relax its thresholds")
    with open_own(slice_path) as file:
        return _stored(file, barcodes, keep)


def _kept(spots_path: Path, barcodes: np.ndarray, slice_name: str) -> np.ndarray:
    """Column `keep` of the table of spots, bool (N,), after checking that it lists these barcodes."""
    with reading(spots_path, "table of spots"), gzip.open(spots_path, "rt", newline="") as lines:
        rows = csv.reader(lines)
        column = next(rows).index(keys.KEEP)
        listed, keep = zip(*((row[0], row[column] == "True") for row in rows), strict=True)
    if not np.array_equal(np.array(listed), barcodes.astype(str)):
        raise InputError(
            f"{spots_path.name} and {slice_name} must list the same spots in the same order, got "
            f"{len(listed)} and {len(barcodes)}; run qc.py on this slice again"
        )
    return np.array(keep)


def read_annotation(slice_path: Path, spots_path: Path) -> np.ndarray | None:
    """Manual labels of the kept spots, (N,) str with None where missing; None for a slice without
    annotation.
    """
    with open_own(slice_path) as file:
        barcodes, obs = index_of(file["obs"]), file["obs"]
        if keys.ANNOTATION not in obs:
            return None
        column = obs[keys.ANNOTATION]
        names = np.append(text_column(column["categories"]).astype(object), None)  # code -1 is the last
        labels = names[column["codes"][()]]
    return labels[_kept(spots_path, barcodes, slice_path.name)]
