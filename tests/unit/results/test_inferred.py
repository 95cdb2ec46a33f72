"""From slices on disk to inferred expression on disk: who serves whom, what is written, what leaks."""

import json
from dataclasses import replace
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.expression_cohort import (
    XY,
    G,
    N,
    infer_words,
    learn_words,
    members_of,
    references_of,
    write_cohort,
)
from helpers.scripts import invoke_script
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request
from tissuegraph.presets import load_settings
from tissuegraph.records import read_record
from tissuegraph.results.inferred import chosen_genes, described, to_draw, write_slice_to_go_on
from tissuegraph.spahgc.asked import AskedGenes, GeneNames, find_genes
from tissuegraph.spahgc.counts import COUNTS_PER_GENE, whole_numbers
from tissuegraph.spahgc.going_on import genes_that_go_on
from tissuegraph.spahgc.members import read_members, read_references
from tissuegraph.spahgc.prediction import Prediction


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"))


def infer(folder, sample, out, *options, by="slice", learning=()):
    """Run learn_expression.py on the references of a slice, then infer_expression.py on it; its record."""
    model = out.parent / f"{out.name}.model"
    names = references_of(folder, sample, by)
    words = learn_words(folder, names, model, "--by", by, *learning)
    learned = invoke_script("learn_expression", *words)
    assert learned.exit_code == 0, learned.output
    done = invoke_script("infer_expression", *infer_words(folder, sample, out, "--model", model, *options))
    assert done.exit_code == 0, done.output
    return read_record(out.with_suffix(".json"))


def test_references_are_those_with_counts(cohort):
    members = members_of(cohort)
    assert [piece.name for piece in read_references(members[:4])] == ["A", "B", "C"]
    with pytest.raises(InputError, match="no slice of T has counts"):
        read_references(members[3:4])


def test_lists_of_files_must_go_together(cohort):
    one = [cohort / "A" / "slice.h5ad"]
    with pytest.raises(InputError, match="lists 5 slices; expected as many files of each kind"):
        read_members(cohort / "members.json", one, one, one)


@pytest.fixture(scope="module")
def inferred(cohort, tmp_path_factory):
    """The target without counts, two seeds."""
    out = tmp_path_factory.mktemp("inferred") / "T"
    return infer(cohort, "T", out, "--marker-genes", "g7,nothing", learning=("--n-seeds", "2")), out


def test_a_target_gets_predictions_reliability_and_pictures(inferred):
    record, out = inferred
    slice_ = anndata.read_h5ad(out / "T.inferred.h5ad")
    assert slice_.shape == (N, G)
    assert np.isfinite(slice_.X).all()
    assert slice_.uns["tissuegraph"]["inferred"]
    assert slice_.var["reliability"].between(-1, 1).all()
    assert np.array_equal(slice_.obsm["spatial"], XY)
    assert set(slice_.layers) == {"calibrated"}
    assert {path.name for path in out.iterdir()} == {
        *("T.inferred.h5ad", "T.inferred.png", "T.inferred.svg", "prediction.npz", "on")
    }
    assert record.metrics["references"] == ["A", "B", "C"]
    assert record.metrics["scores"] == {}
    assert "marker genes that are not in the panel of 12 genes: nothing" in record.reasons


def test_the_file_says_what_was_left_out_how_alike_each_tile_is_and_how_far_networks_differ(inferred):
    record, out = inferred
    slice_ = anndata.read_h5ad(out / "T.inferred.h5ad")
    assert slice_.uns["tissuegraph"]["validated_by"] == record.metrics["validated_by"] == "patient"
    assert set(slice_.var["validated_by"]) == {"patient"}
    assert slice_.obs["reference_similarity"].between(-1, 1).all()
    assert (slice_.obs["prediction_sd"] > 0).all()  # two seeds
    stretched = slice_.layers["calibrated"].std(axis=0) / slice_.X.std(axis=0)
    np.testing.assert_allclose(stretched, slice_.var["calibration_scale"], rtol=1e-3)
    assert slice_.var["sd_ratio"].median() == pytest.approx(record.metrics["calibration"]["sd_ratio"])
    prediction = Prediction.load(out / "prediction.npz")
    assert np.array_equal(prediction.per_spot["prediction_sd"], slice_.obs["prediction_sd"])
    assert np.array_equal(prediction.per_gene["rmse"], slice_.var["rmse"])


