"""Mitochondrial genes in the spellings of species, references and tools."""

import anndata
import numpy as np
import pytest

from tissuegraph.slices import mitochondria
from tissuegraph.slices.mitochondria import mitochondrial


@pytest.mark.parametrize(
    "name",
    [
        "MT-CO1", "mt-Nd1", "Mt-nd2", "MT-RNR2", "mt:CoI", "GRCh38_MT-CO1", "hg19_MT-ND4L", "mm10___mt-Co1",
        "GRCh38.p13_MT-CO1", "GRCh38-MT-CO1", "mm10---mt-Co1", "dm6_mt:ND2",
        "ENSG00000198804", "ENSG00000198804.2", "GRCh38_ENSG00000198804", "ENSMUSG00000064370",
        "ENSMUSG00000065947.3", "ENSMUSG00000064351-mt-Co1",
    ],
)  # fmt: skip
def test_genes_of_the_mitochondrial_genome_are_recognised(name):
    assert mitochondrial(np.array([name])).all()


@pytest.mark.parametrize(
    "name",
    [
        "MTOR", "MT1A", "MT2A", "mt", "mt-", "GMT-A", "MTATP6P1", "Mtch2", "mm10_Mtor",
        "hg19_MT1X", "MTND1P23",
        "ENSG00000198793", "ENSG00000075624", "ENSMUSG00000064362", "ENSMUSG00000029580",
        "ENSRNOG00000198804", "SMT-3", "hg19-SMT-3", "",
    ],
)  # fmt: skip
def test_other_genes_are_not(name):
    assert not mitochondrial(np.array([name])).any()


def test_any_name_of_a_gene_is_enough():
    symbols = np.array(["CO1", "MT-ND1", "ACTB"])
    identifiers = np.array(["ENSG00000198804", "unknown", "ENSG00000075624"])
    assert mitochondrial(symbols, identifiers).tolist() == [True, True, False]
    assert mitochondrial(identifiers, symbols).tolist() == [True, True, False]


def test_slices_without_genes_have_an_empty_mask():
    assert mitochondrial(np.array([], dtype=str)).shape == (0,)


def test_both_genomes_have_37_genes():
    assert len(set(mitochondria._HUMAN)) == len(set(mitochondria._MOUSE)) == 37


@pytest.mark.realdata
def test_a_real_slice_named_by_ensembl_identifiers_has_a_mitochondrial_share(real_data):
    names = anndata.read_h5ad(real_data / "mob/MOB1.h5ad", backed="r").var_names.to_numpy(str)
    assert mitochondrial(names).sum() == 10  # of 1,000: 7 proteins, both rRNAs and a tRNA
