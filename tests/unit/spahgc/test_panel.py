"""Panel, scaling and slices: decided on references, checked on arrival."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.presets import load_settings, settings_from_dict
from tissuegraph.presets.reading import PRESET_DIRECTORY
from tissuegraph.spahgc.folds import at_least_two, folds, inner_folds, references_of
from tissuegraph.spahgc.panel import choose_panel, log_expression
from tissuegraph.spahgc.reference_model import ReferenceModel
from tissuegraph.spahgc.reference_set import ReferenceSet
from tissuegraph.spahgc.scaling import fit_image_scaling, fit_scaling
from tissuegraph.spahgc.slices import HistologySlice, check_references

DEFAULT = load_settings("default", method="spahgc")


def make(name="A", counts=None, genes=None, patient=None, group=None, n_spots=20, seed=0):
    rng = np.random.default_rng(seed)
    if counts is None:
        counts = rng.poisson(2, (n_spots, 4))
    genes = [f"G{i}" for i in range(np.shape(counts)[1])] if genes is None else genes
    return HistologySlice(
        name=name,
        patient=patient,
        group=group,
        image=rng.normal(size=(len(counts), 3)),
        position=np.column_stack([np.arange(len(counts)) * 100.0, np.zeros(len(counts))]),
        pitch=100.0,
        counts=sparse.csr_matrix(counts),
        genes=genes,
    )


def test_every_preset_loads_and_knows_its_method():
    for path in (PRESET_DIRECTORY / "spahgc").glob("*.yaml"):
        settings = load_settings(path.stem, method="spahgc")
        assert settings.method == "spahgc"
        assert settings_from_dict(settings.as_dict()) == settings


def test_paper_preset_holds_the_values_of_the_paper():
    paper = load_settings("paper", method="spahgc")
    assert (paper.graph.ts_k, paper.graph.cs_k, paper.graph.rs_k) == (5, 7, 7)
    assert (paper.masking.target, paper.masking.reference) == (0.8, 0.9)
    assert (paper.model.width, paper.model.layers, paper.model.heads) == (256, 4, 4)
    assert (paper.optimiser.lr, paper.optimiser.weight_decay, paper.optimiser.epochs) == (1e-4, 1e-4, 200)
    assert paper.model.base == "none"


def test_width_must_divide_among_the_heads():
    with pytest.raises(SettingsError, match=r"multiple of model\.heads"):
        load_settings("default", ["model.width=30", "model.heads=4"], method="spahgc")


def test_panel_holds_only_genes_that_vary_most_in_every_reference():
    rng = np.random.default_rng(1)
    flat = np.full((40, 1), 5)

    def noisy(mean):
        return rng.negative_binomial(1, 1 / (1 + mean), (40, 1))

    first = make("A", np.hstack([noisy(5), noisy(5), flat, noisy(5)]), ["a", "b", "c", "only_A"])
    second = make("B", np.hstack([noisy(5), noisy(5), flat]), ["b", "a", "c"])
    third = make("C", np.hstack([flat, noisy(5), noisy(5)]), ["a", "b", "c"])
    panel = dataclasses.replace(DEFAULT.panel, rule="intersection", n_genes=None, n_hvg=2, min_share=0)
    assert choose_panel([first, second], panel).tolist() == ["a", "b"]
    with pytest.raises(InputError, match="panel needs at least 2 genes, got 1"):  # b alone varies everywhere
        choose_panel([first, second, third], panel)


def test_log_expression_follows_the_order_of_the_panel_and_counts_depth_over_all_genes():
    piece = make("A", np.array([[1, 0, 3], [0, 2, 2]]), ["x", "y", "z"])
    panel = dataclasses.replace(DEFAULT.panel, target_sum=8.0, log="log1p")
    found = log_expression(piece, np.array(["z", "x"]), panel).toarray()
    np.testing.assert_allclose(found, np.log1p([[6, 2], [4, 0]]), rtol=1e-6)


def test_a_panel_gene_that_is_missing_is_named():
    with pytest.raises(InputError, match="lacks 1 of the 2 panel genes"):
        log_expression(make(), np.array(["G1", "nope"]), DEFAULT.panel)


@pytest.mark.parametrize("rule", ["none", "unit", "minmax"])
def test_scaling_is_undone_exactly(rule):
    values = sparse.csr_matrix(np.array([[0.0, 1, 2], [0, 3, 2], [0, 8, 2]], dtype=np.float32))
    scaling = fit_scaling([values], rule)
    np.testing.assert_allclose(
        scaling.backward(scaling.forward(values.toarray())), values.toarray(), atol=1e-6
    )
    if rule == "minmax":
        np.testing.assert_allclose(scaling.forward(values.toarray())[:, 1], [0, 2 / 7, 1])


def test_image_scaling_by_references_does_not_look_at_targets():
    rng = np.random.default_rng(0)
    training, target = [rng.normal(size=(9, 2))], rng.normal(size=(5, 2))
    scaling = fit_image_scaling(training, "references")
    np.testing.assert_allclose(scaling.apply(training[0]).std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(
        scaling.apply(target), (target - training[0].mean(0)) / training[0].std(0), rtol=1e-5
    )
    unsettled = fit_image_scaling(training, "encoder")
    np.testing.assert_array_equal(unsettled.apply(target), scaling.apply(target))


def test_leaving_out_a_patient_leaves_out_all_its_slices():
    slices = [make("A1", patient="A"), make("A2", patient="A"), make("B1", patient="B"), make("X")]
    assert folds(slices, "patient") == [
        ("patient A", ("A1", "A2")),
        ("patient B", ("B1",)),
        ("slice X", ("X",)),
    ]
    assert [each.name for each in references_of(slices, ["A1"], "patient")] == ["B1", "X"]
    assert [each.name for each in references_of(slices, ["A1"], "slice")] == ["A2", "B1", "X"]


def test_slices_of_another_group_never_serve():
    slices = [make("A", group="g"), make("B", group="g"), make("C", group="h")]
    assert [each.name for each in references_of(slices, ["A"])] == ["B"]
    assert [name for name, _ in folds(slices)] == ["A", "B"]  # C has nothing to learn from


def test_inner_folds_cover_every_unit_once_and_keep_patients_together():
    units = [
        make("A1", patient="A"),
        make("A2", patient="A"),
        make("B1", patient="B"),
        make("C1", patient="C"),
    ]
    assert inner_folds(units, "patient", 5) == [[0, 1], [2], [3]]
    assert inner_folds(units, "slice", 2) == [[0, 2], [1, 3]]
    assert inner_folds(units[:2], "patient", 5) == [[0], [1]]


def test_a_single_reference_is_cut_into_two_disjoint_halves():
    halves = at_least_two([make(n_spots=21)])
    together = np.concatenate([half.position[:, 0] for half in halves])
    assert sorted(together) == [100.0 * i for i in range(21)]
    assert halves[0].position.max() < halves[1].position[:, 0].min()
    words = "the only one left where others are held out, and has 8 spots; it needs at least 16"
    with pytest.raises(InputError, match=words):
        at_least_two([make(n_spots=8)])


def test_what_is_not_a_slice_is_refused_with_its_name():
    with pytest.raises(InputError, match="slice A: counts must have shape"):
        make(genes=["just one"])
    with pytest.raises(InputError, match="unique"):
        make(genes=["a", "a", "b", "c"])
    with pytest.raises(InputError, match="finite"):
        dataclasses.replace(make(), image=np.full((20, 3), np.nan))
    with pytest.raises(InputError, match="no counts"):
        dataclasses.replace(make(), counts=None)


def test_a_target_cannot_be_its_own_reference():
    piece = make()
    model = ReferenceModel(("A",), ReferenceSet.of([piece], piece.genes, DEFAULT), ())
    words = "a reference is called A as well, .* own reference; if it is another slice, call it otherwise"
    with pytest.raises(InputError, match=words):
        model.check_target(piece.without_counts())
    with pytest.raises(InputError, match="same encoder"):
        model.check_target(dataclasses.replace(make("B"), image=np.ones((20, 9))))
    with pytest.raises(InputError, match="no counts"):
        check_references([piece.without_counts()])
    with pytest.raises(InputError, match="same encoder"):
        check_references([piece, dataclasses.replace(make("B"), image=np.ones((20, 9)))])
    with pytest.raises(InputError, match="A appears twice"):
        check_references([piece, piece])
    genes = np.array([f"ENSG{number:011d}.7" for number in range(len(piece.genes))])
    newer = dataclasses.replace(make("B"), genes=np.char.replace(genes, ".7", ".8"))
    words = r"share no gene name: Ensembl ids \(e\.g\. ENSG00000000000\.7\) against Ensembl ids"
    with pytest.raises(InputError, match=words):
        check_references([dataclasses.replace(piece, genes=genes), newer])
