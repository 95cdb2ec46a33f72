"""Genes that all sections of a group measured, by name or identifier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.gene_names import without_version


def shared_genes(tables: Sequence[pd.DataFrame]) -> tuple[str | None, list[str]]:
    """Genes that every section measured, as the first names them: elsewhere 0 would not mean 0.

    tables: var of each section. Also the column of var by which genes are told apart, None for the names: by
    identifier where more are in common, as files differ in which of the two they keep. Raises InputError
    where there are none.
    """
    common = {by: _common(tables, by) for by in (None, keys.GENE_ID)}
    by = max(common, key=lambda kind: len(common[kind]))
    if not common[by]:
        raise InputError(
            "the sections of the group share no gene by name or identifier; give all of them the same kind "
            "of gene names"
        )
    first = tables[0].index
    return by, [name for name, key in zip(first, gene_keys(tables[0], by), strict=True) if key in common[by]]


def gene_keys(var: pd.DataFrame, by: str | None) -> pd.Index:
    """What tells the genes of a section apart, Ensembl ids without their versions, which say of what release
    the annotation was; a repeated or empty identifier is the gene's own name.
    """
    given = var.index if by is None or by not in var else var[by].astype(str)
    found = pd.Index(given).map(without_version)
    return pd.Index(np.where(found.duplicated(keep=False) | (found == ""), var.index, found))


def _common(tables: Sequence[pd.DataFrame], by: str | None) -> set[str]:
    return set.intersection(*(set(gene_keys(var, by)) for var in tables))
