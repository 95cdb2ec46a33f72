"""GEF files of Stereo-seq: counts of square bins, or of cells, in HDF5 as SAW and geftools write them.

Coordinates are DNB, the spots of the chip, mostly 500 nm apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_count
from tissuegraph.io.hdf5 import check_size, decoded, group_of
from tissuegraph.io.text import brief

CHUNK = 1 << 22  # stored values per look: a chip has a billion
DEFAULT_NM = 500.0
OF_CELLS = ("area", "dnbCount")  # in DNB
_LARGEST = 1 << 31  # DNB of a coordinate


@dataclass
class Bins:
    """Square bins, or cells.

    counts: (N, G) CSR; barcodes: (N,) as Stereopy names bins and cells; gene_ids, gene_symbols: (G,); xy:
    (N, 2) centres in DNB; array_position: (N, 2) row and column of square bins, None for cells; measures:
    name to (N,) whole numbers, of cells.
    """

    counts: sparse.csr_matrix
    barcodes: np.ndarray
    gene_ids: np.ndarray
    gene_symbols: np.ndarray
    xy: np.ndarray
    array_position: np.ndarray | None = None
    measures: dict[str, np.ndarray] = field(default_factory=dict)


def nanometres(file: Any) -> float:
    """The distance of two DNB, as the file says it, or the usual one."""
    for node in (file.get(f"geneExp/{name}/expression") for name in stored_bins(file).values()):
        if node is not None and "resolution" in node.attrs:
            value = float(np.ravel(node.attrs["resolution"])[0])
            if value > 0:
                return value
    return DEFAULT_NM


def stored_bins(file: Any) -> dict[int, str]:
    """DNB along a side to the name of the group, of the square bins that a file has."""
    names = group_of(file, "geneExp") if "geneExp" in file else ()
    return {int(name[3:]): name for name in names if name.startswith("bin") and name[3:].isdecimal()}


def read_square_bins(file: Any, size: int) -> Bins:
    """Square bins of `size` DNB a side; where they are not stored they are summed from bin1.

    Raises InputError.
    """
    stored = stored_bins(file)
    source = size if size in stored else 1
    if source not in stored:
        raise InputError(
            f"the file has no bins of {size} x {size} DNB and no bin1 to sum them from; it has "
            f"{', '.join(stored[n] for n in sorted(stored)) or 'none'}: name one of them in the column bin_um"
        )
    group = group_of(file, f"geneExp/{stored[source]}")
    expression = _records(group, "expression", ("x", "y", "count"))
    ids, symbols, ends = _genes(group, len(expression))
    factor = source if _are_indices(expression, source) else 1  # some tools number bins, others place them
    keys, genes, counts = [], [], []
    for start, part in _parts(expression):
        x, y = (part[name].astype(np.int64) * factor // size for name in ("x", "y"))
        if min(x.min(), y.min()) < 0 or max(x.max(), y.max()) >= _LARGEST:
            raise InputError(f"{expression.name} is damaged: coordinates below 0 or too large; copy it again")
        gene = np.searchsorted(ends, np.arange(start, start + len(part)), side="right")
        for found, value in zip(
            (keys, genes, counts), _summed((x << 32) | y, gene, part["count"]), strict=True
        ):
            found.append(value)
    if not keys:
        raise InputError(f"{expression.name} is empty: no counts in it; give a file with expression")
    places, rows = np.unique(np.concatenate(keys), return_inverse=True)
    check_count(expression.name, len(places))
    matrix = sparse.coo_matrix(
        (np.concatenate(counts), (rows, np.concatenate(genes))), shape=(len(places), len(ids))
    ).tocsr()
    column, row = places >> 32, places & 0xFFFFFFFF
    corner = np.stack([column, row], axis=1) * size
    return Bins(
        counts=matrix,
        barcodes=((corner[:, 0] << 32) | corner[:, 1]).astype(str),
        gene_ids=ids,
        gene_symbols=symbols,
        xy=corner + size / 2,
        array_position=np.stack([row, column], axis=1),
    )


def read_cell_bins(file: Any) -> Bins:
    """Cells with their centres. Raises InputError."""
    group = group_of(file, "cellBin")
    cells = _records(group, "cell", ("id", "x", "y", "offset", "geneCount"))[()]
    expression = _records(group, "cellExp", ("geneID", "count"))
    ids, symbols, _ = _genes(group)
    lengths = cells["geneCount"].astype(np.int64)
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    if pointers[-1] != len(expression) or (cells["offset"] != pointers[:-1]).any():
        raise InputError(
            f"{group.name} is damaged: its cells have {pointers[-1]:,} values and cellExp has "
            f"{len(expression):,}, or another order; copy it again"
        )
    genes, counts = expression["geneID"].astype(np.int64), expression["count"]
    if len(genes) and genes.max() >= len(ids):
        raise InputError(
            f"{group.name} is damaged: cellExp names gene {genes.max()} of {len(ids)}; copy it again"
        )
    return Bins(
        counts=sparse.csr_matrix((counts, genes, pointers), shape=(len(cells), len(ids))),
        barcodes=cells["id"].astype(str),
        gene_ids=ids,
        gene_symbols=symbols,
        xy=np.stack([cells["x"], cells["y"]], axis=1).astype(np.float64),
        measures={name: cells[name] for name in OF_CELLS if name in cells.dtype.names},
    )


def _records(group: Any, name: str, fields: tuple[str, ...]) -> Any:
    """An array of records with these fields; raises InputError."""
    if name not in group:
        raise InputError(f"{group.name} lacks {name}; copy the file again")
    node = group[name]
    names = getattr(getattr(node, "dtype", None), "names", None) or ()
    missing = [field for field in fields if field not in names or node.dtype[field].kind not in "iu"]
    if missing or node.ndim != 1:
        raise InputError(
            f"{node.name} has the fields {brief(', '.join(names)) or 'none'}; expected {', '.join(fields)} "
            f"as whole numbers"
        )
    check_size(node)
    return node


def _genes(group: Any, n_values: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids and symbols (G,), and where each gene's values end among the `n_values` of all."""
    node = _records(group, "gene", ("offset",))
    names = [name for name in ("geneID", "gene", "geneName") if name in node.dtype.names]
    names = [name for name in names if node.dtype[name].kind == "S"]
    if not names:
        raise InputError(f"{node.name} has no names of genes (geneName or gene); copy the file again")
    found = node[()]
    ids, symbols = (
        np.array([decoded(value, node.name) for value in found[name].tolist()], dtype=str)
        for name in (names[0], names[-1])
    )
    symbols = np.where(symbols == "", ids, symbols)
    ids = np.where(ids == "", symbols, ids)
    if n_values is None:
        return ids, symbols, np.zeros(0, dtype=np.int64)
    ends = np.cumsum(found["count"].astype(np.int64)) if "count" in found.dtype.names else np.zeros(0, int)
    starts = np.concatenate([[0], ends])[:-1]
    if len(ends) != len(found) or not len(ends) or ends[-1] != n_values or (found["offset"] != starts).any():
        raise InputError(
            f"{node.name} is damaged: its genes do not cover the {n_values:,} values of expression one after "
            f"the other; copy it again"
        )
    return ids, symbols, ends


def _are_indices(expression: Any, size: int) -> bool:
    """Whether coordinates of stored bins count bins, rather than DNB in steps of the bin."""
    return size > 1 and any(
        (part[name] % size).any() for _, part in _parts(expression) for name in ("x", "y")
    )


def _parts(records: Any) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(records), CHUNK):
        yield start, records[start : start + CHUNK]


def _summed(
    keys: np.ndarray, genes: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One value for each pair of place and gene that occurs: places, genes and sums."""
    order = np.lexsort((keys, genes))
    keys, genes = keys[order], genes[order]
    first = np.concatenate([[True], (keys[1:] != keys[:-1]) | (genes[1:] != genes[:-1])])
    starts = np.flatnonzero(first)
    return keys[starts], genes[starts], np.add.reduceat(counts[order].astype(np.int64), starts)
