"""Scores of inferred expression, and the rule for constant genes."""

import numpy as np
import pytest

from tissuegraph.spahgc.scores import Measured, pearson, score


def test_pcc_of_a_gene_equals_the_textbook_coefficient():
    rng = np.random.default_rng(0)
    measured, predicted = rng.normal(size=(20, 600)), rng.normal(size=(20, 600))  # more than one block
    expected = [np.corrcoef(measured[:, g], predicted[:, g])[0, 1] for g in range(600)]
    np.testing.assert_allclose(pearson(measured, predicted)[0], expected, atol=1e-12)


def test_a_measurement_that_is_kept_gives_each_prediction_its_coefficients_mean_and_spread():
    rng = np.random.default_rng(1)
    values = rng.poisson(2, size=(30, 300)).astype(np.float32)
    values[:, 7] = 3
    measured = Measured(values)
    np.testing.assert_allclose(measured.mean, values.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(measured.deviation, values.std(axis=0), rtol=1e-5)
    for predicted in rng.normal(size=(2, *values.shape)):
        predicted[:, 9] = 1
        pcc, mean, deviation = measured.compare(predicted)
        np.testing.assert_array_equal(pcc, pearson(values, predicted)[0])
        assert np.isnan(pcc[7])
        assert pcc[9] == 0
        np.testing.assert_allclose(mean, predicted.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(deviation, predicted.std(axis=0), atol=1e-12)


def test_a_gene_measured_as_constant_is_left_out_and_counted():
    measured = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    predicted = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]])
    result = score(measured, predicted)
    assert np.isnan(result.gene_pcc[1])
    assert result.summary()["pcc"] == pytest.approx(1.0)
    assert (result.n_constant_measured, result.n_constant_predicted) == (1, 0)


def test_a_gene_predicted_as_constant_counts_as_zero():
    measured = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    predicted = np.array([[1.0, 7.0], [2.0, 7.0], [3.0, 7.0]])
    result = score(measured, predicted)
    np.testing.assert_allclose(result.gene_pcc, [1.0, 0.0])
    assert result.summary()["pcc"] == pytest.approx(0.5)
    assert (result.n_constant_measured, result.n_constant_predicted) == (0, 1)


def test_constant_is_judged_beyond_rounding():
    measured = np.arange(4.0)[:, None]
    predicted = np.full((4, 1), 0.1, np.float32) + np.array([[0], [1], [0], [1]], np.float32) * 1e-9
    assert pearson(measured, predicted)[0][0] == 0


def test_nothing_to_score_gives_nan():
    result = score(np.ones((4, 2)), np.random.default_rng(0).normal(size=(4, 2)))
    assert np.isnan(result.summary()["pcc"])


def test_pcc_ignores_shift_and_scale_and_rmse_does_not():
    measured = np.random.default_rng(1).normal(size=(10, 4))
    result = score(measured, 3 * measured + 2)
    np.testing.assert_allclose(result.gene_pcc, 1)
    expected = np.sqrt(((2 * measured + 2) ** 2).mean())
    assert result.summary()["rmse"] == pytest.approx(expected)


def test_pcc_per_spot_runs_over_genes():
    measured = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    predicted = np.array([[2.0, 4.0, 6.0], [3.0, 2.0, 1.0]])
    np.testing.assert_allclose(score(measured, predicted).spot_pcc, [1, -1])
