"""infer_expression.py: what it writes, and a slice that cannot be inferred is a record."""

import anndata
import pytest
from helpers.expression_cohort import infer_words, write_cohort
from helpers.scripts import run_script

from tissuegraph.records import read_record
from tissuegraph.spahgc.prediction import Prediction


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"))


def test_a_slice_without_counts_gets_a_prediction_and_a_slice_to_go_on_with(cohort, tmp_path):
    done = run_script("infer_expression", *infer_words(cohort, "T", tmp_path / "T"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_record(tmp_path / "T.json").metrics["goes_on"]
    assert len(Prediction.load(tmp_path / "T" / "prediction.npz").genes) == 12
    assert {path.name for path in (tmp_path / "T" / "on").iterdir()} == {"slice.h5ad", "spots.csv.gz"}


def test_a_slice_that_cannot_be_inferred_leaves_a_record_that_says_why(cohort, tmp_path):
    done = run_script("infer_expression", *infer_words(cohort, "X", tmp_path / "X"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = read_record(tmp_path / "X.json")
    assert record.status == "failed"
    assert "no slice of the group of X" in record.reasons[0]
    assert not (tmp_path / "X").exists()


def test_a_slice_without_a_gene_of_its_references_is_inferred_and_says_why_it_is_not_compared(
    cohort, tmp_path
):
    own = cohort / "C" / "slice.h5ad"
    original = own.read_bytes()
    named = anndata.read_h5ad(own)
    named.var_names = [f"ENSG{number:011d}" for number in range(named.n_vars)]
    named.write_h5ad(own)
    try:
        done = run_script("infer_expression", *infer_words(cohort, "C", tmp_path / "C"), cwd=tmp_path)
    finally:
        own.write_bytes(original)
    assert done.returncode == 0, done.stderr
    record = read_record(tmp_path / "C.json")
    assert record.status == "warned"
    assert record.metrics["scores"] == {}
    assert not record.metrics["goes_on"]  # its own counts do
    (told,) = [reason for reason in record.reasons if "not compared" in reason]
    assert "none of the 12 genes of the panel" in told
    assert "Ensembl ids (e.g. ENSG00000000000) against symbols (e.g. g0)" in told
    assert Prediction.load(tmp_path / "C" / "prediction.npz").measured is None
