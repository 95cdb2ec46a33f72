"""The generated cohort of two conditions: what its truth says is there, and nothing else is."""

import csv
import json

import numpy as np
import pytest

from tissuegraph.sheet.check import read_samplesheet
from tissuegraph.synthetic.cohorts import write_preset
from tissuegraph.synthetic.conditions import plan_conditions
from tissuegraph.synthetic.slices import make_slice


@pytest.fixture(scope="module")
def cohort():
    return plan_conditions(3)


@pytest.fixture(scope="module")
def drawn(cohort):
    return [make_slice(member.settings) for member in cohort.members]


def level(slice_, gene, spots):
    """Share of the counts of some spots that is of one gene."""
    counts = slice_.counts[np.flatnonzero(spots)]
    return counts[:, slice_.genes.tolist().index(gene)].sum() / counts.sum()


def test_two_conditions_have_five_patients_of_two_sections(cohort):
    who = {(each["patient"], each["condition"]) for each in cohort.truth["sections"]}
    assert len(cohort.members) == 20
    assert sorted(condition for _, condition in who) == ["control"] * 5 + ["treated"] * 5


def test_markers_are_higher_in_their_domain_than_anywhere_else(cohort, drawn):
    for k, (name, genes) in enumerate(cohort.truth["markers"].items()):
        assert name == cohort.truth["domains"][k]
        for gene in genes:
            inside = np.mean([level(d, gene, d.domain == k) for d in drawn])
            assert inside > 2.5 * max(
                np.mean([level(d, gene, d.domain == other) for d in drawn]) for other in set(range(5)) - {k}
            )


def test_differential_genes_change_by_their_fold_in_their_domain_only(cohort, drawn):
    truth = cohort.truth["differential"]
    k = cohort.truth["domains"].index(truth["domain"])
    treated = np.array([member.condition == "treated" for member in cohort.members])
    assert len(truth["log2_fold_changes"]) == 10
    far = (k + 3) % 5
    for domain, factor in ((k, 1.0), (far, 0.0)):
        changes = []
        for gene, fold in truth["log2_fold_changes"].items():
            levels = np.array([level(d, gene, d.domain == domain) for d in drawn])
            change = np.log2(levels[treated].mean() / levels[~treated].mean())
            changes.append(change * np.sign(fold))
        assert np.mean(changes) == pytest.approx(factor * abs(fold), abs=0.3)


def test_depth_rises_through_the_layers_which_take_equal_parts_of_it(drawn):
    for slice_ in drawn[:4]:
        assert (np.floor(slice_.depth * 5).clip(0, 4) == slice_.domain).mean() > 0.99
        spread = [np.ptp(slice_.depth[slice_.domain == k]) for k in range(5)]
        assert min(spread) > 0.1


def test_the_gradient_follows_the_depth(cohort, drawn):
    deep, shallow = drawn[0].depth > 0.8, drawn[0].depth < 0.2
    for gene, way in cohort.truth["gradient"]["genes"].items():
        low, high = (shallow, deep) if way == "deeper" else (deep, shallow)
        assert level(drawn[0], gene, high) > 1.5 * level(drawn[0], gene, low)


def test_ligand_and_receptor_are_high_on_either_side_of_one_border(cohort, drawn):
    truth = cohort.truth["interaction"]
    sender, receiver = (cohort.truth["domains"].index(truth[side]) for side in ("sender", "receiver"))
    assert abs(sender - receiver) == 1
    for gene, own in ((truth["ligand"], sender), (truth["receptor"], receiver)):
        inside = np.mean([level(d, gene, d.domain == own) for d in drawn])
        elsewhere = np.mean([level(d, gene, ~np.isin(d.domain, [sender, receiver])) for d in drawn])
        assert inside > 2 * elsewhere
    assert (truth["ligand"], truth["receptor"]) in cohort.pairs


def test_one_layer_takes_more_of_the_treated_sections(cohort, drawn):
    k = cohort.truth["domains"].index(cohort.truth["share_change"]["domain"])
    share = np.array([np.mean(d.domain == k) for d in drawn])
    treated = np.array([member.condition == "treated" for member in cohort.members])
    assert share[treated].min() > share[~treated].max()


def test_sections_of_one_patient_are_more_alike_than_those_of_different_ones(cohort, drawn):
    logs = np.log([np.bincount(d.domain, minlength=5) / len(d.domain) for d in drawn])
    totals = np.log([np.asarray(d.counts.sum(axis=0)).ravel() + 1 for d in drawn])
    for values in (logs, totals):
        controls = values[[member.condition == "control" for member in cohort.members]]
        within = np.linalg.norm(controls[::2] - controls[1::2], axis=1).mean()
        between = np.linalg.norm(controls[::2] - np.roll(controls[::2], 1, axis=0), axis=1).mean()
        assert within < 0.8 * between


def test_without_planting_no_gene_or_layer_is_changed():
    cohort = plan_conditions(3, planted=False)
    assert cohort.truth["differential"] is None
    assert {member.settings.planted for member in cohort.members} == {None}
    assert {member.settings.share_change for member in cohort.members} == {()}
    assert {member.settings.patient_sd for member in cohort.members} == {0.2}


def test_the_truth_and_the_pairs_stand_beside_a_sheet_that_the_pipeline_reads(tmp_path, root):
    sheet = write_preset("conditions", tmp_path, n_slices=4)
    schema = json.loads((root / "assets" / "schema_input.json").read_text())
    read = read_samplesheet(sheet, schema)
    assert read.problems == []
    rows = [(row["sample"], row["patient"], row["condition"], row["group"]) for row in read.rows]
    assert rows[0] == ("P01_S1", "P01", "control", "conditions")
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert [each["sample"] for each in truth["sections"]] == [row[0] for row in rows]
    pairs = [tuple(row.values()) for row in csv.DictReader((tmp_path / "pairs.csv").open())]
    assert (truth["interaction"]["ligand"], truth["interaction"]["receptor"]) in pairs

    import anndata

    data = anndata.read_h5ad(tmp_path / "P01_S1.h5ad")
    assert data.obs[truth["gradient"]["column"]].between(0, 1).all()
