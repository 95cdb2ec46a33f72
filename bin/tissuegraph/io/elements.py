"""The parts of an AnnData file that a slice needs, read one by one: nothing else of a file is looked at.

Written for the layouts of anndata 0.7 and later; `rewritten` turns older ones into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_count, check_declared
from tissuegraph.io.hdf5 import strings, values


def index(frame: Any) -> np.ndarray:
    """Names of the rows of obs or var, (n,) str; raises InputError."""
    name = frame.attrs.get("_index")
    name = name.decode() if isinstance(name, bytes) else name
    if not isinstance(name, str) or name not in frame:
        raise InputError(
            f"{frame.name} has no index: it is damaged, or no table of anndata; write the file again"
        )
    names = column(frame, name)
    check_count(frame.name, len(names))
    return np.array(["" if value is None else str(value) for value in names], dtype=str)


def columns(frame: Any) -> list[str]:
    """Names of the columns of obs or var, without its index.

    A name with a slash, as `T/NK`, makes a group of the file, and is known by the order of the columns only.
    """
    order = np.ravel(frame.attrs.get("column-order", ()))
    order = [name.decode() if isinstance(name, bytes) else str(name) for name in order]
    nested = [name for name in order if name.find("/") > 0 and name in frame]
    groups = {name.partition("/")[0] for name in nested}
    skipped = {frame.attrs.get("_index"), "__categories"} | (groups - set(order))
    return [name for name in frame if name not in skipped] + nested


def column(frame: Any, name: str) -> np.ndarray:
    """A column of obs or var as (n,) objects, None where missing; raises InputError."""
    node = frame[name]
    if hasattr(node, "dtype"):
        found = _plain(node)
        if (
            "categories" in node.attrs
        ):  # anndata 0.7 keeps them beside the columns; its reference is not followed
            return _of_categories(found, _plain(frame[f"__categories/{name}"]), node.name)
        return found
    if "codes" in node and "categories" in node:
        categories = node["categories"]
        known = column(node, "categories") if hasattr(categories, "keys") else _plain(categories)
        return _of_categories(_plain(node["codes"]), known, node.name)
    if "values" in node and "mask" in node:
        found, mask = _plain(node["values"]), values(node["mask"], "b", 1)
        if found.shape != mask.shape:
            raise InputError(
                f"{node.name} is damaged: {len(found)} values and {len(mask)} marks for missing ones"
            )
        return np.where(mask, None, found)
    raise InputError(
        f"{node.name} is a column of an unknown kind ({_kind(node)}); write it as text or numbers"
    )


def categories(frame: Any, name: str) -> tuple[list[Any], bool]:
    """The categories of a column in their order, and whether the order says something; none of another one.

    Raises InputError.
    """
    node = frame[name]
    if hasattr(node, "dtype"):
        if "categories" not in node.attrs:
            return [], False
        node = known = frame[f"__categories/{name}"]
    elif "categories" in node:
        known = node["categories"]
    else:
        return [], False
    found = column(node, "categories") if hasattr(known, "keys") else _plain(known)
    return [value for value in found if value is not None], bool(node.attrs.get("ordered", False))


def _plain(node: Any) -> np.ndarray:
    """(n,) objects, None for NaN."""
    if getattr(node, "dtype", None) is not None and node.dtype.kind in "SO":
        return strings(node).astype(object)
    found = values(node, ndim=1)
    result = found.astype(object)
    if found.dtype.kind == "f":
        result[np.isnan(found)] = None
    return result


def _of_categories(codes: np.ndarray, categories: np.ndarray, name: str) -> np.ndarray:
    codes = codes.astype(np.int64)
    if len(codes) and (codes.max() >= len(categories) or codes.min() < -1):
        raise InputError(f"{name} is damaged: it uses categories that it does not have; write the file again")
    return np.append(categories, None)[codes]  # code -1 is a missing value, and the last


def matrix(node: Any, shape: tuple[int, int]) -> np.ndarray | sparse.csr_matrix | sparse.csc_matrix:
    """A dense or sparse matrix of exactly this shape; raises InputError for anything else."""
    if hasattr(node, "dtype"):
        _check_shape(node.name, node.shape, shape)
        return values(node, ndim=2)
    kind = _kind(node)
    if kind not in ("csr_matrix", "csc_matrix"):
        raise InputError(f"{node.name} is stored as {kind}; expected a dense, CSR or CSC matrix")
    declared = node.attrs.get("shape", node.attrs.get("h5sparse_shape"))
    _check_shape(
        node.name, tuple(int(n) for n in np.ravel(declared)) if declared is not None else None, shape
    )
    rows_first = kind == "csr_matrix"
    parts = compressed(node, *(shape if rows_first else shape[::-1]))
    return (sparse.csr_matrix if rows_first else sparse.csc_matrix)(parts, shape=shape)


def compressed(group: Any, n_major: int, n_minor: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """data, indices and indptr of a compressed sparse matrix that fit each other and these lengths.

    n_major: rows of a CSR, columns of a CSC matrix. Raises InputError.
    """
    missing = [name for name in ("data", "indices", "indptr") if name not in group]
    if missing:
        raise InputError(f"{group.name} lacks {', '.join(missing)}; copy or write the file again")
    data, indices, indptr = group["data"], group["indices"], group["indptr"]
    for name, part in (("data", data), ("indices", indices), ("indptr", indptr)):
        if (
            not hasattr(part, "dtype")
            or part.ndim != 1
            or part.dtype.kind not in ("biuf" if name == "data" else "iu")
        ):
            raise InputError(
                f"{group.name}/{name} is damaged: expected a row of numbers; write the file again"
            )
    if len(data) != len(indices) or len(indptr) != n_major + 1:
        raise InputError(
            f"{group.name} is damaged: {len(data)} values, {len(indices)} indices and {len(indptr)} pointers "
            f"do "
            f"not fit {n_major} x {n_minor}; copy or write the file again"
        )
    check_declared(group.name, sum(part.size * part.dtype.itemsize for part in (data, indices, indptr)))
    pointers, where = values(indptr), values(indices)
    if pointers[0] != 0 or pointers[-1] != len(data) or (pointers[1:] < pointers[:-1]).any():
        raise InputError(
            f"{group.name} is damaged: its pointers do not rise from 0 to {len(data)}; copy it again"
        )
    if len(where) and (where.min() < 0 or where.max() >= n_minor):
        raise InputError(f"{group.name} is damaged: an index lies outside 0 to {n_minor - 1}; copy it again")
    return values(data), where, pointers


def _check_shape(name: str, found: tuple[int, ...] | None, expected: tuple[int, int]) -> None:
    if found != expected:
        size = " x ".join(map(str, found)) if found else "of unknown size"
        raise InputError(
            f"{name} is {size}, but there are {expected[0]} spots and {expected[1]} genes; write the file "
            f"again"
        )


def _kind(node: Any) -> str:
    kind = node.attrs.get("encoding-type", "")
    if not kind and "h5sparse_format" in node.attrs:
        kind = f"{node.attrs['h5sparse_format']}_matrix"
    return kind if isinstance(kind, str) and kind else "unknown"


def is_old(file: Any) -> bool:
    """Whether anndata before 0.7 wrote the file: obs and var are arrays of records there."""
    return hasattr(file["obs"], "dtype") or hasattr(file["var"], "dtype")


@contextmanager
def rewritten(path: Path) -> Iterator[Any]:
    """A file of anndata before 0.7, read by anndata itself, as the current one would write it; in memory."""
    import anndata
    import h5py
    from anndata.io import write_elem

    with h5py.File(path.name, "w", driver="core", backing_store=False) as copy:
        try:
            old = anndata.read_h5ad(path)
            kept = anndata.AnnData(
                X=old.X, obs=old.obs, var=old.var, obsm=dict(old.obsm), layers=dict(old.layers)
            )
            if "spatial" in old.uns:
                kept.uns["spatial"] = old.uns["spatial"]
            if old.raw is not None:
                kept.raw = old.raw.to_adata()
            write_elem(copy, "/", kept)
        except MemoryError:
            raise
        except Exception as error:  # whatever a foreign file makes the library stumble over
            raise InputError(
                f"{path.name} was written by anndata before 0.7 and cannot be read by anndata "
                f"{version('anndata')} ({error}); read and write it once with anndata 0.7 to 0.9"
            ) from error
        yield copy


def declared(file: Any) -> int:
    """Bytes that all arrays of a file take in memory."""
    sizes: list[int] = []

    def add(_name: str, node: Any) -> None:
        if hasattr(node, "dtype") and getattr(node, "shape", None) is not None:
            sizes.append(int(np.prod(node.shape, dtype=object)) * node.dtype.itemsize)

    file.visititems(add)
    return sum(sizes)
