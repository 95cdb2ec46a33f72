"""Moran's I: by hand, as scanpy's, as of residuals made dense, and p that holds what it says."""

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import false_discovery_control, norm

from tissuegraph.characterise.false_findings import benjamini_hochberg
from tissuegraph.characterise.neighbour_sums import neighbour_products
from tissuegraph.characterise.spatial_genes import (
    autocorrelation,
    row_normalised,
    spatial_table,
)
from tissuegraph.slices.preprocess import log_normalised


def square(side):
    line = sparse.diags_array([1.0, 1.0], offsets=[-1, 1], shape=(side, side))
    return sparse.csr_matrix(
        sparse.kron(line, sparse.eye_array(side)) + sparse.kron(sparse.eye_array(side), line)
    )


def draws(n_spots, n_genes, seed=0):
    rng = np.random.default_rng(seed)
    mean, size = rng.lognormal(-2, 1.5, n_genes), rng.gamma(2.0, 0.5, n_genes) + 0.05
    rate = mean * rng.gamma(size, 1 / size, (n_spots, n_genes)) * rng.lognormal(0, 0.3, (n_spots, 1))
    return sparse.csr_matrix(rng.poisson(rate).astype(np.float32))


def dense_i(z, weights):
    return len(z) / weights.sum() * (z * (weights @ z)).sum(axis=0) / (z**2).sum(axis=0)


def test_four_spots_in_a_row_by_hand():
    weights = row_normalised(sparse.csr_matrix(np.eye(4, k=1) + np.eye(4, k=-1)))
    values = sparse.csr_matrix(np.array([[1.0, 1, 2], [1, 0, 2], [0, 1, 2], [0, 0, 2]]))
    found = autocorrelation(values, weights)
    # z = .5 .5 -.5 -.5: sum w z z = .25 + .125 - .125 - .125 + .125 + .25 = .5, of 1; alternating: -1
    assert found.morans_i[:2] == pytest.approx([0.5, -1])
    assert np.isnan(found.morans_i[2])
    assert np.isnan(found.p[2])


@pytest.mark.filterwarnings("ignore")
def test_it_is_that_of_scanpy():
    import scanpy

    values, weights = log_normalised(draws(144, 30)), row_normalised(square(12))
    expected = scanpy.metrics.morans_i(sparse.csr_matrix(weights), values.T.tocsr())
    assert autocorrelation(values, weights).morans_i == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_within_domains_it_is_that_of_the_residuals():
    values, weights = log_normalised(draws(144, 30)), row_normalised(square(12))
    codes = np.random.default_rng(1).integers(-1, 3, 144)
    kept = codes >= 0
    dense, own = values.toarray().astype(float)[kept], codes[kept]
    for k in range(3):
        dense[own == k] -= dense[own == k].mean(axis=0)
    found = autocorrelation(values, weights, codes).morans_i
    varies = np.isfinite(found)
    expected = dense_i(dense[:, varies], weights.toarray()[kept][:, kept])
    assert found[varies] == pytest.approx(expected)
    assert varies.sum() > 20


def test_moments_are_those_of_spots_in_any_order_within_their_domain():
    rng = np.random.default_rng(2)
    weights, codes = row_normalised(square(30)), np.repeat([0, 1], 450)
    gene = rng.gamma(0.5, np.where(codes == 0, 6.0, 1.0))
    shuffled = np.column_stack(
        [np.concatenate([rng.permutation(gene[codes == k]) for k in range(2)]) for _ in range(2000)]
    )
    found = autocorrelation(sparse.csr_matrix(shuffled), weights, codes)
    assert found.z.mean() == pytest.approx(0, abs=0.06)
    assert found.z.std() == pytest.approx(1, abs=0.06)
    for level in (0.05, 0.01):
        assert (found.p < level).mean() == pytest.approx(level, rel=0.4)


def test_where_nothing_is_planted_nothing_is_found_however_few_spots_have_a_gene():
    weights, codes = row_normalised(square(40)), np.arange(1600) // 400
    n_found, n_normal, share = 0, 0, []
    for seed in range(10):
        counts = draws(1600, 600, seed)
        common = np.bincount(counts.indices, minlength=600) >= 10
        for found in (
            autocorrelation(log_normalised(counts), weights),
            autocorrelation(log_normalised(counts), weights, codes),
        ):
            share.append((found.p[common] < 0.05).mean())
            n_found += (false_discovery_control(found.p[common]) < 0.05).any()
            n_normal += (false_discovery_control(norm.sf(found.z[common])) < 0.05).any()
    assert np.mean(share) <= 0.07
    assert n_found <= 2  # of 20
    assert n_normal > 2 * n_found  # why the tail is not that of the normal distribution


def test_a_gradient_is_found_and_domains_take_their_part_of_it():
    side = 30
    x = np.tile(np.arange(side), side)
    codes = (x >= side // 2).astype(int)
    rng = np.random.default_rng(3)
    counts = sparse.csr_matrix(rng.poisson(np.column_stack([1 + x / 5, 1 + 4 * codes, np.full(len(x), 3)])))
    weights = row_normalised(square(side))
    whole, within = autocorrelation(counts, weights), autocorrelation(counts, weights, codes)
    assert (whole.p[:2] < 1e-10).all()
    assert within.p[0] < 1e-3
    assert within.p[1] > 0.01
    assert whole.p[2] > 0.01


def test_genes_of_few_spots_are_left_out_and_the_rest_is_ranked_by_i():
    counts = draws(144, 30)
    counts = sparse.csr_matrix(counts.multiply(np.r_[np.zeros(5), np.ones(25)]))
    counts.eliminate_zeros()
    seen = np.bincount(counts.indices, minlength=30)
    found = autocorrelation(counts, row_normalised(square(12)))
    table = spatial_table(seen, np.array([f"g{k}" for k in range(30)]), found, None)
    assert set(table["gene"]) == {f"g{k}" for k in np.flatnonzero(seen >= 10)}
    assert table["morans_i"].is_monotonic_decreasing
    assert table["morans_i_within_domains"].isna().all()


def test_products_of_neighbours_are_those_of_dense_matrices_also_in_chunks(monkeypatch):
    monkeypatch.setattr("tissuegraph.characterise.neighbour_sums._ENTRIES_AT_ONCE", 40)
    values, graph = draws(64, 20).tocsc(), square(8)
    dense = values.toarray()
    expected = np.einsum("ng,nm,mg->g", dense, graph.toarray(), dense)
    assert neighbour_products(graph, values) == pytest.approx(expected)


def test_adjusting_leaves_out_what_is_no_test():
    assert benjamini_hochberg(np.array([0.01, np.nan, 0.04])) == pytest.approx(
        [0.02, np.nan, 0.04], nan_ok=True
    )
