"""What the page reads from a final h5ad: columns of spots, positions, image, and counts piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.h5ad_images import pictures_of
from tissuegraph.io.hdf5 import index_of, strings, text_column

_SPOTS_AT_ONCE = 20_000
_VALUES_AT_ONCE = 5_000_000  # of the counts: 60 MB while one piece is looked at
_LARGEST = 1e300


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """One column of obs: codes (N,) int into categories, -1 missing; or values (N,) float, NaN missing.

    colours: of the categories (#RRGGBB), empty where the file names none.
    """

    name: str
    values: np.ndarray
    categories: tuple[str, ...] | None = None
    colours: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class FinalSlice:
    """A slice without its counts: barcodes (N,), genes (G,) and symbols (G,), columns of obs by name.

    xy: (N, 2) full-resolution pixels; um_per_px: None if unknown; image: (H, W, 3) uint8 or None;
    image_scale: its pixels per full-resolution pixel; inferred: whether expression was never measured;
    facts: text of uns['tissuegraph'], such as platform and final_method.
    """

    barcodes: np.ndarray
    genes: np.ndarray
    symbols: np.ndarray
    xy: np.ndarray
    columns: dict[str, Column]
    image: np.ndarray | None
    image_scale: float
    um_per_px: float | None
    inferred: bool
    facts: dict[str, str]


def read_final(file: Any) -> FinalSlice:
    """Read an open final h5ad. Raises InputError where it holds no spots or none of our domains."""
    obs, own = file["obs"], file["uns"].get(keys.TISSUEGRAPH, {})
    barcodes = index_of(obs)
    if not len(barcodes):
        raise InputError("the h5ad holds no spots; expected the final h5ad of a slice")
    if keys.DOMAIN not in obs:
        raise InputError(f"the h5ad has no obs[{keys.DOMAIN!r}]; expected the final h5ad of a slice")
    image, scale = _image(file["uns"])
    return FinalSlice(
        barcodes=barcodes,
        genes=index_of(file["var"]),
        symbols=_symbols(file["var"]),
        xy=np.asarray(file["obsm"][keys.SPATIAL][()], dtype=float)[:, :2],
        columns=_columns(obs, file["uns"]),
        image=image,
        image_scale=scale,
        um_per_px=_number(own.get(keys.UM_PER_PX)),
        inferred=bool(_number(own.get(keys.INFERRED)) or False),
        facts={name: text for name in ("platform", "final_method") if (text := _text(own.get(name)))},
    )


@dataclass(frozen=True)
class Marker:
    """One row of the table of markers: the gene's name in the file, and its rank from 1 in the domain."""

    domain: str
    gene: str
    rank: int


def marker_table(file: Any) -> list[Marker]:
    """Rows of uns['markers'], empty in a file without."""
    table = file["uns"].get(keys.MARKERS)
    if table is None or not {"domain", "gene", "rank"} <= set(table):
        return []
    rows = zip(
        *(text_column(table[name]) for name in ("domain", "gene")), table["rank"][()].astype(int), strict=True
    )
    return [Marker(str(domain), str(gene), int(rank)) for domain, gene, rank in rows]


def count_pieces(file: Any) -> Iterator[tuple[slice, sparse.csr_matrix]]:
    """Raw counts of the spots in turn, as (rows, counts (n, G) CSR): never in memory together.

    layers['counts'] where there is one, for X is then made from it. Raises InputError where they are stored
    by gene.
    """
    layers = file.get("layers", {})
    matrix = layers[keys.COUNTS] if keys.COUNTS in layers else file["X"]
    if hasattr(matrix, "shape"):
        step = max(1, min(_SPOTS_AT_ONCE, _VALUES_AT_ONCE // max(1, matrix.shape[1])))
        for start in range(0, matrix.shape[0], step):
            rows = slice(start, min(start + step, matrix.shape[0]))
            yield rows, sparse.csr_matrix(matrix[rows])
        return
    if matrix.attrs["encoding-type"] != "csr_matrix":
        raise InputError(
            f"{matrix.name} is stored by gene; expected it by spot (CSR), as the pipeline writes it"
        )
    n_genes, pointers = int(matrix.attrs["shape"][1]), matrix["indptr"][()]
    start = 0
    while start < len(pointers) - 1:
        until = int(np.searchsorted(pointers, pointers[start] + _VALUES_AT_ONCE, side="right")) - 1
        stop = min(max(until, start + 1), start + _SPOTS_AT_ONCE, len(pointers) - 1)
        part = slice(int(pointers[start]), int(pointers[stop]))
        arrays = matrix["data"][part], matrix["indices"][part], pointers[start : stop + 1] - pointers[start]
        yield slice(start, stop), sparse.csr_matrix(arrays, shape=(stop - start, n_genes))
        start = stop


def _columns(obs: Any, uns: Any) -> dict[str, Column]:
    """Columns of obs that can be shown: categories, numbers and flags. Free text is not read."""
    found = {}
    for name in obs.attrs["column-order"]:
        column = _column(str(name), obs[name], uns)
        if column is not None:
            found[column.name] = column
    return found


def _column(name: str, node: Any, uns: Any) -> Column | None:
    if hasattr(node, "keys"):
        if "codes" in node:
            categories = node["categories"]
            texts = strings(categories) if categories.dtype.kind in "SO" else categories[()].astype(str)
            colours = _colours(uns.get(f"{name}_colors"), len(texts))
            codes = np.asarray(node["codes"][()], dtype=np.int64)
            return Column(name=name, values=codes, categories=tuple(map(str, texts)), colours=colours)
        if "mask" not in node or node["values"].dtype.kind not in "biuf":
            return None
        values = np.where(node["mask"][()], np.nan, node["values"][()].astype(float))
        return Column(name=name, values=_usable(values))
    if node.dtype.kind not in "biuf":
        return None
    return Column(name=name, values=_usable(np.asarray(node[()], dtype=float)))


def _usable(values: np.ndarray) -> np.ndarray:
    """Numbers whose differences are numbers too, others missing."""
    return np.where(np.abs(values) < _LARGEST, values, np.nan)


def _colours(node: Any, number: int) -> tuple[str, ...]:
    """The colours that uns names, where there are as many as categories."""
    colours = tuple(map(str, strings(node))) if node is not None else ()
    return colours if len(colours) == number else ()


def _image(uns: Any) -> tuple[np.ndarray | None, float]:
    """The first library's hires image, else lowres, and its scale; None where all are blank."""
    pictures = pictures_of(uns.get(keys.SPATIAL, {}))
    return next((found for found in pictures if found[0].min() < found[0].max()), (None, 1.0))


def _symbols(var: Any) -> np.ndarray:
    """What people call each gene: its symbol, else its name in the file."""
    names = index_of(var)
    node = var.get(keys.GENE_SYMBOL)
    symbols = names if node is None else text_column(node)
    return np.where(symbols == "", names, symbols)


def _number(node: Any) -> float | None:
    return float(node[()]) if node is not None else None


def _text(node: Any) -> str:
    if node is None or node.shape != ():
        return ""
    value = node[()]
    return value.decode() if isinstance(value, bytes) else str(value)
