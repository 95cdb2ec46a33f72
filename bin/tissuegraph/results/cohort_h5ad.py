"""One h5ad of all sections of a group, written section by section: memory grows with the largest one only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph import keys
from tissuegraph.cohorts.shared_genes import gene_keys, shared_genes
from tissuegraph.io.stored import open_own
from tissuegraph.results.cohort_sections import CohortSection, in_turn, joined_obs, libraries
from tissuegraph.results.colours import category_colours
from tissuegraph.slices.preprocess import log_normalised

_CHUNK = 1 << 18  # counts per chunk of the file
_WITH_ALL_IMAGES = 20  # up to so many sections keep all sizes of their image


def write_cohort(
    path: Path, sections: Sequence[CohortSection], uns: Mapping[str, Any], *, matched: bool
) -> None:
    """Write all sections into one h5ad that scanpy and squidpy open; X and raw counts as in the slices.

    uns: what uns['tissuegraph'] says. matched: whether numbers of domains mean the same in all sections.
    """
    from anndata.io import write_elem

    (by, genes), obs = shared_genes([s.var for s in sections]), joined_obs(sections, matched=matched)
    for column, values in _of_all(sections).items():
        obs[column] = values
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        write_elem(file, "obs", obs)
        write_elem(file, "var", _var(sections[0], genes))
        write_elem(file, "layers", {})
        _write_expression(file, sections, _shared_keys(sections[0], by, genes), by)
        obsm = {keys.SPATIAL: np.concatenate([section.position for section in sections])}
        if all(section.components is not None for section in sections):
            obsm[keys.COHORT] = np.concatenate([section.components for section in sections]).astype(
                np.float32
            )
        write_elem(file, "obsm", obsm)
        for name in ("obsp", "varm", "varp"):
            write_elem(file, name, {})
        write_elem(
            file,
            "uns",
            {
                keys.TISSUEGRAPH: dict(uns),
                keys.LOG1P: {},
                **category_colours(obs, (keys.DOMAIN, keys.domain("joint"))),
            },
        )
        for section in sections:
            library = libraries(section, smallest_only=len(sections) > _WITH_ALL_IMAGES)
            if library:
                write_elem(file, f"uns/{keys.SPATIAL}/{section.name}", library)
        if keys.SPATIAL in file["uns"]:
            attrs = {"encoding-type": "dict", "encoding-version": "0.1.0"}
            file["uns"][keys.SPATIAL].attrs.update(attrs)


def _of_all(sections: Sequence[CohortSection]) -> dict[str, pd.Categorical]:
    """Domains found over all sections at once, where there are some."""
    if any(section.joint is None for section in sections):
        return {}
    numbers = np.concatenate([section.joint for section in sections]) + 1
    names = [str(number) for number in np.unique(numbers)]
    return {keys.domain("joint"): pd.Categorical(numbers.astype(str), categories=names)}


def _var(section: CohortSection, genes: Sequence[str]) -> pd.DataFrame:
    wanted = [name for name in (keys.GENE_ID, keys.GENE_SYMBOL) if name in section.var]
    return section.var.loc[list(genes), wanted]


def _shared_keys(section: CohortSection, by: str | None, genes: Sequence[str]) -> pd.Index:
    return gene_keys(section.var, by)[section.var.index.get_indexer(list(genes))]


def _write_expression(
    file: h5py.File, sections: Sequence[CohortSection], genes: pd.Index, by: str | None
) -> None:
    """X and the layer of raw counts as CSR, appended section by section.

    All index arrays are of one type, which scipy insists on. X is normalised over the genes that are in the
    file, as scanpy would from the layer.
    """
    shape = (sum(len(section.obs) for section in sections), len(genes))
    index = index_type(sum(_n_counts(section) for section in sections))
    places = {"X": log_normalised, f"layers/{keys.COUNTS}": lambda counts: counts}
    groups = {place: _empty_csr(file, place, shape, index) for place in places}
    indptr = np.zeros(shape[0] + 1, dtype=index)
    for section, rows in in_turn(sections):
        counts = _counts(section, genes, by)
        before = indptr[rows.start]
        indptr[rows.start + 1 : rows.stop + 1] = before + counts.indptr[1:]
        for place, made in places.items():
            values = made(counts)
            for name in ("data", "indices"):
                groups[place][name].resize((before + values.nnz,))
                groups[place][name][before:] = getattr(values, name)
    for group in groups.values():
        group.create_dataset("indptr", data=indptr)


def _empty_csr(file: h5py.File, place: str, shape: tuple[int, int], index: type) -> h5py.Group:
    """A sparse matrix to which rows are appended."""
    group = file.create_group(place)
    attrs = {"encoding-type": "csr_matrix", "encoding-version": "0.1.0"}
    group.attrs.update({**attrs, "shape": np.array(shape, dtype=np.int64)})
    for name, kind in (("data", np.float32), ("indices", index)):
        group.create_dataset(
            name, (0,), kind, maxshape=(None,), chunks=(_CHUNK,), compression="gzip", compression_opts=1
        )
    return group


def index_type(n_counts: int) -> type[np.signedinteger]:
    """The narrowest type in which a sparse matrix of so many counts can be indexed."""
    return np.int32 if n_counts <= np.iinfo(np.int32).max else np.int64


def _n_counts(section: CohortSection) -> int:
    """Stored counts, of which the shared genes have no more."""
    with open_own(section.path) as file:
        return int(file[f"layers/{keys.COUNTS}/data"].shape[0])


def _counts(section: CohortSection, genes: pd.Index, by: str | None) -> sparse.csr_matrix:
    """Counts of these genes (N, G), the genes of each spot in order."""
    from anndata.io import read_elem

    with open_own(section.path) as file:
        counts = sparse.csr_matrix(read_elem(file[f"layers/{keys.COUNTS}"]), dtype=np.float32)
    columns = gene_keys(section.var, by).get_indexer(genes)
    if len(columns) != counts.shape[1] or (columns != np.arange(len(columns))).any():
        counts = counts[:, columns]
    counts.sort_indices()
    return counts
