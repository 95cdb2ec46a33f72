"""Counts of a domain summed over all its spots of a patient: one sample per patient, as a test needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph import keys
from tissuegraph.characterise.sections import Section
from tissuegraph.clustering.labels import membership
from tissuegraph.cohorts.shared_genes import gene_keys, shared_genes
from tissuegraph.io.hdf5 import index_of, text_column
from tissuegraph.io.stored import open_own

_CHUNK_SPOTS = 16_384  # rows of counts read at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Pseudobulk:
    """counts: (P, K, G) int64 sums over the spots of each patient and domain; spots: (P, K) how many these
    are; patients (P,), genes (G,) names.
    """

    patients: tuple[str, ...]
    genes: np.ndarray
    counts: np.ndarray
    spots: np.ndarray


def pseudobulk(sections: Sequence[Section], n_domains: int) -> Pseudobulk:
    """Sum over the sections of each patient, of the genes that all of them measured.

    Sections are read one at a time and spots in pieces, so memory does not grow with either. Raises
    InputError where the sections share no gene.
    """
    tables = [_var(section) for section in sections]
    by, genes = shared_genes(tables)
    wanted = gene_keys(tables[0], by)[tables[0].index.get_indexer(genes)]
    patients = tuple(sorted({str(section.member.patient) for section in sections}))
    counts = np.zeros((len(patients), n_domains, len(genes)), dtype=np.int64)
    spots = np.zeros((len(patients), n_domains), dtype=np.int64)
    for section, var in zip(sections, tables, strict=True):
        row = patients.index(str(section.member.patient))
        columns = gene_keys(var, by).get_indexer(wanted)
        counts[row] += sums(section, n_domains)[:, columns]
        spots[row] += np.bincount(section.codes[section.codes >= 0], minlength=n_domains)
    return Pseudobulk(patients=patients, genes=np.array(genes), counts=counts, spots=spots)


def sums(section: Section, n_domains: int) -> np.ndarray:
    """Raw counts (K, G) of a section summed over the spots of each domain."""
    with open_own(section.path) as file:
        node = file[f"layers/{keys.COUNTS}"]
        if node.attrs["encoding-type"] == "csc_matrix":
            return domain_sums(_whole(node), section.codes, n_domains)
        n_spots, n_genes = (int(n) for n in node.attrs["shape"])
        pointer = node["indptr"][()]
        total = np.zeros((n_domains, n_genes), dtype=np.int64)
        for start in range(0, n_spots, _CHUNK_SPOTS):
            stop = min(start + _CHUNK_SPOTS, n_spots)
            part = slice(pointer[start], pointer[stop])
            values = node["data"][part], node["indices"][part], pointer[start : stop + 1] - pointer[start]
            counts = sparse.csr_matrix(values, shape=(stop - start, n_genes))
            total += domain_sums(counts, section.codes[start:stop], n_domains)
    return total


def domain_sums(counts: sparse.spmatrix, codes: np.ndarray, n_domains: int) -> np.ndarray:
    """Sums (K, G) of counts (N, G) over the spots of each domain; codes (N,), -1 for spots of none."""
    member = membership(codes, n_domains)
    return np.rint(np.asarray((member @ counts.astype(np.float64)).todense())).astype(np.int64)


def _whole(node: Any) -> sparse.csr_matrix:
    shape = tuple(int(n) for n in node.attrs["shape"])
    return sparse.csc_matrix((node["data"][()], node["indices"][()], node["indptr"][()]), shape=shape).tocsr()


def _var(section: Section) -> pd.DataFrame:
    """Names of the genes, and identifiers where the file has them."""
    with open_own(section.path) as file:
        var = file["var"]
        columns = {keys.GENE_ID: text_column(var[keys.GENE_ID])} if keys.GENE_ID in var else {}
        return pd.DataFrame(columns, index=pd.Index(index_of(var)))
