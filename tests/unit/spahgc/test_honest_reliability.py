"""Reliability speaks for what was left out: a new patient wherever two patients are known."""

import dataclasses

import numpy as np
import pytest
from helpers.paired import PairedSettings, paired_slices

from tissuegraph.presets import load_settings
from tissuegraph.spahgc import protocol
from tissuegraph.spahgc.folds import kept_apart, validated_by

FAST = ["model.width=8", "model.heads=2", "model.layers=1", "optimiser.epochs=2", "validation.every=2"]
SETTINGS = load_settings("default", FAST, method="spahgc")
# Two slices of each patient; most looks, and what is expressed in them, are of one patient only
OF_PATIENTS = PairedSettings(
    n_slices=14, side=10, n_genes=16, n_looks=24, per_patient=2, own_looks=0.75, neighbour=0.3
)


@pytest.fixture(scope="module")
def slices():
    return paired_slices(OF_PATIENTS, seed=0)


def of_unknown_patients(slices):
    return [dataclasses.replace(piece, patient=None) for piece in slices]


def truth_of(pieces, inferences):
    """Mean PCC on slices that were inferred without their counts."""
    scored = [
        protocol.scored(piece, piece.name, 0, inference, {}, SETTINGS)
        for piece, inference in zip(pieces, inferences, strict=True)
    ]
    return np.mean([each.scores["spahgc"].summary()["pcc"] for each in scored])


@pytest.fixture(scope="module")
def by_patient(slices):
    """Inferences of eight slices of four new patients from six slices of three."""
    return protocol.infer(slices[:6], [piece.without_counts() for piece in slices[6:]], SETTINGS, seed=0)


def test_reliability_is_that_of_a_new_patient_where_patients_differ(slices, by_patient):
    blind = [piece.without_counts() for piece in slices[6:]]
    as_before = protocol.infer(of_unknown_patients(slices[:6]), blind, SETTINGS, seed=0)
    truth = truth_of(slices[6:], by_patient)
    honest, optimistic = (np.nanmean(found[0].reliability) for found in (by_patient, as_before))
    assert honest == pytest.approx(truth, abs=0.1)
    assert optimistic > truth + 0.25
    assert [found[0].history["validated_by"] for found in (by_patient, as_before)] == ["patient", "slice"]


@pytest.mark.long
def test_slices_left_out_give_the_reliability_of_a_further_slice_of_the_same_patients(slices):
    references = of_unknown_patients([slices[place] for place in (0, 2, 3, 4, 5)])
    found = protocol.infer(references, [slices[1].without_counts()], SETTINGS, seed=0)
    assert truth_of([slices[1]], found) > np.nanmean(found[0].reliability) - 0.1


def test_inner_folds_hold_out_whole_patients_though_targets_are_held_out_by_slice(slices):
    found = protocol.run_fold(slices[:6], ["S1"], SETTINGS, seed=0, by="slice")[0].inference
    assert found.history["held_out_inside"] == [["S2"], ["S3", "S4"], ["S5", "S6"]]
    assert found.history["validated_by"] == "patient"


def test_what_is_left_out_follows_the_patients_that_are_known(slices):
    first, second, other = slices[0], slices[1], slices[2]
    assert kept_apart([first, other]) == "patient"
    assert kept_apart([first, second]) == "slice"
    assert kept_apart([first, *of_unknown_patients([other])]) == "slice"
    assert validated_by([first]) == "half of a slice"


@pytest.mark.parametrize(("by", "said"), [("patient", True), ("slice", False)])
def test_it_is_said_where_patients_cannot_be_left_out_though_they_were_to_be(slices, by, said):
    found = protocol.run_fold(slices[:4], ["S1", "S2"], SETTINGS, seed=0, by=by)[0].inference
    assert found.history["validated_by"] == "slice"
    assert any("patients were to be left out, but" in text for text in found.warnings) == said
