"""Levels of genes in whole slides: told by the image where held-out references confirm it, else left."""

import dataclasses

import numpy as np
import pytest
from helpers.mixed import MixedSettings, mixed_slices
from scipy import sparse

from tissuegraph.presets import load_settings
from tissuegraph.spahgc import protocol
from tissuegraph.spahgc.baselines import PENALTIES
from tissuegraph.spahgc.inference import infer_slice
from tissuegraph.spahgc.learning import learn
from tissuegraph.spahgc.level import LevelPath, choose_level
from tissuegraph.spahgc.panel import log_expression
from tissuegraph.spahgc.scaling import fit_image_scaling
from tissuegraph.spahgc.scores import pearson

NO_TRAINING = ["model.width=8", "model.heads=2", "model.layers=1", "optimiser.epochs=0"]
SETTINGS = load_settings("default", NO_TRAINING, method="spahgc")
LEFT = load_settings("default", [*NO_TRAINING, "features.level=none"], method="spahgc")
# Five references and slides of 5, 50 and 95 % tumour
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.05, 0.5, 0.95)


def of_shares(**more):
    slices = mixed_slices(MixedSettings(shares=SHARES, side=12, n_genes=20, **more), seed=0)
    return slices[:5], slices[5:]


def tumour_levels(references, targets, settings=SETTINGS):
    """Mean over genes of tumour: predicted and measured, and how predictions were made; one per target."""
    model = learn(references, settings, seeds=[0], device="cpu")
    predicted, measured = [], []
    for target in targets:
        (found,) = infer_slice(model, target.without_counts(), device="cpu")
        chosen = np.char.startswith(found.genes, "TUMOUR")
        predicted.append(found.predicted[:, chosen].mean())
        measured.append(log_expression(target, found.genes, settings.panel).toarray()[:, chosen].mean())
    return np.array(predicted), np.array(measured), model


def test_slides_with_more_tumour_have_more_of_its_genes():
    references, targets = of_shares()
    predicted, measured, model = tumour_levels(references, targets)
    flat, _, without = tumour_levels(references, targets, LEFT)
    assert measured[2] - measured[0] > 0.3
    np.testing.assert_allclose(predicted, measured, atol=0.08)
    assert flat[2] - flat[0] < 0.1  # scaled slice by slice, all slides come out alike
    told = model.runs[0].history["level"]
    assert told["share"] > 0
    assert told["error"] < 0.9 * told["error_of_mean"]
    assert without.level is None
    assert model.runs[0].per_gene["level_error"].mean() < 0.7 * without.runs[0].per_gene["level_error"].mean()


def test_the_pattern_within_a_slide_does_not_change_by_a_bit_of_its_order():
    references, targets = of_shares()
    both = [
        protocol.infer(references, [targets[0].without_counts()], settings, seed=0)[0].predicted
        for settings in (SETTINGS, LEFT)
    ]
    np.testing.assert_allclose(pearson(*both)[0], 1, atol=1e-5)
    assert np.abs(both[0].mean(axis=0) - both[1].mean(axis=0)).max() > 0.05


def test_where_stain_hides_the_difference_levels_are_left_alone():
    references, targets = of_shares(stain=1.0)
    _, _, model = tumour_levels(references, targets[:1])
    assert model.level is None
    assert model.runs[0].history["level"]["share"] == 0


def test_a_slide_far_from_its_references_keeps_the_level_of_all():
    references, targets = of_shares()
    strange = dataclasses.replace(targets[0], image=targets[0].image + 30)
    predicted, _, model = tumour_levels(references, [strange])
    flat, _, _ = tumour_levels(references, targets[:1], LEFT)
    assert model.level is not None
    assert not infer_slice(model, strange.without_counts(), device="cpu")[0].level_told
    assert predicted[0] == pytest.approx(flat[0], abs=1e-4)


def test_one_reference_says_nothing_of_levels():
    references, targets = of_shares()
    _, _, model = tumour_levels(references[:1], targets[:1])
    assert model.level is None
    assert model.runs[0].history["level"] is None


def test_the_level_is_the_mean_over_spots_of_a_ridge_on_features_scaled_by_all_references():
    rng = np.random.default_rng(0)
    images = [rng.normal(size=(30, 2)) + place for place in (0, 3)]
    weights = np.array([[2.0], [-1.0]])
    values = [image @ weights + 7 for image in images]
    scaling = fit_image_scaling(images, "slice")
    path = LevelPath.of(images, [sparse.csr_matrix(each) for each in values], scaling)
    target = rng.normal(size=(10, 2)) + 1
    exact = (target @ weights + 7).mean()
    assert path.level(PENALTIES[0], 1.0).of(target, scaling)[0] == pytest.approx(exact, abs=0.15)
    halfway = path.level(PENALTIES[0], 0.5).of(target, scaling)[0]
    assert halfway == pytest.approx((path.level(PENALTIES[0], 1.0).of(target, scaling)[0] + path.mean[0]) / 2)


def test_the_choice_needs_a_tenth_less_error():
    mean_off = np.array([[1.0], [-1.0]])

    def told(share_of_truth):
        ridge_off = np.zeros((2, len(PENALTIES), 1))
        ridge_off[:, 3] = -share_of_truth * mean_off
        return choose_level(mean_off, ridge_off)

    found = told(1.0)
    assert (found.penalty, found.share, found.error) == (PENALTIES[3], 1.0, 0.0)
    assert told(0.09).share == 0
    assert told(0.09).error == told(0.09).error_of_mean == 1
    assert told(2.0).share == 0.5


def test_where_levels_differ_nowhere_the_image_does_not_tell_them():
    nothing = np.zeros((2, 1))
    assert choose_level(nothing, np.zeros((2, len(PENALTIES), 1))).share == 0
