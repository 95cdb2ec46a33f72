"""The protocol: nothing of a held-out slice's expression reaches training, on any path."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from helpers.paired import PairedSettings, paired_slices

from tissuegraph.errors import InputError
from tissuegraph.presets import load_settings
from tissuegraph.spahgc import inner_validation, learning, protocol, training
from tissuegraph.spahgc.baselines import Tuning
from tissuegraph.spahgc.panel import choose_panel
from tissuegraph.spahgc.prediction import predict
from tissuegraph.spahgc.training_set import TrainingSet

FAST = ["model.width=8", "model.heads=2", "model.layers=1", "optimiser.epochs=2", "validation.every=1"]
SETTINGS = load_settings("default", FAST, method="spahgc")
TINY = PairedSettings(n_slices=3, side=7, n_genes=8, n_features=6, n_looks=4)


@pytest.fixture(scope="module")
def slices():
    return paired_slices(TINY, seed=0)


@pytest.fixture(scope="module")
def fold(slices):
    return protocol.run_fold(slices, ["S1"], SETTINGS, seed=0)[0]


def edited(slices, name, change):
    """The same slices, the named one with other counts."""
    return [
        dataclasses.replace(piece, counts=change(piece.counts.toarray())) if piece.name == name else piece
        for piece in slices
    ]


EDITS = {
    "another tissue": lambda counts: np.random.default_rng(9).poisson(50, counts.shape),
    "a larger maximum": lambda counts: counts + 1000 * (counts == counts.max()),
    "all zero": lambda counts: counts * 0,
}


def networks_of(run):
    """What `run` returns, and the parameters of every network trained during it."""
    found = []
    original = training.train_network

    def recording(*args, **kwargs):
        trained = original(*args, **kwargs)
        found.append([p.detach().clone() for p in trained.network.parameters()])
        return trained

    with pytest.MonkeyPatch.context() as patch:
        for module in (inner_validation, learning):
            patch.setattr(module, "train_network", recording)
        return run(), found


@pytest.fixture(scope="module")
def recorded(slices):
    """The fold of S1 on a scale, and its networks; without other slices those of this module, once."""

    def fold_on(scale, pieces):
        panel = dataclasses.replace(SETTINGS.panel, scale=scale)
        settings = dataclasses.replace(SETTINGS, panel=panel)
        return networks_of(lambda: protocol.run_fold(pieces, ["S1"], settings, seed=0)[0])

    unedited = functools.cache(lambda scale: fold_on(scale, slices))
    return lambda scale, pieces=None: unedited(scale) if pieces is None else fold_on(scale, pieces)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("scale", ["unit", "minmax"])
def test_editing_held_out_expression_changes_no_bit_of_training(slices, recorded, edit, scale):
    before, networks = recorded(scale)
    after, others = recorded(scale, edited(slices, "S1", EDITS[edit]))
    np.testing.assert_array_equal(before.inference.genes, after.inference.genes)
    np.testing.assert_array_equal(before.predicted, after.predicted)
    np.testing.assert_array_equal(before.inference.reliability, after.inference.reliability)
    assert before.inference.history == after.inference.history
    assert (
        len(networks) == len(others) == 5
    )  # two inner folds, with and without references, and the final one
    for mine, theirs in zip(networks, others, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
    for name in before.baselines:
        np.testing.assert_array_equal(before.baselines[name], after.baselines[name])
    assert not np.array_equal(before.measured, after.measured)  # the edit itself was seen by scoring


def test_editing_a_reference_does_change_the_prediction(slices, fold):
    after = protocol.run_fold(edited(slices, "S2", EDITS["another tissue"]), ["S1"], SETTINGS, seed=0)[0]
    assert not np.array_equal(fold.predicted, after.predicted)


def test_a_fold_predicts_what_inference_without_counts_predicts(slices, fold):
    blind = slices[0].without_counts()
    (result,) = protocol.infer(slices[1:], [blind], SETTINGS, seed=0)
    np.testing.assert_array_equal(result.predicted, fold.predicted)
    np.testing.assert_array_equal(result.genes, fold.inference.genes)


def test_targets_do_not_influence_each_other(slices):
    blind = [slices[0].without_counts(), slices[1].without_counts()]
    references = [slices[2], dataclasses.replace(paired_slices(TINY, seed=1)[0], name="S9")]
    both = protocol.infer(references, blind, SETTINGS, seed=0)
    (alone,) = protocol.infer(references, blind[1:], SETTINGS, seed=0)
    np.testing.assert_array_equal(both[1].predicted, alone.predicted)


def test_references_never_include_the_target_or_its_patient(monkeypatch):
    slices = paired_slices(dataclasses.replace(TINY, n_slices=6, per_patient=2), seed=0)
    settings = dataclasses.replace(SETTINGS, optimiser=dataclasses.replace(SETTINGS.optimiser, epochs=0))
    patient = {piece.name: piece.patient for piece in slices}
    seen = []  # slices that train, and those held out from them
    training_set, fold = learning.TrainingSet, inner_validation._Fold

    def final(chosen, *args, **kwargs):
        seen.append(({each.name for each in chosen}, {"S1"}))
        return training_set(chosen, *args, **kwargs)

    def inner(known, hidden, measured):
        seen.append((set(known.references.names), {each.name for each in hidden}))
        return fold(known, hidden, measured)

    monkeypatch.setattr(learning, "TrainingSet", final)
    monkeypatch.setattr(inner_validation, "_Fold", inner)
    results = protocol.run_fold(slices, ["S1", "S2"], settings, seed=0, by="patient")
    assert [result.name for result in results] == ["S1", "S2"]
    assert results[0].inference.history["references"] == ["S3", "S4", "S5", "S6"]
    assert len(seen) == 3
    for chosen, targets in seen:
        assert not {patient[name] for name in chosen} & {patient[name] for name in targets}
    seen.clear()
    protocol.run_fold(slices, ["S1"], settings, seed=0, by="patient")  # S2 shares its patient
    assert all("S2" not in chosen and "S1" not in chosen for chosen, _ in seen)


def test_training_slices_of_one_patient_do_not_serve_each_other_where_patients_are_held_out():
    slices = paired_slices(dataclasses.replace(TINY, n_slices=4, per_patient=2), seed=0)
    training_set = TrainingSet(slices, slices[0].genes, SETTINGS, by="patient")
    assert [training_set.kept_from(place) for place in range(4)] == [[0, 1], [0, 1], [2, 3], [2, 3]]
    alone = TrainingSet(slices[:2], slices[0].genes, SETTINGS, by="patient")
    assert [alone.kept_from(place) for place in range(2)] == [[0], [1]]


def test_neighbours_and_exemplars_are_used_where_they_carry_the_signal():
    slices = paired_slices(PairedSettings(n_slices=3, side=14, n_genes=20), seed=0)
    learned = ["optimiser.epochs=25", "validation.every=5", "optimiser.lr=0.003"]
    settings = load_settings("default", learned, method="spahgc")
    scores = protocol.run_fold(slices, ["S1"], settings, seed=0)[0].scores
    pcc = {name: score.summary()["pcc"] for name, score in scores.items()}
    assert pcc["spahgc"] > max(pcc["mean"], pcc["knn"], pcc["ridge"]) + 0.05


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_the_presets_of_paper_and_code_run(slices, preset):
    settings = load_settings(preset, [*FAST, "optimiser.epochs=1"], method="spahgc")
    result = protocol.run_fold(slices, ["S1"], settings, seed=0)[0]
    assert np.isfinite(result.predicted).all()
    assert result.inference.history["start"] == "none"


def test_the_starting_point_is_the_best_of_the_inner_validation(slices, fold):
    of = fold.inference.history["validation_pcc_of"]
    start = fold.inference.history["start"]
    assert of[start] == max(of["knn"], of["ridge"], of["blend"])
    assert fold.inference.history["validation_pcc"][0] == pytest.approx(of[start], abs=1e-4)
    assert of["spahgc"] >= of[start] - 1e-4


def test_one_reference_is_enough_and_says_so(slices):
    result = protocol.run_fold(slices[:2], ["S1"], SETTINGS, seed=0)[0]
    assert result.inference.history["held_out_inside"] == [["S2/1"], ["S2/2"]]
    assert any("one reference slice only" in note for note in result.inference.warnings)
    assert np.isfinite(result.predicted).all()


def test_the_result_holds_what_the_interface_promises(slices, fold):
    n_genes = len(fold.genes)
    assert fold.predicted.shape == fold.measured.shape == (49, n_genes)
    assert fold.predicted.dtype == np.float32
    assert fold.inference.reliability.shape == (n_genes,)
    assert set(fold.scores) == {"spahgc", "mean", "knn", "ridge"}
    assert fold.scores["mean"].summary()["pcc"] == 0  # a constant prediction knows no order
    assert set(fold.inference.history["epoch"]) == {0, 1, 2}
    assert fold.inference.epochs_chosen in (0, 1, 2)


def test_a_held_out_slice_without_some_panel_genes_is_scored_on_the_others(slices):
    first = slices[0]
    shorter = dataclasses.replace(first, counts=first.counts[:, 2:], genes=first.genes[2:])
    result = protocol.run_fold([shorter, *slices[1:]], ["S1"], SETTINGS, seed=0)[0]
    assert set(result.inference.genes) - set(result.genes) <= set(first.genes[:2])
    assert result.predicted.shape[1] == len(result.genes) < len(result.inference.genes)


def test_a_slice_with_few_genes_of_the_panel_says_how_few_it_is_compared_on(slices):
    model = learning.learn(slices[1:], SETTINGS, seeds=[0], device="cpu")
    n_genes = len(model.genes)
    for n_known, n_told in ((n_genes // 2 - 1, 1), (n_genes // 2 + 1, 0)):
        known = np.flatnonzero(np.isin(slices[0].genes, model.genes[:n_known]))
        few = dataclasses.replace(
            slices[0].without_counts(), counts=slices[0].counts[:, known], genes=slices[0].genes[known]
        )
        told = [line for line in predict(few, model, device="cpu").warnings if line.startswith("compared")]
        assert len(told) == n_told
        assert all(f"on {n_known} of the {n_genes} genes of the panel only" in line for line in told)


def test_a_held_out_slice_without_any_panel_gene_costs_the_others_nothing(slices, fold):
    stranger = dataclasses.replace(slices[1], name="S9", genes=[f"other{n}" for n in range(TINY.n_genes)])
    settings = dataclasses.replace(SETTINGS, optimiser=dataclasses.replace(SETTINGS.optimiser, epochs=0))
    pieces = [slices[0], stranger, *slices[1:]]
    compared, alone = protocol.run_fold(pieces, ["S1", "S9"], settings, seed=0)
    assert np.isfinite(compared.scores["spahgc"].summary()["pcc"])
    assert np.isfinite(alone.inference.predicted).all()
    assert np.isnan(alone.scores["spahgc"].summary()["pcc"])
    assert np.isnan(alone.scores["spahgc"].summary()["rmse"])


def test_references_named_by_identifiers_and_by_symbols_are_refused_before_training(slices):
    names = [f"ENSMUSG{number:011d}" for number in range(TINY.n_genes)]
    other = dataclasses.replace(slices[1], genes=names)
    words = r"S3 and S2 share no gene name: symbols \(e\.g\. GENE000\) against Ensembl ids \(e\.g\. ENSMUSG0"
    with pytest.raises(InputError, match=words):
        protocol.infer([slices[2], other], slices[:1], SETTINGS, seed=0)


def test_constant_and_empty_genes_break_nothing(slices):
    def spoil(counts):
        return np.column_stack([np.zeros(len(counts)), np.full(len(counts), 3), counts[:, 2:]])

    pieces = [dataclasses.replace(piece, counts=spoil(piece.counts.toarray())) for piece in slices]
    empty = str(pieces[0].genes[0])
    result = protocol.run_fold(pieces, ["S1"], SETTINGS, seed=0, asked=[empty])[0]
    assert np.isfinite(result.predicted).all()
    assert result.scores["spahgc"].n_constant_measured >= 1
    assert np.isfinite(result.scores["spahgc"].summary()["pcc"])


def test_evaluation_runs_every_fold_with_every_seed(slices):
    settings = dataclasses.replace(SETTINGS, optimiser=dataclasses.replace(SETTINGS.optimiser, epochs=0))
    results = protocol.evaluate(slices, settings, seeds=[0, 1], only=["S1", "S3"])
    assert [(result.fold, result.seed) for result in results] == [("S1", 0), ("S1", 1), ("S3", 0), ("S3", 1)]


def test_only_slices_with_counts_can_be_held_out(slices):
    with pytest.raises(InputError, match="only slices with counts can be held out"):
        protocol.run_fold(slices, ["nobody"], SETTINGS, seed=0)
    with pytest.raises(InputError, match="at least two slices"):
        protocol.folds(slices[:1])


def test_a_network_that_diverges_is_refused(slices, monkeypatch):
    original = learning.train_network

    def diverging(*args, **kwargs):
        trained = original(*args, **kwargs)
        with torch.no_grad():
            next(trained.network.parameters()).fill_(np.nan)
        return trained

    monkeypatch.setattr(learning, "train_network", diverging)
    with pytest.raises(InputError, match=r"SpaHGC diverged with seed 0: .* lower optimiser\.lr"):
        protocol.infer(slices[1:], slices[:1], SETTINGS, seed=0)


def test_a_gene_asked_for_that_the_references_never_count_has_no_reliability_and_spoils_nothing(slices):
    def silent(counts):
        return counts * (np.arange(counts.shape[1]) != 3)

    references = edited(edited(slices, "S2", silent), "S3", silent)[1:]
    gene = str(references[0].genes[3])
    without = choose_panel(references, SETTINGS.panel)
    assert gene not in without
    found = protocol.infer(references, slices[:1], SETTINGS, seed=0, asked=[gene, "nothing"])[0]
    assert set(found.genes) == {*without, gene}
    column = found.genes.tolist().index(gene)
    assert np.isfinite(found.predicted).all()
    assert np.isnan(found.reliability[column])
    assert found.asked.left_out == ("nothing",)
    assert "genes asked for that no reference measures: nothing" in found.warnings


def test_references_are_in_the_graph_where_inner_validation_is_for_it(slices, fold):
    history = fold.inference.history
    of = history["validation_pcc_served"]
    assert history["served"] == (of["with"] >= of["without"])
    assert history["validation_pcc_of"]["spahgc"] == max(of.values())
    graph = dataclasses.replace(SETTINGS.graph, serve="always")
    always = protocol.run_fold(slices, ["S1"], dataclasses.replace(SETTINGS, graph=graph), seed=0)[0]
    assert set(always.inference.history["validation_pcc_served"]) == {"with"}
    assert always.inference.history["validation_pcc_of"]["spahgc"] == pytest.approx(of["with"])


def test_without_references_a_graph_holds_the_target_alone(slices):
    training = TrainingSet(slices, slices[0].genes, SETTINGS, by="slice")
    for served in (True, False):
        tuning = Tuning(neighbours=3, penalty=10.0, start="ridge", served=served)
        graph = training.graphs(tuning, torch.device("cpu"))[0]()
        assert (graph["reference"].x.shape[0] > 0) == served
        assert graph["target"].base.shape == (49, TINY.n_genes)
