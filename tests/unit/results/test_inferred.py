"""From slices on disk to inferred expression on disk: who serves whom, what is written, what leaks."""

import json

import anndata
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request
from tissuegraph.presets import load_settings
from tissuegraph.records import read_record
from tissuegraph.results.inferred import chosen_genes
from tissuegraph.slices.qc import reason_per_spot, spot_metrics, write_spots
from tissuegraph.spahgc.counts import COUNTS_PER_GENE, whole_numbers
from tissuegraph.spahgc.members import read_group, read_members
from tissuegraph.spahgc.prediction import Prediction

N, G, F = 36, 12, 5
XY = np.stack(np.divmod(np.arange(N), 6), axis=1)[:, ::-1] * 10.0 + 5
FAST = ("optimiser.epochs=2", "validation.every=1", "model.width=8", "model.layers=1", "panel.n_hvg=12")


def write_member(folder, name, *, counts=True, seed=0):
    """Slice, spots and features of one slice whose counts follow its image."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(N, F)).astype(np.float32)
    weights = np.random.default_rng(99).normal(size=(F, G))
    if counts:
        matrix = sparse.csr_matrix(rng.poisson(np.exp(1 + 0.5 * image @ weights)).astype(np.float32))
        genes = pd.DataFrame(index=[f"g{number}" for number in range(G)])
        obs = pd.DataFrame(index=[f"s{number}" for number in range(N)])
        anndata.AnnData(matrix, obs, genes, obsm={"spatial": XY}).write_h5ad(folder / "given.h5ad")
        slice_ = read_slice(Request(path=folder / "given.h5ad", sample=name))
    else:
        lines = [f"s{number},{x},{y}" for number, (x, y) in enumerate(XY)]
        (folder / "given.csv").write_text("\n".join(["barcode,x,y", *lines]) + "\n")
        slice_ = read_slice(Request(path=folder / "given.csv", sample=name, counts_needed=False))
    slice_.write_h5ad(folder / "slice.h5ad")
    metrics = spot_metrics(sparse.csr_matrix(slice_.X), slice_.var["gene_symbol"].to_numpy(str))
    dropped = {"nothing": np.zeros(N, dtype=bool)}
    write_spots(folder / "spots.csv.gz", slice_.obs_names.to_numpy(str), metrics, reason_per_spot(dropped))
    empty = np.zeros((0, 4, 4, 3))
    ImageFeatures(
        features=image, names=[f"f{number}" for number in range(F)], background=np.zeros(N), encoder="test",
        tile_um=100, tile_px=10, side_px=10, shown=[], tiles_before=empty, tiles_after=empty,
        overview_before=np.zeros((4, 4, 3)), overview_after=np.zeros((4, 4, 3)), overview_matrix=np.eye(3),
    ).save(folder / "features.npz")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Three references of two patients and a target without counts; in another group one more reference."""
    folder = tmp_path_factory.mktemp("cohort")
    listed = [
        {"name": "A", "role": "reference", "patient": "P", "group": None},
        {"name": "B", "role": "reference", "patient": "P", "group": None},
        {"name": "C", "role": "both", "patient": "Q", "group": None},
        {"name": "T", "role": "target", "patient": None, "group": None},
        {"name": "X", "role": "reference", "patient": None, "group": "other"},
    ]
    for seed, entry in enumerate(listed):
        write_member(folder / entry["name"], entry["name"], counts=entry["role"] != "target", seed=seed)
    (folder / "cohort.json").write_text(json.dumps(listed))
    return folder


def members_of(folder):
    names = [entry["name"] for entry in json.loads((folder / "cohort.json").read_text())]
    kinds = ("slice.h5ad", "spots.csv.gz", "features.npz")
    return read_members(folder / "cohort.json", *[[folder / n / kind for n in names] for kind in kinds])


