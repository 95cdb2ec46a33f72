"""CELLxGENE: the facts that its schema wants, counts in raw, genes by identifier, its validator's word."""

import os
import subprocess
from importlib.util import find_spec

import anndata
import numpy as np
import pytest
from helpers.final_slices import BARCODES, COUNTS, IDS, XY, exported, final_data

FACTS = {"tissue_ontology_term_id": "UBERON:0000955", "disease_ontology_term_id": "PATO:0000461"}
PICTURE = np.arange(30 * 25 * 3, dtype=np.uint8).reshape(30, 25, 3)


def written(folder, **given):
    record = exported(folder, "cellxgene", final_data(**(FACTS | given)))
    assert record.status == "passed", record.reasons
    return anndata.read_h5ad(folder / "out" / "S.cellxgene.h5ad")


def refusal(folder, data):
    (reason,) = exported(folder, "cellxgene", data).reasons
    assert not list((folder / "out").iterdir())
    return reason


def test_counts_lie_in_raw_and_genes_go_by_identifier(tmp_path):
    made = written(tmp_path, ids=[f"{IDS[0]}.17", *IDS[1:]])  # with a version, which the schema has not
    np.testing.assert_array_equal(made.raw.X.toarray(), COUNTS)
    np.testing.assert_array_equal(made.X.toarray(), final_data().X.toarray())
    assert made.var_names.tolist() == made.raw.var_names.tolist() == IDS
    assert made.var["feature_is_filtered"].tolist() == [False] * 3


def test_what_nobody_said_is_unknown_and_what_the_user_said_is_kept(tmp_path):
    made = written(tmp_path, donor_id=["d1", "d1", None, "d2"], tissue="brain", is_primary_data=True)
    obs = made.obs
    assert obs["donor_id"].tolist() == ["d1", "d1", "unknown", "d2"]
    assert set(obs["tissue_ontology_term_id"]) == {"UBERON:0000955"}
    assert set(obs["assay_ontology_term_id"]) == {"EFO:0022857"}
    assert set(obs["sex_ontology_term_id"]) == set(obs["cell_type_ontology_term_id"]) == {"unknown"}
    assert set(obs["self_reported_ethnicity_ontology_term_id"]) == {"unknown"}
    assert set(obs["tissue_given"]) == {"brain"}  # CELLxGENE writes the column tissue itself
    assert obs["is_primary_data"].all()
    assert obs["domain"].tolist() == ["1", "2", "1", "2"]
    assert list(made.uns["domain_colors"]) == ["#1b9e77", "#d95f02"]
    assert made.uns["organism_ontology_term_id"] == "NCBITaxon:9606"


def test_the_organism_is_that_of_the_identifiers(tmp_path):
    made = written(tmp_path, ids=["ENSMUSG00000059552", "ENSMUSG00000057666", IDS[0]])
    assert made.uns["organism_ontology_term_id"] == "NCBITaxon:10090"
    assert made.shape == (4, 2)  # (the human one is left out)
    assert set(made.obs["self_reported_ethnicity_ontology_term_id"]) == {"na"}


def test_visium_keeps_places_and_picture_and_other_platforms_draw_on_an_embedding(tmp_path):
    (tmp_path / "other").mkdir()
    lattice = {"array_row": [0, 0, 1, 1], "array_col": [0, 2, 0, 2]}
    visium = written(tmp_path, image=PICTURE, **lattice)
    np.testing.assert_array_equal(visium.obsm["spatial"], XY)
    assert visium.obs["array_col"].tolist() == [0, 2, 0, 2]
    assert set(visium.obs["in_tissue"]) == {1}
    assert visium.uns["spatial"]["is_single"]
    np.testing.assert_array_equal(visium.uns["spatial"]["S"]["images"]["hires"], PICTURE)
    other = written(tmp_path / "other", platform="xenium", image=PICTURE, **lattice)
    assert "spatial" not in other.obsm
    assert "spatial" not in other.uns
    assert "array_row" not in other.obs
    np.testing.assert_array_equal(other.obsm["X_tissue"], XY * [1, -1])  # the viewer's second axis goes up


def test_a_spot_without_a_count_of_the_genes_that_are_kept_is_left_out(tmp_path):
    made = written(tmp_path, ids=[*IDS[:1], "NOVEL", *IDS[2:]])
    assert made.obs_names.tolist() == [BARCODES[0], *BARCODES[2:]]  # the second spot has NOVEL only
    np.testing.assert_array_equal(made.raw.X.toarray(), COUNTS[[0, 2, 3]][:, [0, 2]])


def test_facts_that_only_the_user_knows_are_named_in_one_line(tmp_path):
    reason = refusal(tmp_path, final_data(platform="h5ad"))
    assert reason.startswith("cellxgene left out: CELLxGENE needs assay_ontology_term_id (a term of EFO")
    assert "tissue_ontology_term_id (a term of UBERON" in reason
    assert "disease_ontology_term_id (a term of MONDO" in reason


def test_genes_without_identifiers_are_refused(tmp_path):
    reason = refusal(tmp_path, final_data(ids=["TP53", "GAPDH", "ACTB"], **FACTS))
    assert "0 of 3 genes have one in var['gene_id'], e.g. 'TP53'" in reason


def test_inferred_expression_is_refused(tmp_path):
    data = final_data(**FACTS)
    data.uns["tissuegraph"]["inferred"] = True
    assert "was inferred from the image" in refusal(tmp_path, data)


@pytest.mark.parametrize("platform", ["xenium", "slideseq"])
def test_the_validator_of_cellxgene_calls_it_valid(tmp_path, platform):
    """CELLXGENE_SCHEMA names the program where it is installed apart, as its libraries are older."""
    program = os.environ.get("CELLXGENE_SCHEMA") or (find_spec("cellxgene_schema") and "cellxgene-schema")
    if not program:
        pytest.skip("cellxgene-schema is not installed; CELLXGENE_SCHEMA=path of the program runs this")
    written(tmp_path, platform=platform)
    path = tmp_path / "out" / "S.cellxgene.h5ad"
    said = subprocess.run([program, "validate", path], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "is_valid=True" in said.stderr + said.stdout


@pytest.mark.parametrize("given", [["False", "true", None, "no"], [0.0, 1.0, np.nan, 0.0]])
def test_whether_data_are_primary_is_read_as_what_it_says(tmp_path, given):
    made = written(tmp_path, is_primary_data=given)
    assert made.obs["is_primary_data"].tolist() == [False, True, False, False]


def test_data_that_are_primary_perhaps_are_asked_about(tmp_path):
    reason = refusal(tmp_path, final_data(**FACTS, is_primary_data="perhaps"))
    assert reason == "cellxgene left out: CELLxGENE needs true or false in is_primary_data, found 'perhaps'"
