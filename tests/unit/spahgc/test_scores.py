"""Scores of inferred expression, and the rule for constant genes."""

import numpy as np
import pytest

from tissuegraph.spahgc.scores import pearson, score


def test_pcc_of_a_gene_equals_the_textbook_coefficient():
    rng = np.random.default_rng(0)
    measured, predicted = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    expected = [np.corrcoef(measured[:, g], predicted[:, g])[0, 1] for g in range(3)]
    np.testing.assert_allclose(pearson(measured, predicted)[0], expected, atol=1e-12)


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
