"""Genes by what people call them: versions of Ensembl ids do not count, dots of other names do."""

from types import SimpleNamespace

import numpy as np
import pytest

from tissuegraph.characterise.genes import gene_places, place_of
from tissuegraph.io.gene_names import without_version

NAMES = SimpleNamespace(
    genes=np.array(["TP53", "Nkx2", "RP11-34P13", "tp53", "PAR"]),
    gene_ids=np.array(["ENSG00000141510.18", "ENSMUSG00000028023", "x", "y", "ENSG00000182378.15_PAR_Y"]),
    symbols=np.array(["TP53", "Nkx2", "RP11-34P13", "tp53", "PLCXD1"]),
)


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("ENSG00000141510", 0), ("ENSG00000141510.18", 0), ("ENSG00000141510.2", 0), ("ensg00000141510", 0),
        ("ENSMUSG00000028023.7", 1), ("tp53", 3), ("plcxd1", 4), ("ENSG00000182378", None),
        ("Nkx2.1", None), ("RP11-34P13.7", None), ("TP53.1", None), ("", None),
    ],
)  # fmt: skip
def test_a_gene_is_found_by_its_own_names_only(asked, place):
    assert place_of(asked, gene_places(NAMES)) == place


def test_only_ensembl_ids_have_versions():
    assert [without_version(name) for name in ("ENSG01.5", "ENSA.5", "HLA.A", "ENSG01.5.1")] == [
        "ENSG01", "ENSA.5", "HLA.A", "ENSG01.5.1",
    ]  # fmt: skip
