"""Predictions with the spread of measurements: by how much they are stretched, and what that costs."""

import numpy as np
import pytest
from helpers.paired import PairedSettings, paired_slices

from tissuegraph.presets import load_settings
from tissuegraph.spahgc import protocol
from tissuegraph.spahgc.calibration import HeldOut, agreement, calibrate, calibrated
from tissuegraph.spahgc.scores import Measured, pearson


def held_out(units):
    rows = [agreement(Measured(measured), predicted) for measured, predicted in units]
    return HeldOut(*np.moveaxis(np.array(rows), 1, 0))


def shrunk(rng, factors, noise=0.0, n_spots=400):
    """Measured expression of unit spread, and predictions of `factors` times that spread."""
    measured = rng.normal(size=(n_spots, len(factors)))
    measured = (measured - measured.mean(axis=0)) / measured.std(axis=0)
    return measured + 5, measured * factors * np.exp(rng.normal(0, noise, len(factors))) + 4.5


def test_the_scale_undoes_what_was_lost_gene_by_gene():
    rng = np.random.default_rng(0)
    found = calibrate(held_out([shrunk(rng, np.array([0.5, 0.25, 1.0])) for _ in range(3)]))
    np.testing.assert_allclose(found["calibration_scale"], [2, 4, 1], rtol=1e-5)
    np.testing.assert_allclose(found["sd_ratio"], [0.5, 0.25, 1], rtol=1e-5)
    np.testing.assert_allclose(found["sd_ratio_calibrated"], [1, 1, 1], rtol=1e-5)
    # A perfect order: what remains after calibration is the difference of the means, 0.5
    np.testing.assert_allclose(found["rmse_calibrated"], 0.5, rtol=1e-5)
    np.testing.assert_allclose(found["rmse"], np.sqrt(0.5**2 + np.array([0.5, 0.75, 0]) ** 2), rtol=1e-5)


def test_calibration_costs_where_the_order_is_wrong():
    # Uncorrelated: the error grows from 1 + 0.25 to 1 + 1 in squares
    measured = np.tile([[1.0], [1.0], [-1.0], [-1.0]], (5, 1))
    predicted = np.tile([[0.5], [-0.5], [0.5], [-0.5]], (5, 1))
    found = calibrate(held_out([(measured, predicted)] * 2))
    assert found["rmse"][0] == pytest.approx(np.sqrt(1.25))
    assert found["rmse_calibrated"][0] == pytest.approx(np.sqrt(2))


def test_scales_that_differ_by_chance_only_are_drawn_together():
    rng = np.random.default_rng(1)
    found = calibrate(held_out([shrunk(rng, np.full(200, 0.4), noise=0.5) for _ in range(2)]))
    assert np.log(found["calibration_scale"]).std() < 0.1  # the means of two differ by 0.35
    assert np.median(found["calibration_scale"]) == pytest.approx(2.5, rel=0.1)


def test_what_is_said_of_calibrated_predictions_is_of_references_that_the_scale_was_not_fitted_on():
    rng = np.random.default_rng(2)
    units = [shrunk(rng, np.array([factor, factor])) for factor in (0.5, 0.125)]
    found = calibrate(held_out(units))
    # The first is stretched by 8, the second by 2: ratios 4 and 1/4, whose squares of errors are 9 and 0.75^2
    assert found["rmse_calibrated"][0] == pytest.approx(np.sqrt(0.25 + (9 + 0.75**2) / 2), rel=1e-4)


def test_a_gene_that_no_held_out_reference_varies_in_stays_as_it_is_predicted():
    measured, predicted = shrunk(np.random.default_rng(3), np.array([0.5, 0.5]))
    measured[:, 1] = 0
    found = calibrate(held_out([(measured, predicted)] * 2))
    assert all(np.isnan(values[1]) for values in found.values())
    np.testing.assert_array_equal(
        calibrated(predicted.astype(np.float32), found)[:, 1], predicted[:, 1].astype("f4")
    )


def test_calibrated_inference_varies_like_measurement_and_keeps_every_pcc_and_mean():
    slices = paired_slices(PairedSettings(n_slices=4, side=10, n_genes=12), seed=0)
    words = ["model.width=8", "model.heads=2", "model.layers=1", "optimiser.epochs=2"]
    settings = load_settings("default", words, method="spahgc")
    fold = protocol.run_fold(slices, ["S1"], settings, seed=0)[0]
    stretched = calibrated(fold.predicted, fold.inference.per_gene)
    ratios = [np.median(each.std(axis=0) / fold.measured.std(axis=0)) for each in (fold.predicted, stretched)]
    assert ratios[0] < 0.7
    assert ratios[1] == pytest.approx(1, abs=0.3)
    np.testing.assert_allclose(stretched.mean(axis=0), fold.predicted.mean(axis=0), atol=1e-4)
    before, after = (pearson(fold.measured, each)[0] for each in (fold.predicted, stretched))
    np.testing.assert_allclose(after, before, atol=1e-4)
