"""What users keep in an h5ad beside counts and positions, for the result: of obs, var, obsm and layers.

N spots, G genes. Nothing here decides anything: what cannot be carried is left out and said, and the slice
goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.elements import categories, column, columns, index, matrix
from tissuegraph.io.hdf5 import values
from tissuegraph.io.request import Warn
from tissuegraph.io.text import brief

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 500  # of obs, of var, and of one array of obsm; more is a matrix, not a description
_RESERVED = {"_index"}  # anndata refuses to write it


def own_obs(obs: Any, n_spots: int, ours: bool, warn: Warn) -> pd.DataFrame:
    """Columns of obs as numbers, flags or categories of text, (N, ...).

    ours: whether this pipeline wrote the file: what it writes itself is made anew then and left out here.
    """
    names = [name for name in columns(obs) if not (ours and keys.is_own_column(name))]
    return _own_columns(obs, "obs", names, n_spots, warn)


def own_var(var: Any, n_genes: int, ours: bool, warn: Warn) -> pd.DataFrame:
    """As `own_obs`, of var, (G, ...); identifiers and symbols of genes are read as such."""
    read = {keys.GENE_ID, keys.GENE_SYMBOL}
    names = [name for name in columns(var) if name not in read and not (ours and keys.is_own_of_gene(name))]
    return _own_columns(var, "var", names, n_genes, warn)


def _own_columns(frame: Any, where: str, names: list[str], n_rows: int, warn: Warn) -> pd.DataFrame:
    import pandas as pd

    names = [name for name in names if name not in _RESERVED]
    if len(names) > MOST_COLUMNS:
        n_lost = len(names) - MOST_COLUMNS
        warn(f"{n_lost} of {len(names)} columns of {where} are not kept (at most {MOST_COLUMNS})")
    found, lost = {}, []
    for name in names[:MOST_COLUMNS]:
        try:
            given = column(frame, name)
        except InputError:
            lost.append(name)
            continue
        if len(given) == n_rows:
            found[name] = _typed(given, *categories(frame, name))
        else:
            lost.append(name)
    if lost:
        warn(f"columns of {where} that cannot be read are not kept: {brief(', '.join(lost))}")
    return pd.DataFrame(found, index=pd.RangeIndex(n_rows))


def _typed(given: np.ndarray, known: Sequence[Any] = (), ordered: bool = False) -> Any:
    """Objects (N,), None where missing, as flags, numbers or categories of text.

    known: values in their order, which categories keep; ordered: whether that order says something.
    """
    import pandas as pd

    missing = np.array([value is None for value in given], dtype=bool)
    there = given[~missing]
    if not len(there):
        return np.full(len(given), np.nan)
    if all(isinstance(value, bool | np.bool_) for value in there) and not missing.any():
        return there.astype(bool)
    if all(isinstance(value, int | float | np.number) for value in there):
        if not missing.any() and all(isinstance(value, int | np.integer) for value in there):
            large = max(there) > np.iinfo(np.int64).max  # identifiers that are hashes
            return there.astype(np.uint64 if large else np.int64)
        return np.array([np.nan if value is None else value for value in given], dtype=np.float64)
    text = pd.Categorical([None if value is None else str(value) for value in given])
    order = [value for value in dict.fromkeys(map(str, known)) if value in text.categories]
    return pd.Categorical(text, order, ordered=ordered) if order else text


def own_obsm(file: Mapping[str, Any], n_spots: int, ours: bool, warn: Warn) -> dict[str, np.ndarray]:
    """Arrays of numbers (N, at most 500) of obsm but for the positions; ours: as in `own_obs`."""
    group = file.get("obsm")
    if not hasattr(group, "keys"):
        return {}
    found, lost = {}, []
    for name in group:
        if name == keys.SPATIAL or (ours and keys.is_own_array(name)):
            continue
        node = group[name]
        shape, dtype = getattr(node, "shape", None), getattr(node, "dtype", None)
        fits = shape is not None and len(shape) == 2 and shape[0] == n_spots and shape[1] <= MOST_COLUMNS
        if not fits or dtype is None or dtype.kind not in "biuf":
            lost.append(name)
            continue
        try:
            found[name] = np.asarray(values(node))
        except InputError:
            lost.append(name)
    if lost:
        warn(
            f"obsm is kept where it holds numbers, one row per spot and at most {MOST_COLUMNS} columns; left "
            f"out: {brief(', '.join(lost))}"
        )
    return found


def own_layers(
    file: Mapping[str, Any], genes: np.ndarray, read: str, ours: bool, warn: Warn
) -> dict[str, Any]:
    """Layers of numbers (N, G), sparse ones as they are; genes: names (G,) of those that were counted.

    read: where the counts were read, which is not carried twice. Counts of `raw` may have other genes than
    the layers, of which none is kept then. ours: as in `own_obs`.
    """
    group = file.get("layers")
    names = list(group) if hasattr(group, "keys") else []
    names = [name for name in names if read != f"layers/{name}" and not (ours and name == keys.COUNTS)]
    if not names:
        return {}
    if not np.array_equal(index(file["var"]), genes):
        warn(f"layers are not kept, as their genes are not the {len(genes)} of raw, which has the counts")
        return {}
    found, lost = {}, []
    shape = (len(index(file["obs"])), len(genes))
    for name in names:
        try:
            found[name] = matrix(group[name], shape)
        except (InputError, ValueError):  # (scipy has no sparse matrix of such numbers)
            lost.append(name)
    if lost:
        size = f"{shape[0]} x {shape[1]}"
        names = brief(", ".join(lost))
        warn(f"layers are kept where they hold numbers, {size} as the counts; left out: {names}")
    return found
