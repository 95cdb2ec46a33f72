"""infer_expression.py on what learn_expression.py left: what it writes, and a failure is a record."""

import anndata
import pytest
from helpers.expression_cohort import infer_words, learn_words, write_cohort
from helpers.scripts import invoke_script

from tissuegraph.records import read_record
from tissuegraph.spahgc.prediction import Prediction


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def learned(cohort, tmp_path_factory):
    """Learned from A, B and C, on disk."""
    model = tmp_path_factory.mktemp("learned") / "expression"
    done = invoke_script("learn_expression", *learn_words(cohort, "ABC", model))
    assert done.exit_code == 0, done.output
    return model


def infer(cohort, sample, folder, *options):
    """The record of infer_expression.py."""
    done = invoke_script("infer_expression", *infer_words(cohort, sample, folder / sample, *options))
    assert done.exit_code == 0, done.output
    return read_record(folder / f"{sample}.json")


def test_a_slice_without_counts_gets_a_prediction_and_a_slice_to_go_on_with(cohort, learned, tmp_path):
    assert infer(cohort, "T", tmp_path, "--model", learned).metrics["goes_on"]
    assert len(Prediction.load(tmp_path / "T" / "prediction.npz").genes) == 12
    assert {path.name for path in (tmp_path / "T" / "on").iterdir()} == {"slice.h5ad", "spots.csv.gz"}


def test_a_slice_that_cannot_be_inferred_leaves_a_record_that_says_why(cohort, tmp_path):
    record = infer(cohort, "X", tmp_path)
    assert record.status == "failed"
    assert (
        "no slice of the group of X that may serve it has both counts and image features, under"
        in record.reasons[0]
    )
    assert not (tmp_path / "X").exists()


def test_where_learning_failed_each_target_says_what_the_references_said(cohort, tmp_path):
    words = learn_words(cohort, "T", tmp_path / "model")
    assert invoke_script("learn_expression", *words).exit_code == 0
    assert not (tmp_path / "model").exists()
    record = infer(cohort, "T", tmp_path, "--told", tmp_path / "model.learned.json")
    assert record.status == "failed"
    (reason,) = record.reasons
    assert reason.startswith("nothing was learned from its references A, B, C: no slice of T has counts")


def test_where_learning_was_lost_each_target_fails_and_says_so(cohort, tmp_path):
    (reason,) = infer(cohort, "T", tmp_path).reasons
    assert reason == (
        "nothing was learned from its references A, B, C: the task left no result, see its log in "
        "pipeline_info"
    )


def test_a_model_of_an_earlier_run_names_the_genes_that_its_panel_lacks(cohort, learned, tmp_path):
    (tmp_path / "genes.json").write_text('["g2", "NEW1"]')
    asked = ("--given", "--genes", tmp_path / "genes.json")
    record = infer(cohort, "T", tmp_path, "--model", learned, *asked)
    assert record.metrics["genes_left_out"] == ["NEW1"]
    assert "genes asked for that the panel of the reference model lacks: NEW1" in record.reasons


def test_a_model_of_an_earlier_run_is_not_compared_with_a_slice_that_taught_it(cohort, learned, tmp_path):
    listed = (cohort / "members.json").read_text()
    (cohort / "members.json").write_text(listed.replace('"A"', '"renamed"'))
    (cohort / "renamed").symlink_to(cohort / "A")
    try:
        record = infer(cohort, "renamed", tmp_path, "--model", learned, "--given")
    finally:
        (cohort / "members.json").write_text(listed)
        (cohort / "renamed").unlink()
    assert record.status == "failed"
    assert "this slice taught the reference model (as A)" in record.reasons[0]


def test_a_slice_that_is_its_own_reference_under_another_name_is_warned_about(cohort, learned, tmp_path):
    listed = (cohort / "members.json").read_text()
    (cohort / "members.json").write_text(listed.replace('"A"', '"again"'))
    (cohort / "again").symlink_to(cohort / "A")
    try:
        record = infer(cohort, "again", tmp_path, "--model", learned)
    finally:
        (cohort / "members.json").write_text(listed)
        (cohort / "again").unlink()
    assert record.status == "warned"
    assert any("its reference A has the same image features" in reason for reason in record.reasons)


def test_a_slice_without_a_gene_of_its_references_is_inferred_and_says_why_it_is_not_compared(
    cohort, tmp_path
):
    from_two = tmp_path / "expression"
    assert invoke_script("learn_expression", *learn_words(cohort, "AB", from_two)).exit_code == 0
    own = cohort / "C" / "slice.h5ad"
    original = own.read_bytes()
    named = anndata.read_h5ad(own)
    named.var_names = [f"ENSG{number:011d}" for number in range(named.n_vars)]
    named.write_h5ad(own)
    try:
        record = infer(cohort, "C", tmp_path, "--model", from_two)
    finally:
        own.write_bytes(original)
    assert record.status == "warned"
    assert record.metrics["scores"] == {}
    assert not record.metrics["goes_on"]  # its own counts do
    (told,) = [reason for reason in record.reasons if "not compared" in reason]
    assert "none of the 12 genes of the panel" in told
    assert "Ensembl ids (e.g. ENSG00000000000) against symbols (e.g. g0)" in told
    assert Prediction.load(tmp_path / "C" / "prediction.npz").measured is None
