"""Genes asked for by symbol or identifier: which genes they are, and those that cannot be inferred."""

import numpy as np
import pytest

from tissuegraph.spahgc.asked import GeneNames, find_genes, without_version


def names(genes, gene_ids=(), symbols=()):
    return GeneNames(*(np.array(kind, dtype=str) for kind in (genes, gene_ids, symbols)))


HUMAN = names(
    ["ERBB2", "GNAS", "TBCE", "TBCE-1"],
    ["ENSG00000141736.13", "ENSG00000087460", "ENSG00000284770", "ENSG00000285053"],
    ["ERBB2", "GNAS", "TBCE", "TBCE"],
)


@pytest.mark.parametrize("name", ["ERBB2", "ENSG00000141736", "ENSG00000141736.13", "ENSG00000141736.5"])
def test_symbols_and_identifiers_of_any_version_are_the_same_gene(name):
    found = find_genes([name], [HUMAN])
    assert (found.genes, found.left_out, found.notes) == (("ERBB2",), (), ())


def test_only_identifiers_of_ensembl_have_versions():
    assert without_version("ENSMUSG00000062312.4") == "ENSMUSG00000062312"
    assert without_version("RP11-34P13.7") == "RP11-34P13.7"


def test_the_order_asked_for_is_kept_and_each_gene_is_there_once():
    found = find_genes(["GNAS", "ENSG00000141736", "ERBB2", "GNAS"], [HUMAN])
    assert found.genes == ("GNAS", "ERBB2")
    assert found.names == ("GNAS", "ENSG00000141736", "ERBB2")


def test_case_counts_where_it_decides_and_is_overlooked_with_a_note_where_it_does_not():
    both = names(["Gnas", "GNAS", "Esr1"])
    found = find_genes(["GNAS", "ESR1"], [both])
    assert found.genes == ("GNAS", "Esr1")
    assert found.notes == ("ESR1 was taken for Esr1, which differs in case only",)


def test_a_symbol_of_several_genes_stands_for_all_of_them():
    found = find_genes(["TBCE"], [HUMAN])
    assert found.genes == ("TBCE", "TBCE-1")
    assert found.notes == ("TBCE stands for 2 genes: TBCE, TBCE-1",)


def test_an_identifier_that_one_reference_knows_names_the_gene_in_all():
    found = find_genes(["ENSG00000141736"], [HUMAN, names(["ERBB2", "GNAS"])])
    assert found.genes == ("ERBB2",)


def test_what_no_reference_or_not_every_one_measures_is_named_with_the_reason():
    found = find_genes(["NOSUCH", "TBCE", "GNAS"], [HUMAN, names(["ERBB2", "GNAS"]), HUMAN])
    assert found.genes == ("GNAS",)
    assert found.missing == ("NOSUCH",)
    assert found.partly == (("TBCE", 2),)
    assert found.left_out == ("NOSUCH", "TBCE")
    assert found.warnings == (
        "genes asked for that no reference measures: NOSUCH",
        "genes asked for and left out, as some references lack them: TBCE (2 of 3)",
    )


def test_a_long_list_of_missing_genes_is_cut_in_the_warning_and_whole_in_the_result():
    wanted = [f"no{number}" for number in range(14)]
    found = find_genes(wanted, [HUMAN])
    assert found.warnings[0].endswith("no8, no9 and 4 more")
    assert found.left_out == tuple(wanted)


def test_nothing_asked_for_is_nothing_to_say():
    found = find_genes([], [HUMAN])
    assert (found.genes, found.warnings, found.notes) == ((), (), ())
