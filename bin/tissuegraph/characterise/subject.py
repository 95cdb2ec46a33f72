"""One assembled slice as characterising needs it: counts, positions, graph, and what divides its spots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.hdf5 import index_of, strings, text_column
from tissuegraph.io.stored import open_own


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A slice of N spots and G genes, of which K domains or regions have spots.

    counts: (N, G) CSR float32, raw, or inferred; genes, gene_ids, symbols: (G,) str; xy: (N, 2)
    full-resolution pixels; graph: (N, N) CSR, neighbours in the tissue; by: the column of obs that divides
    the spots, `region` where sections were taught, else `domain`; codes: (N,) int from 0, into names (K,), -1
    for spots of none; names are in the order of the column.
    """

    barcodes: np.ndarray
    counts: sparse.csr_matrix
    genes: np.ndarray
    gene_ids: np.ndarray
    symbols: np.ndarray
    xy: np.ndarray
    graph: sparse.csr_matrix
    by: str
    codes: np.ndarray
    names: tuple[str, ...]
    inferred: bool = False

    @property
    def sizes(self) -> np.ndarray:
        """(K,) spots of each domain."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))


def read_subject(path: Path) -> Subject:
    """Read what ASSEMBLE wrote; raises InputError where it holds no domains."""
    with open_own(path) as file:
        obs, var, own = file["obs"], file["var"], file["uns"].get(keys.TISSUEGRAPH, {})
        by, codes, names = _division(file)
        genes = index_of(var)
        return Subject(
            barcodes=index_of(obs),
            counts=_matrix(file[f"layers/{keys.COUNTS}"], np.float32),
            genes=genes,
            gene_ids=_text(var, keys.GENE_ID, genes),
            symbols=_text(var, keys.GENE_SYMBOL, genes),
            xy=np.asarray(file["obsm"][keys.SPATIAL][()], dtype=float)[:, :2],
            graph=_matrix(file[f"obsp/{keys.SPATIAL_GRAPH}"], np.float32),
            by=by,
            codes=codes,
            names=names,
            inferred=keys.INFERRED in own and bool(own[keys.INFERRED][()]),
        )


def without_others(subject: Subject, so: str) -> str:
    """What a record says of a slice that has no two domains; so: of one, what that means."""
    if not subject.names:
        return f"no spot is in a {subject.by}"
    return f"there is one {subject.by} only: {so}"


def _division(file: Any) -> tuple[str, np.ndarray, tuple[str, ...]]:
    """`region` of an open h5ad, else `domain`: the column's name, codes (N,) and names (K,).

    Names without a spot are left out. Raises InputError where there is neither.
    """
    obs = file["obs"]
    by = next((name for name in (keys.REGION, keys.DOMAIN) if name in obs and "codes" in obs[name]), None)
    if by is None:
        raise InputError(f"the h5ad has no obs[{keys.DOMAIN!r}]; expected the h5ad of an assembled slice")
    codes = np.asarray(obs[by]["codes"][()], dtype=np.int64)
    names = strings(obs[by]["categories"]).astype(str)
    used = np.unique(codes[codes >= 0])
    place = np.full(len(names) + 1, -1)  # (the last is that of -1)
    place[used] = np.arange(len(used))
    return by, place[codes], tuple(str(name) for name in names[used])


def _matrix(node: Any, kind: type) -> sparse.csr_matrix:
    """A stored sparse matrix."""
    shape = tuple(int(n) for n in node.attrs["shape"])
    arrays = node["data"][()].astype(kind, copy=False), node["indices"][()], node["indptr"][()]
    if node.attrs["encoding-type"] == "csc_matrix":
        return sparse.csc_matrix(arrays, shape=shape).tocsr()
    return sparse.csr_matrix(arrays, shape=shape)


def _text(frame: Any, name: str, otherwise: np.ndarray) -> np.ndarray:
    """A column of text; where it is absent or empty, the other text."""
    texts = text_column(frame[name]) if name in frame else otherwise
    return np.where(texts == "", otherwise, texts)
