"""The final h5ad with what its domains were found to mean: tables in uns, values in obs and layers."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph import keys
from tissuegraph.characterise.tables import TEXTS, read_csv
from tissuegraph.errors import InputError
from tissuegraph.io.intermediate import read_arrays, reading

_TRAJECTORY, _DENOISED = "trajectory.npz", "denoised.npz"
_MEANS = "domain_means"  # its columns are called as domains are
_NOT_STORED = ("", ".", "_index")  # no names of an h5ad's columns


def complete_slice(assembled: Path, found: Path, sample: str, target: Path) -> list[str]:
    """Copy the assembled h5ad and add what lies in a directory; returns the keys of uns that were written.

    found: <sample>.<table>.csv of any table of keys.CHARACTERISED, trajectory.npz with pseudotime (N,), and
    denoised.npz with a CSR matrix (N, G). Raises InputError where one does not fit the slice.
    """
    from anndata.io import write_elem

    shutil.copyfile(assembled, target)
    tables = dict(_tables(found, sample))
    with h5py.File(target, "r+") as file:
        for name, table in tables.items():
            _put(file, "uns", name, table, write_elem)
        if (found / _TRAJECTORY).is_file():
            values = read_arrays(found / _TRAJECTORY, keys.PSEUDOTIME)[keys.PSEUDOTIME]
            _add_column(file, keys.PSEUDOTIME, np.asarray(values, dtype=np.float32), write_elem)
        if (found / _DENOISED).is_file():
            _put(file, "layers", keys.DENOISED, _layer(file, found / _DENOISED), write_elem)
    return list(tables)


def _tables(found: Path, sample: str) -> Iterator[tuple[str, pd.DataFrame]]:
    for name in keys.CHARACTERISED:
        path = found / f"{sample}.{name}.csv"
        if path.is_file():
            with reading(path, f"table of {name}"):
                yield name, _storable(read_csv(path, ("gene",) if name == _MEANS else TEXTS))


def _storable(table: pd.DataFrame) -> pd.DataFrame:
    """The table as HDF5 can hold it: text without gaps, rows numbered as text, names without a slash."""
    text = table.select_dtypes(exclude=["number", "bool"]).columns
    table[text] = table[text].astype(object).where(table[text].notna(), "").astype(str)
    return table.set_axis(_stored_names(table.columns), axis=1).set_index(table.index.astype(str))


def _stored_names(names: Iterable[str]) -> list[str]:
    """Names of columns of an h5ad: a region may be called L2/3, and a slash would make a folder of it.

    One that another column has then is numbered, and so is one that no column can have.
    """
    found: list[str] = []
    taken = {*_NOT_STORED, *(name for name in names if "/" not in name)}
    for name in names:
        if "/" in name or name in _NOT_STORED:
            plain = name.replace("/", "_")
            spellings = chain([plain], (f"{plain}_{number}" for number in count(2)))
            name = next(each for each in spellings if each not in taken)
            taken.add(name)
        found.append(name)
    return found


def _add_column(file: h5py.File, name: str, values: np.ndarray, write_elem: Any) -> None:
    """One more column of obs, at its end."""
    obs = file["obs"]
    n_spots = len(obs[obs.attrs["_index"]])
    if values.shape != (n_spots,):
        raise InputError(f"{name} has shape {values.shape}; expected one value for each of {n_spots} spots")
    order = [str(column) for column in obs.attrs["column-order"] if column != name]
    _put(file, "obs", name, values, write_elem)
    obs.attrs["column-order"] = np.array([*order, name], dtype=h5py.string_dtype())


def _layer(file: h5py.File, path: Path) -> sparse.csr_matrix:
    """The stored matrix, which has to be of the slice's spots and genes."""
    stored = read_arrays(path, keys.DENOISED)
    shape = tuple(int(n) for n in stored["shape"])
    expected = tuple(int(n) for n in file[f"layers/{keys.COUNTS}"].attrs["shape"])
    if shape != expected:
        raise InputError(f"{path.name} is of {shape} spots and genes; the slice has {expected}")
    return sparse.csr_matrix((stored["data"], stored["indices"], stored["indptr"]), shape=shape)


def _put(file: h5py.File, group: str, name: str, value: Any, write_elem: Any) -> None:
    """Write an element, compressed as the others are, in place of one of its name."""
    if name in file[group]:
        del file[group][name]
    bare = isinstance(value, pd.DataFrame)
    options = {} if bare else {"compression": "gzip", "compression_opts": 1}
    write_elem(file[group], name, value, dataset_kwargs=options)