def infer(folder, sample, out, *options, root):
    """Run bin/infer_expression.py on the cohort; its record."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("infer_expression", root / "bin" / "infer_expression.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    words = ["--sample", sample, "--cohort", folder / "cohort.json", "--outdir", out, "--device", "cpu"]
    words += ["--record", out.with_suffix(".json"), *options]
    for member in members_of(folder):
        words += ["--slice", member.slice_path, "--spots", member.spots_path]
        words += ["--features", member.features_path]
    for setting in FAST:
        words += ["--set", setting]
    done = CliRunner().invoke(script.main, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return read_record(out.with_suffix(".json"))


def test_references_are_the_other_slices_of_the_group_with_counts(cohort):
    members = members_of(cohort)
    target, references = read_group(members, "T")
    assert target.counts is None
    assert [piece.name for piece in references] == ["A", "B", "C"]
    own, references = read_group(members, "C")
    assert own.counts is not None
    assert [piece.name for piece in references] == ["A", "B"]


def test_a_slice_without_anyone_to_learn_from_is_refused(cohort):
    with pytest.raises(InputError, match="no slice of the group of X has both counts and image features"):
        read_group(members_of(cohort), "X")


def test_lists_of_files_must_go_together(cohort):
    one = [cohort / "A" / "slice.h5ad"]
    with pytest.raises(InputError, match="lists 5 slices; expected as many files of each kind"):
        read_members(cohort / "cohort.json", one, one, one)


@pytest.fixture(scope="module")
def inferred(cohort, tmp_path_factory, root):
    """The target without counts, two seeds."""
    out = tmp_path_factory.mktemp("inferred") / "T"
    return infer(cohort, "T", out, "--n-seeds", "2", "--marker-genes", "g7,nothing", root=root), out


def test_a_target_gets_predictions_reliability_and_pictures(inferred):
    record, out = inferred
    slice_ = anndata.read_h5ad(out / "T.inferred.h5ad")
    assert slice_.shape == (N, G)
    assert np.isfinite(slice_.X).all()
    assert slice_.uns["tissuegraph"]["inferred"]
    assert slice_.var["reliability"].between(-1, 1).all()
    assert np.array_equal(slice_.obsm["spatial"], XY)
    assert "measured" not in slice_.layers
    assert {path.name for path in out.iterdir()} == {
        *("T.inferred.h5ad", "T.inferred.png", "T.inferred.svg", "prediction.npz", "on")
    }
    assert record.metrics["references"] == ["A", "B", "C"]
    assert record.metrics["scores"] == {}
    assert "marker genes that are not in the panel of 12 genes: nothing" in record.reasons


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


def test_a_slice_with_counts_is_held_out_and_compared(cohort, tmp_path, root):
    record = infer(cohort, "C", tmp_path / "C", root=root)
    assert record.metrics["references"] == ["A", "B"]
    assert set(record.metrics["scores"]) == {"spahgc", "ridge", "knn", "mean"}
    assert not record.metrics["goes_on"]
    assert not (tmp_path / "C" / "on").exists()
    slice_ = anndata.read_h5ad(tmp_path / "C" / "C.inferred.h5ad")
    assert slice_.layers["measured"].shape == (N, G)
    prediction = Prediction.load(tmp_path / "C" / "prediction.npz")
    assert set(prediction.baselines) == {"ridge", "knn", "mean"}
    own = np.corrcoef(prediction.measured[:, 0], prediction.predicted[:, 0])[0, 1]
    assert slice_.var["pcc"].iloc[0] == pytest.approx(own, abs=1e-4)


def test_holding_out_by_patient_leaves_the_patients_other_slices_out(cohort, tmp_path, root):
    record = infer(cohort, "A", tmp_path / "A", "--by", "patient", root=root)
    assert record.metrics["references"] == ["C"]


def test_counts_of_the_held_out_slice_change_no_prediction(cohort, tmp_path, root):
    first = infer(cohort, "B", tmp_path / "first", root=root)
    path = cohort / "B" / "slice.h5ad"
    original = path.read_bytes()
    data = anndata.read_h5ad(path)
    data.X = sparse.csr_matrix(np.random.default_rng(5).poisson(3, data.shape).astype(np.float32))
    data.write_h5ad(path)
    try:
        second = infer(cohort, "B", tmp_path / "second", root=root)
    finally:
        path.write_bytes(original)
    one, two = (Prediction.load(tmp_path / name / "prediction.npz") for name in ("first", "second"))
    assert np.array_equal(one.predicted, two.predicted)
    assert np.array_equal(one.reliability, two.reliability)
    assert first.metrics["scores"] != second.metrics["scores"]


def test_a_slice_that_cannot_be_inferred_leaves_a_record_that_says_why(cohort, tmp_path, root):
    record = infer(cohort, "X", tmp_path / "X", root=root)
    assert record.status == "failed"
    assert "no slice of the group of X" in record.reasons[0]
    assert not (tmp_path / "X").exists()


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
