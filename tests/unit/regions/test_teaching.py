"""What is taught, what it is judged by, and what never reaches it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.sections import NAMES, labels_of, section, teacher

from tissuegraph.errors import InputError
from tissuegraph.presets import load_settings
from tissuegraph.regions.fitting import NetworkOptions, fit_model, region_names
from tissuegraph.regions.leaving_out import folds, leave_out, scored
from tissuegraph.regions.model import UNSURE, ask
from tissuegraph.regions.sections import Source, codes_of
from tissuegraph.regions.store import load_model, save_model
from tissuegraph.regions.teaching import teach, verdict
from tissuegraph.scores.transfer import ACROSS, SECTIONS, WITHIN


def named(model, stored):
    return np.array(model.names, dtype=object)[ask(model, stored).region]


def test_regions_carry_over_to_a_section_with_an_offset():
    model = teach([teacher("a", 0)])
    assert (named(model, section(1, batch=0.3)) == labels_of()).mean() > 0.9


def test_a_section_that_holds_one_region_only_is_not_torn_into_all_of_them():
    model = teach([teacher("a", 0)])
    assert (named(model, section(1, bands=(1, 1, 1), batch=0.2)) == "L2").mean() > 0.9


def test_a_target_is_named_alike_whatever_else_is_in_the_group():
    model = teach([teacher("a", 0)])
    target = section(1)
    before = ask(model, target).posterior
    ask(model, section(2, batch=0.5))
    np.testing.assert_array_equal(before, ask(model, target).posterior)


def test_the_order_of_the_teachers_changes_nothing():
    one, other = teacher("a", 0, "p1"), teacher("b", 1, "p2")
    first, second = teach([one, other]), teach([other, one])
    target = section(3)
    np.testing.assert_array_equal(ask(first, target).posterior, ask(second, target).posterior)
    assert first.about == second.about


def test_nothing_of_a_left_out_teacher_reaches_the_fit_that_scores_it():
    """Other labels in the left-out section: the model of the rest says the same, bit by bit."""
    a, b = teacher("a", 0), teacher("b", 1)
    scrambled = teacher("c", 2, labels=np.random.default_rng(0).permutation(labels_of()))
    options = NetworkOptions()
    honest = leave_out([a, b, teacher("c", 2)], NAMES, [[2]], options)[0]
    lied = leave_out([a, b, scrambled], NAMES, [[2]], options)[0]
    for member, posterior in honest.by_member.items():
        np.testing.assert_array_equal(posterior, lied.by_member[member])
    np.testing.assert_array_equal(honest.distance, lied.distance)


def test_a_left_out_teacher_with_genes_of_its_own_changes_no_gene_of_the_fit():
    alone = fit_model([teacher("a", 0), teacher("b", 1)])
    odd = section(2)
    odd = replace(odd, gene_ids=np.char.add("X", odd.gene_ids), genes=np.char.add("X", odd.genes))
    rest = fit_model([t for t in (teacher("a", 0), teacher("b", 1))])
    np.testing.assert_array_equal(alone.loadings.genes, rest.loadings.genes)
    with pytest.raises(InputError, match="0 of the 60 genes"):
        ask(alone, odd)


def test_genes_that_a_section_lacks_count_as_average():
    model = teach([teacher("a", 0)])
    full = section(1)
    fewer = replace(
        full,
        counts=full.counts[:, 5:],
        genes=full.genes[5:],
        gene_ids=full.gene_ids[5:],
        symbols=full.symbols[5:],
    )
    assert (named(model, fewer) == labels_of()).mean() > 0.9


def test_patients_are_left_out_whole_and_sections_of_a_patient_one_by_one():
    sources = [teacher(n, k, p) for k, (n, p) in enumerate([("a", "p1"), ("b", "p1"), ("c", "p2")])]
    assert folds(sources, ACROSS) == [[0, 1], [2]]
    assert folds(sources, WITHIN) == [[0], [1]]
    assert folds(sources, SECTIONS) == [[0], [1], [2]]


def test_a_lone_patient_or_an_unknown_one_cannot_be_left_out():
    assert folds([teacher("a", 0, "p1"), teacher("b", 1, "p1")], ACROSS) == []
    assert folds([teacher("a", 0, "p1"), teacher("b", 1)], ACROSS) == []
    assert folds([teacher("a", 0)], SECTIONS) == []


def test_many_teachers_are_left_out_in_at_most_ten_fits():
    sources = [teacher(f"t{k:02d}", 0, f"p{k}") for k in range(25)]
    parts = folds(sources, ACROSS)
    assert len(parts) == 10
    assert sorted(index for part in parts for index in part) == list(range(25))


def test_three_good_teachers_are_shown_to_carry_over():
    model = teach([teacher(n, k, n) for k, n in enumerate("abc")])
    assert model.about["guard"] == "shown"
    figures = model.about["left_out"][ACROSS]
    assert figures["macro_f1"] > 0.9
    assert figures["n_sections"] == 3
    assert sum(row["weight"] for row in model.about["members"]) == pytest.approx(1, abs=1e-3)


def test_teachers_whose_labels_mean_nothing_fire_the_guard():
    rng = np.random.default_rng(0)
    model = teach([teacher(n, k, n, labels=rng.permutation(labels_of())) for k, n in enumerate("abc")])
    assert model.about["guard"] == "not shown"
    assert "Transfer was not shown" in model.about["sentence"]


def test_a_single_teacher_cannot_be_checked_and_says_so():
    model = teach([teacher("a", 0)])
    assert model.about["guard"] == "not checked"
    assert model.about["left_out"] == {}
    assert "only a teaches" in model.about["sentence"]
    assert np.isfinite(model.threshold)


def test_a_teacher_of_one_region_teaches_though_nobody_can_be_judged_without_the_other():
    """Leaving out the first would leave one region to teach: no reason to refuse what both know."""
    only_l1 = np.where(labels_of() == "L1", labels_of(), None)
    model = teach([teacher("a", 0), teacher("b", 1, labels=only_l1)])
    assert (named(model, section(2)) == labels_of()).mean() > 0.9
    assert (model.about["guard"], model.about["left_out"]) == ("not checked", {})
    assert "none of the 2 teachers" in model.about["sentence"]
    assert np.isfinite(model.threshold)
    told = " ".join(model.about["not_left_out"])
    assert "the others cannot name a" in told
    assert "b teaches but takes no part" in told


def test_transfer_is_not_shown_by_a_section_of_three_labelled_spots():
    three = np.full(len(labels_of()), None, dtype=object)
    three[[0, 60, 140]] = labels_of()[[0, 60, 140]]
    model = teach([teacher("a", 0), teacher("b", 1), teacher("c", 2, labels=three)])
    assert model.about["left_out"]["sections"]["n_sections"] == 2  # a and b, each named by the other and c
    assert "3 labelled spots, 3 regions" in model.about["not_left_out"][0]
    assert teach([teacher("a", 0), teacher("c", 2, labels=three)]).about["guard"] == "not checked"


def test_a_teacher_of_a_small_panel_leaves_the_others_to_be_judged_without_it():
    """Without it the others use genes that it lacks, and cannot name it; with it they use shared ones."""
    few, panel = section(2), np.arange(0, 60, 4)
    few = replace(
        few, counts=few.counts[:, panel], genes=few.genes[panel], gene_ids=few.gene_ids[panel],
        symbols=few.symbols[panel],
    )  # fmt: skip
    model = teach([teacher("a", 0), teacher("b", 1), Source("c", lambda: few, labels_of())])
    assert set(model.loadings.genes) <= set(few.gene_ids)
    assert model.about["left_out"]["sections"]["n_sections"] == 2
    assert "cannot name c" in model.about["not_left_out"][0]


def test_across_patients_decides_where_it_is_known():
    guard, sentence = verdict(
        {"within": {"macro_f1": 0.9}, "across": {"macro_f1": 0.3, "accuracy": 0.4}}, ["a"]
    )
    assert guard == "not shown"
    assert "0.30 on left-out patients" in sentence


def test_a_region_that_nobody_taught_is_novel_and_called_unsure():
    model = teach([teacher(n, k, n) for k, n in enumerate("abc")])
    answer = ask(model, section(9, extra=True))
    strange = labels_of() == "WM"
    novelty = answer.novelty(model.threshold)
    assert (novelty[strange] > 1).mean() > 0.8
    assert (novelty[labels_of() == "L1"] > 1).mean() < 0.2  # L2 is averaged with what borders on it
    assert (answer.call(model.threshold)[strange] == UNSURE).mean() > 0.8


def test_regions_are_told_apart_exactly_and_near_misses_are_named():
    labels = labels_of()
    labels[:40] = "l1 "
    model = teach([teacher("a", 0, labels=labels)])
    assert set(model.names) == {"L1", "L2", "WM", "l1 "}
    assert model.about["spelling"] == [["L1", "l1 "]]


def test_a_region_of_two_spots_is_not_taught_but_named():
    labels = labels_of()
    labels[:2] = "rim"
    model = teach([teacher("a", 0, labels=labels)])
    assert "rim" not in model.names
    assert model.about["too_small"] == ["rim"]


def test_one_region_alone_cannot_be_taught():
    with pytest.raises(InputError, match="at least two regions"):
        region_names([teacher("a", 0, labels=np.full(144, "L1", dtype=object))])


def test_figures_count_a_region_that_the_others_did_not_teach_as_wrong():
    labels = labels_of()
    poor = np.where(labels == "WM", None, labels)
    sources = [teacher("a", 0, "p1"), teacher("b", 1, "p2", labels=poor)]
    model = teach(sources)
    found = leave_out(sources, model.names, [[0]], NetworkOptions())
    annotated = {"a": codes_of(labels, model.names)}
    figures = scored(found, annotated, model)
    assert figures["accuracy"] < 0.75  # a third of the spots is white matter, which b does not teach


def test_the_network_learns_large_sections_in_parts_and_still_carries_over(monkeypatch):
    monkeypatch.setattr("tissuegraph.stmfg.sections.STEP_SPOTS", 80)  # two parts of 72
    settings = load_settings("stmfg/default", ["optimiser.epochs=20"])
    model = fit_model([teacher("a", 0)], NetworkOptions(settings, (0,), "cpu"))
    found = ask(model, section(1)).by_member["stmfg"].argmax(axis=1)
    assert (found == codes_of(labels_of(), model.names)).mean() > 0.9


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda m: {"names": m.names[:2]}, "means has the shape"),
        (lambda m: {"names": (m.names[0], *m.names[:2])}, "each once"),
        (lambda m: {"temperature": 0.0}, "temperature"),
        (lambda m: {"threshold": -1.0}, "threshold"),
        (lambda m: {"weights": {}}, "weights"),
        (lambda m: {"weights": {**m.weights, "lda": -5.0}}, "weight below 0"),
        (lambda m: {"loadings": replace(m.loadings, depth=0.0)}, "depth"),
        (lambda m: {"loadings": replace(m.loadings, by="xy")}, "told apart"),
        (lambda m: {"classes": replace(m.classes, means=m.classes.means * np.nan)}, "numbers are missing"),
        (lambda m: {"classes": replace(m.classes, covariance=-m.classes.covariance)}, "covariance"),
    ],
)
def test_a_model_whose_parts_do_not_go_together_is_refused_though_its_checksum_holds(
    tmp_path, changed, message
):
    model = teach([teacher("a", 0)])
    save_model(replace(model, **changed(model)), tmp_path / "model")
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "model")


def test_a_section_that_keeps_symbols_only_is_named_by_a_model_taught_with_identifiers(tmp_path):
    """Files differ in what they keep: those of 10x have both, many others names alone."""
    save_model(teach([teacher("a", 0)]), tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert model.loadings.by == "gene_ids"
    target = section(1)
    symbols = replace(target, gene_ids=target.genes)
    np.testing.assert_array_equal(ask(model, symbols).posterior, ask(model, target).posterior)
    strange = replace(target, gene_ids=np.char.add("x", target.genes), genes=np.char.add("x", target.genes))
    with pytest.raises(InputError, match=r"named otherwise \(ENSGg0 there, xg0 here\)"):
        ask(model, strange)


def test_a_model_from_disk_answers_alike(tmp_path):
    settings = load_settings("stmfg/default", ["optimiser.epochs=3"])
    options = NetworkOptions(settings, (0, 1), "cpu")
    model = teach([teacher("a", 0, "p1"), teacher("b", 1, "p2")], options)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    target = section(5)
    np.testing.assert_allclose(ask(model, target).posterior, ask(again, target).posterior, atol=1e-12)
    assert again.threshold == model.threshold
    assert again.about == model.about
    assert set(model.about["digests"]) == {"a", "b"}


def edit(path, change):
    table = json.loads((path / "model.json").read_text())
    change(table)
    (path / "model.json").write_text(json.dumps(table))


def exchange(path, other):
    """The numbers of another model beside this one's names."""
    save_model(other, path / "other")
    (path / "other" / "model.safetensors").rename(path / "model.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "model.safetensors").unlink(), "holds no model.safetensors"),
        (lambda path: (path / "model.safetensors").write_bytes(b"junk"), "is damaged"),
        (lambda path: (path / "model.json").write_text('{"format": 99}'), "of format 99"),
        (lambda path: (path / "model.json").write_text("[]"), "is damaged"),
        (
            lambda path: edit(path, lambda table: table["names"].reverse()),
            "not as they were written together",
        ),
        (lambda path: edit(path, lambda table: table.pop("checksum")), "is damaged"),
        (lambda path: exchange(path, teach([teacher("b", 1)])), "not as they were written"),
    ],
)
def test_a_damaged_model_is_one_clear_error(tmp_path, damage, message):
    save_model(teach([teacher("a", 0)]), tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "model")