def test_only_reliable_genes_take_part_in_domains(tmp_path):
    genes = np.array([f"g{number}" for number in range(60)])
    reliability = np.where(np.arange(60) < 55, 0.5, 0.05)
    chosen, _ = genes_that_go_on(reliability, 0.1)
    prediction = Prediction(genes, np.ones((3, 60), np.float32), reliability, goes_on=chosen)
    var = pd.DataFrame({"gene_id": genes, "gene_symbol": genes}, index=genes)
    data = anndata.AnnData(np.zeros((3, 1)), obsm={"spatial": XY[:3]}, uns={"tissuegraph": {}})
    panel = load_settings("default", method="spahgc").panel
    write_slice_to_go_on(data, prediction, var, panel, tmp_path)
    assert anndata.read_h5ad(tmp_path / "slice.h5ad").var_names.tolist() == genes[:55].tolist()
    assert described_genes_on(prediction) == 55


def described_genes_on(prediction):
    inference = SimpleNamespace(
        history={}, epochs_chosen=1, seconds=0.0, asked=prediction.asked, warnings=(), predicted=None
    )
    return described(replace(prediction, inferences=(inference,)))["n_genes_on"]


@pytest.mark.parametrize(
    ("share", "told", "said"), [(0.5, True, True), (0.0, False, True), (0.5, False, False)]
)
def test_levels_are_not_spoken_of_where_a_slide_is_too_unlike_its_references(share, told, said):
    level = {"share": share, "error": 0.1, "error_of_mean": 0.2}
    inference = SimpleNamespace(
        history={"level": level}, epochs_chosen=1, seconds=0.0, asked=AskedGenes(), level_told=told
    )
    prediction = Prediction(np.array(["g"]), np.ones((3, 1)), np.ones(1), inferences=(inference,))
    assert described(prediction)["level"] == (level if said else None)


def test_a_target_goes_on_with_whole_numbers_that_are_marked_as_inferred(inferred):
    _, out = inferred
    slice_ = anndata.read_h5ad(out / "on" / "slice.h5ad")
    assert np.array_equal(slice_.X.data, np.rint(slice_.X.data))
    assert slice_.X.data.min() > 0
    assert slice_.uns["tissuegraph"]["inferred"]
    with pytest.raises(InputError, match="inferred from its image, not measured"):
        read_slice(Request(path=out / "on" / "slice.h5ad", sample="T"))
    table = pd.read_csv(out / "on" / "spots.csv.gz", index_col=0)
    assert table["keep"].all()
    assert np.array_equal(table["total_counts"], np.asarray(slice_.X.sum(axis=1)).ravel())


def test_a_slice_with_counts_is_held_out_and_compared(cohort, tmp_path):
    record = infer(cohort, "C", tmp_path / "C")
    assert record.metrics["references"] == ["A", "B"]
    assert set(record.metrics["scores"]) == {"spahgc", "ridge", "knn", "mean"}
    assert not record.metrics["goes_on"]
    assert not (tmp_path / "C" / "on").exists()
    slice_ = anndata.read_h5ad(tmp_path / "C" / "C.inferred.h5ad")
    prediction = Prediction.load(tmp_path / "C" / "prediction.npz")
    assert np.array_equal(slice_.layers["measured"], prediction.measured)
    assert np.array_equal(slice_.X, prediction.predicted)
    assert set(prediction.baselines) == {"ridge", "knn", "mean"}
    own = np.corrcoef(prediction.measured[:, 0], prediction.predicted[:, 0])[0, 1]
    assert slice_.var["pcc"].iloc[0] == pytest.approx(own, abs=1e-4)


def test_holding_out_by_patient_leaves_the_patients_other_slices_out(cohort, tmp_path):
    record = infer(cohort, "A", tmp_path / "A", by="patient")
    assert record.metrics["references"] == ["C"]


