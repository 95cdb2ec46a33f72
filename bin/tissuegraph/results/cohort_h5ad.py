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
from tissuegraph.errors import InputError
from tissuegraph.io.stored import open_own
from tissuegraph.results.cohort_sections import CohortSection, in_turn, joined_obs, libraries
from tissuegraph.results.colours import category_colours

_CHUNK = 1 << 18  # counts per chunk of the file
_WITH_ALL_IMAGES = 20  # up to so many sections keep all sizes of their image


def shared_genes(sections: Sequence[CohortSection]) -> list[str]:
    """Genes that every section measured, in the order of the first: elsewhere 0 would not mean 0.

    Raises InputError where there are none.
    """
    common = set(sections[0].var.index).intersection(*(section.var.index for section in sections[1:]))
    genes = [gene for gene in sections[0].var.index if gene in common]
    if not genes:
        raise InputError(
            "the sections of the group share no gene by name; give all of them the same kind of gene names"
        )
    return genes


def write_cohort(
    path: Path, sections: Sequence[CohortSection], uns: Mapping[str, Any], *, matched: bool
) -> None:
    """Write all sections into one h5ad that scanpy and squidpy open; raw counts in X.

    uns: what uns['tissuegraph'] says. matched: whether numbers of domains mean the same in all sections.
    """
    from anndata.io import write_elem

    genes, obs = shared_genes(sections), joined_obs(sections, matched=matched)
    for column, values in _of_all(sections).items():
        obs[column] = values
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        write_elem(file, "obs", obs)
        write_elem(file, "var", _var(sections[0], genes))
        _write_counts(file, sections, genes)
        obsm = {keys.SPATIAL: np.concatenate([section.position for section in sections])}
        if all(section.components is not None for section in sections):
            obsm[keys.COHORT] = np.concatenate([section.components for section in sections]).astype(
                np.float32
            )
        write_elem(file, "obsm", obsm)
        for name in ("layers", "obsp", "varm", "varp"):
            write_elem(file, name, {})
        write_elem(
            file,
            "uns",
            {keys.TISSUEGRAPH: dict(uns), **category_colours(obs, (keys.DOMAIN, keys.domain("joint")))},
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


def _write_counts(file: h5py.File, sections: Sequence[CohortSection], genes: Sequence[str]) -> None:
    """X as CSR, appended section by section."""
    group = file.create_group("X")
    attrs = {"encoding-type": "csr_matrix", "encoding-version": "0.1.0"}
    n_spots = sum(len(section.obs) for section in sections)
    group.attrs.update({**attrs, "shape": np.array([n_spots, len(genes)], dtype=np.int64)})
    kinds = {"data": np.float32, "indices": np.int32}
    stored = {
        name: group.create_dataset(
            name, (0,), kind, maxshape=(None,), chunks=(_CHUNK,), compression="gzip", compression_opts=1
        )
        for name, kind in kinds.items()
    }
    indptr = np.zeros(n_spots + 1, dtype=np.int64)
    for section, rows in in_turn(sections):
        counts = _counts(section, genes)
        before = stored["data"].shape[0]
        indptr[rows.start + 1 : rows.stop + 1] = before + counts.indptr[1:]
        for name, dataset in stored.items():
            dataset.resize((before + counts.nnz,))
            dataset[before:] = getattr(counts, name)
    group.create_dataset("indptr", data=indptr)


def _counts(section: CohortSection, genes: Sequence[str]) -> sparse.csr_matrix:
    from anndata.io import read_elem

    with open_own(section.path) as file:
        counts = sparse.csr_matrix(read_elem(file["X"]), dtype=np.float32)
    columns = section.var.index.get_indexer(list(genes))
    if len(columns) == counts.shape[1] and (columns == np.arange(len(columns))).all():
        return counts
    return counts[:, columns]
