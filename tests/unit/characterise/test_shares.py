"""Shares between conditions: exact p-values, changes that closure does not fake, and no finding in noise."""

from math import comb

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from tissuegraph.characterise import shares
from tissuegraph.characterise.false_findings import benjamini_hochberg
from tissuegraph.characterise.shares import compare, log_shares, mean_by_patient, permutation_test
from tissuegraph.cohorts.design import Pair

NAMES = ("1", "2", "3", "4", "5")


def pair_of(n):
    return Pair(
        a="a", b="b",
        patients_a=tuple(f"a{i}" for i in range(n)), patients_b=tuple(f"b{i}" for i in range(n)),
    )  # fmt: skip


def drawn_logs(rng, n, k=5, sd=0.3):
    """Logarithms of shares (2n, k) of patients that differ at random."""
    amount = rng.normal(np.arange(k) * 0.3, sd, (2 * n, k))
    return amount - np.log(np.exp(amount).sum(axis=1, keepdims=True))


def compared(logs, n):
    pair = pair_of(n)
    by_patient = dict(zip(pair.patients, logs, strict=True))
    return compare(by_patient, {who: np.exp(row) for who, row in by_patient.items()}, [pair], NAMES)


def test_shares_have_half_a_spot_more_so_that_none_is_zero():
    np.testing.assert_allclose(np.exp(log_shares(np.array([[3, 0]]))), [[3.5 / 4, 0.5 / 4]])


def test_sections_of_a_patient_are_averaged_before_anything_else():
    values = np.array([[1.0], [3.0], [10.0]])
    np.testing.assert_array_equal(mean_by_patient(values, ["P", "P", "Q"], ["Q", "P"]), [[10.0], [2.0]])


def test_the_p_value_is_the_share_of_arrangements_that_differ_as_much():
    logs = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.2, 0, 0], [2.0, 0, 0], [2.1, 0, 0], [2.2, 0, 0]])
    test = permutation_test(logs, 3)
    assert test.p[0] == pytest.approx(2 / comb(6, 3))  # as seen, and with the sides exchanged
    assert test.least == pytest.approx(2 / comb(6, 3))
    np.testing.assert_allclose(test.effect, [2.0 / np.log(2), 0, 0])
    assert (test.p[1:] == 1).all()


def test_a_domain_that_grows_does_not_make_the_others_change():
    rng = np.random.default_rng(0)
    amount = rng.normal(0, 0.02, (10, 5))
    amount[5:, 2] += 1.0
    logs = amount - np.log(np.exp(amount).sum(axis=1, keepdims=True))
    assert (logs[5:, 0].mean() - logs[:5, 0].mean()) < -0.2  # in shares it shrinks
    effect = permutation_test(logs, 5).effect
    assert effect[2] == pytest.approx(1 / np.log(2), abs=0.1)
    assert np.abs(np.delete(effect, 2)).max() < 0.05


def test_where_nothing_is_planted_findings_are_as_rare_as_their_p_says():
    rng = np.random.default_rng(1)
    found = [compared(drawn_logs(rng, 5), 5)[0] for _ in range(100)]
    assert np.mean([table["p_value"] <= 0.05 for table in found]) <= 0.07
    assert np.mean([(table["p_adjusted"] <= 0.05).any() for table in found]) <= 0.1


def test_a_planted_change_is_found_in_its_domain_alone():
    logs = drawn_logs(np.random.default_rng(2), 5, sd=0.15)
    logs[5:, 1] += 1.0
    table, (least,) = compared(logs, 5)
    assert table.loc[table["p_adjusted"] <= 0.05, "domain"].tolist() == ["2"]
    assert least == pytest.approx(2 / 252)


def test_fewer_than_three_patients_a_side_are_described_without_a_p():
    table, (least,) = compared(drawn_logs(np.random.default_rng(3), 2), 2)
    assert table["p_value"].isna().all()
    assert table["p_adjusted"].isna().all()
    assert table["effect"].notna().all()
    assert np.isnan(least)


def test_many_patients_are_permuted_at_random_the_same_way_each_time():
    logs = drawn_logs(np.random.default_rng(4), 9)
    first, second = permutation_test(logs, 9), permutation_test(logs, 9)
    np.testing.assert_array_equal(first.p, second.p)
    assert first.least == 1 / (shares.N_DRAWS + 1)
    assert first.p.min() >= first.least


def test_random_arrangements_give_about_the_exact_p(monkeypatch):
    logs = drawn_logs(np.random.default_rng(5), 5)
    exact = permutation_test(logs, 5).p
    monkeypatch.setattr(shares, "MOST_EXACT", 10)
    np.testing.assert_allclose(permutation_test(logs, 5).p, exact, atol=0.02)


def test_three_conditions_are_adjusted_together():
    rng = np.random.default_rng(6)
    names = {c: tuple(f"{c}{i}" for i in range(3)) for c in "abc"}
    logs = dict(zip([n for side in names.values() for n in side], rng.normal(size=(9, 5)), strict=True))
    pairs = [
        Pair(a=a, b=b, patients_a=names[a], patients_b=names[b])
        for a, b in (("a", "b"), ("a", "c"), ("b", "c"))
    ]
    table, least = compare(logs, logs, pairs, NAMES)
    assert len(table) == 15
    assert least == pytest.approx([0.1] * 3)
    np.testing.assert_allclose(table["p_adjusted"], false_discovery_control(table["p_value"]))


def test_adjusting_leaves_out_what_was_not_tested():
    p = np.array([0.01, np.nan, 0.04, 0.03])
    adjusted = benjamini_hochberg(p)
    assert np.isnan(adjusted[1])
    np.testing.assert_allclose(adjusted[[0, 2, 3]], false_discovery_control(p[[0, 2, 3]]))
    assert len(benjamini_hochberg(np.array([]))) == 0