def test_counts_of_the_held_out_slice_change_no_prediction(cohort, tmp_path):
    first = infer(cohort, "B", tmp_path / "first")
    path = cohort / "B" / "slice.h5ad"
    original = path.read_bytes()
    data = anndata.read_h5ad(path)
    data.X = sparse.csr_matrix(np.random.default_rng(5).poisson(3, data.shape).astype(np.float32))
    data.write_h5ad(path)
    try:
        second = infer(cohort, "B", tmp_path / "second")
    finally:
        path.write_bytes(original)
    one, two = (Prediction.load(tmp_path / name / "prediction.npz") for name in ("first", "second"))
    assert np.array_equal(one.predicted, two.predicted)
    assert np.array_equal(one.reliability, two.reliability)
    assert first.metrics["scores"] != second.metrics["scores"]


def test_genes_asked_for_are_inferred_and_those_that_cannot_be_are_named(cohort, tmp_path):
    (tmp_path / "genes.json").write_text(json.dumps(["g2", "nothing", "G5"]))
    asked = ("--genes", tmp_path / "genes.json", "--set", "panel.n_genes=3")
    record = infer(cohort, "T", tmp_path / "T", "--marker-genes", "g2", learning=asked)
    slice_ = anndata.read_h5ad(tmp_path / "T" / "T.inferred.h5ad")
    assert slice_.n_vars == 3
    assert {"g2", "g5"} < set(slice_.var_names)
    own = slice_.uns["tissuegraph"]
    assert own["genes_asked"].tolist() == ["g2", "nothing", "G5"]
    assert own["genes_left_out"].tolist() == ["nothing"]
    assert "genes asked for that no reference measures: nothing" in record.reasons
    assert record.notes == ["G5 was taken for g5, which differs in case only"]
    assert (record.metrics["n_genes_asked"], record.metrics["genes_left_out"]) == (3, ["nothing"])


def test_where_no_gene_is_asked_for_nothing_is_said_of_it(inferred):
    _, out = inferred
    own = anndata.read_h5ad(out / "T.inferred.h5ad").uns["tissuegraph"]
    assert not {"genes_asked", "genes_left_out"} & set(own)


def test_markers_are_drawn_first_then_genes_asked_for_as_far_as_there_is_room():
    genes = np.array([f"g{number}" for number in range(9)])
    var = pd.DataFrame({"gene_id": [f"id{number}" for number in range(9)], "gene_symbol": genes}, index=genes)
    asked = find_genes(["g1", "g8", "g2", "g3", "g4"], [GeneNames(genes, genes, genes)])
    prediction = Prediction(genes, np.zeros((3, 9)), np.zeros(9), inferences=(SimpleNamespace(asked=asked),))
    assert to_draw(["id7", "none", "g8"], prediction, var) == (
        ["g7", "g8", "g1", "g2", "g3", "g4"],
        ("none",),
    )
    assert to_draw(genes[:7], prediction, var)[0] == genes[:7].tolist()


def test_whole_numbers_keep_ratios_and_the_depth_of_the_median_spot():
    # Linear expression 1, 3 / 2, 6 / 0, 4: totals 4, 8, 4; the median spot of 4 gets 2 x 1000 counts.
    linear = np.array([[1, 3], [2, 6], [0, 4]])
    panel = load_settings("paper", method="spahgc").panel
    logged = np.log1p(linear) / (np.log(10) if panel.log == "log10" else 1)
    counts = whole_numbers(logged, panel)
    assert counts.toarray().tolist() == (linear * COUNTS_PER_GENE / 2).tolist()


def test_negative_predictions_are_no_counts_and_nothing_at_all_is_refused():
    panel = load_settings("default", method="spahgc").panel
    assert whole_numbers(np.array([[1.0, -0.2], [1.0, 0.5]]), panel).toarray()[0, 1] == 0
    with pytest.raises(InputError, match="no gene is predicted to be expressed"):
        whole_numbers(np.full((3, 2), -1.0), panel)


def test_marker_genes_come_first_then_the_most_reliable():
    reliability = np.array([0.1, np.nan, 0.9, 0.5, 0.2, 0.3, 0.4, 0.0])
    genes = np.array([f"g{number}" for number in range(8)])
    prediction = Prediction(genes, np.zeros((3, 8)), reliability)
    assert chosen_genes(prediction, ["g1", "unknown"]) == [1, 2, 3, 6, 5, 4]
    assert len(chosen_genes(prediction, genes)) == 8


def test_a_file_that_is_no_prediction_is_named(tmp_path):
    (tmp_path / "p.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="holds no prediction"):
        Prediction.load(tmp_path / "p.npz")
