"""Genes of sections whose annotations are of different releases."""

import pandas as pd
import pytest

from tissuegraph.cohorts.shared_genes import gene_keys, shared_genes


def var(names, ids=None):
    return pd.DataFrame({} if ids is None else {"gene_id": ids}, index=pd.Index(names))


@pytest.mark.parametrize("ids", [False, True])
def test_versions_of_ensembl_ids_do_not_part_genes(ids):
    one, other = ["ENSG01.2", "ENSG02.1", "ENSG03.7"], ["ENSG03.8", "ENSG01.3", "ENSG04.1"]
    tables = [
        var(["a", "b", "c"], one) if ids else var(one),
        var(["x", "y", "z"], other) if ids else var(other),
    ]
    by, genes = shared_genes(tables)
    assert genes == (["a", "c"] if ids else ["ENSG01.2", "ENSG03.7"])
    assert gene_keys(tables[1], by).get_indexer(["ENSG01", "ENSG03"]).tolist() == [1, 0]


def test_ids_that_are_one_without_their_versions_stay_apart():
    assert gene_keys(var(["ENSG01.2", "ENSG01.3", "A.1"]), None).tolist() == ["ENSG01.2", "ENSG01.3", "A.1"]
