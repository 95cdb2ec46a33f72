"""Genes between conditions: p-values that hold with ten patients, and refusals where there are fewer."""

import numpy as np
import pytest
from scipy.special import polygamma

from tissuegraph.characterise.contrasts import (
    DomainCounts,
    compared_genes,
    degrees_of_freedom,
    described,
    expressed,
    inference_of_one_core,
)
from tissuegraph.characterise.false_findings import benjamini_hochberg
from tissuegraph.cohorts.design import Pair


def domain_of(counts, n_a):
    n = len(counts)
    return DomainCounts(
        counts=counts,
        patients=tuple(f"P{i}" for i in range(n)),
        conditions=tuple("a" if i < n_a else "b" for i in range(n)),
        genes=np.array([f"gene{i}" for i in range(counts.shape[1])]),
    )


def drawn(seed, n_genes, n_side=5, sd=0.3):
    """Counts of patients that differ at random in every gene and in depth."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(4.5, 1.0, n_genes))
    own = rng.normal(0, sd, (2 * n_side, n_genes)) + rng.normal(0, 0.4, (2 * n_side, 1))
    return rng.poisson(mean * np.exp(own))


def pair_of(n_a, n_b):
    patients = tuple(f"P{i}" for i in range(n_a + n_b))
    return Pair(a="a", b="b", patients_a=patients[:n_a], patients_b=patients[n_a:])


def test_where_nothing_is_planted_findings_are_as_rare_as_their_p_says():
    tables = [compared_genes(domain_of(drawn(seed, 40), 5), [pair_of(5, 5)])["a", "b"] for seed in range(20)]
    p = np.concatenate([table["p_value"].dropna() for table in tables])
    assert len(p) > 700
    assert np.mean(p <= 0.05) <= 0.07
    assert np.mean(p <= 0.05) >= 0.02  # nor are real ones thrown away
    assert sum((benjamini_hochberg(table["p_value"]) <= 0.1).any() for table in tables) <= 4


def test_planted_genes_are_found_with_the_fold_that_was_planted():
    counts = drawn(1, 150, sd=0.2)
    counts[5:, :5] *= 3
    counts[:5, 5:10] *= 3
    table = compared_genes(domain_of(counts, 5), [pair_of(5, 5)])["a", "b"]
    found = table[benjamini_hochberg(table["p_value"]) <= 0.1]
    planted = {f"gene{i}" for i in range(10)}
    assert len(planted & set(found["gene"])) >= 9
    assert len(set(found["gene"]) - planted) <= 2
    folds = table.set_index("gene").loc[[f"gene{i}" for i in range(10)], "log2_fold_change"].to_numpy()
    np.testing.assert_allclose(folds, np.log2(3) * np.repeat([1, -1], 5), atol=0.7)


def test_fewer_than_three_patients_a_side_are_not_tested_but_described():
    counts = drawn(2, 40, n_side=5)[3:]
    domain = domain_of(counts, 2)
    assert compared_genes(domain, [pair_of(2, 5)]) == {}
    table = described(domain, pair_of(2, 5))
    assert table["p_value"].isna().all()
    assert table["log2_fold_change"].notna().all()


def test_a_description_is_the_ratio_of_means_at_equal_depth():
    counts = np.array([[100, 100], [100, 300], [200, 600]])
    table = described(domain_of(counts, 1), pair_of(1, 2))
    # median depth 400: 200 and 200 of the one patient, 100 and 300 of the others
    np.testing.assert_allclose(table["log2_fold_change"], np.log2([100.5 / 200.5, 300.5 / 200.5]))
    np.testing.assert_allclose(table["base_mean"], [400 / 3, 800 / 3])


def test_a_side_without_patients_has_no_rows():
    assert described(domain_of(np.full((3, 4), 20), 3), pair_of(3, 1)).empty


def test_a_gene_needs_its_counts_in_as_many_patients_as_the_smaller_side_has():
    counts = np.array([[10, 10, 9], [10, 0, 99], [0, 99, 9], [0, 0, 9], [0, 0, 99]])
    assert expressed(counts, ["a", "a", "b", "b", "b"]).tolist() == [True, True, True]
    assert expressed(counts, ["a", "b", "b", "b", "c"]).tolist() == [True, True, True]
    assert expressed(counts, ["a", "a", "a", "b", "b"][:5]).tolist() == [True, True, True]
    counts[1, 0] = 9
    assert expressed(counts, ["a", "a", "b", "b", "b"]).tolist() == [False, True, True]


def test_too_few_genes_are_not_modelled():
    assert compared_genes(domain_of(drawn(3, 9), 5), [pair_of(5, 5)]) == {}


def test_a_patient_without_a_count_is_left_out():
    counts = drawn(5, 20, n_side=4)
    without = domain_of(np.vstack([counts, np.zeros_like(counts[:1])]), 4)  # a fifth of side b
    found, alone = (compared_genes(each, [pair_of(4, 4)]) for each in (without, domain_of(counts, 4)))
    np.testing.assert_array_equal(found["a", "b"]["p_value"], alone["a", "b"]["p_value"])


def test_genes_that_vary_less_than_chance_are_tested_too():
    table = compared_genes(domain_of(np.full((6, 12), 300), 3), [pair_of(3, 3)])["a", "b"]
    assert (table["p_value"] > 0.9).all()


def test_degrees_of_freedom_grow_with_what_genes_have_in_common():
    assert degrees_of_freedom(10, 2, None) == degrees_of_freedom(10, 2, float("nan")) == 8
    assert degrees_of_freedom(10, 2, float(polygamma(1, 4.5))) == pytest.approx(17)
    assert degrees_of_freedom(10, 2, 5.0) < degrees_of_freedom(10, 2, 0.25) < degrees_of_freedom(10, 2, 0.0)


def test_means_fitted_to_all_genes_at_once_are_those_of_the_package():
    from pydeseq2.default_inference import DefaultInference

    counts, design = drawn(4, 12), np.column_stack([np.ones(10), np.arange(10) >= 5]).astype(float)
    factors = np.exp(np.random.default_rng(4).normal(size=10))
    theirs = DefaultInference(n_cpus=1).lin_reg_mu(counts, factors, design, 0.5)
    np.testing.assert_allclose(inference_of_one_core().lin_reg_mu(counts, factors, design, 0.5), theirs)
