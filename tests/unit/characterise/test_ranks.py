"""Rank sums of domains: hand-computed, and as scanpy's, which ranks every zero."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import mannwhitneyu

from tissuegraph.characterise.ranks import gene_chunks, rank_sums
from tissuegraph.slices.preprocess import log_normalised


def example(n_spots=120, n_genes=40, n_domains=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_domains, n_spots)
    rate = rng.gamma(0.5, 2.0, (n_domains, n_genes))[codes]
    return sparse.csr_matrix(rng.poisson(rate).astype(np.float32)), codes


def test_four_spots_are_ranked_by_hand():
    # gene 0: 0 0 | 2 1: all inside above; gene 1: 1 0 | 1 0: ties alone; gene 2: 3 0 | 0 0
    values = sparse.csr_matrix(np.array([[0, 1, 3], [0, 0, 0], [2, 1, 0], [1, 0, 0]], dtype=np.float32))
    found = rank_sums(values, np.array([0, 0, 1, 1]), 2)
    assert found.auc[1] == pytest.approx([1, 0.5, 0.25])
    assert found.auc[0] == pytest.approx([0, 0.5, 0.75])
    # gene 0: ranks 1.5 1.5 4 3, W = 7, mean 5, variance 2*2/12 * (5 - 6/12) = 1.5
    assert found.z[1, 0] == pytest.approx(2 / 1.5**0.5)
    assert found.z[1, 1] == 0
    assert found.seen.tolist() == [[0, 1, 1], [2, 1, 0]]
    assert found.sums[1] == pytest.approx([3, 1, 0])


@pytest.mark.filterwarnings("ignore")
def test_z_and_p_are_those_of_scanpy_with_ties_corrected():
    import scanpy

    counts, codes = example()
    values = log_normalised(counts)
    data = anndata.AnnData(values, obs=pd.DataFrame({"d": pd.Categorical(codes.astype(str))}))
    data.obs_names = data.obs_names.astype(str)
    scanpy.tl.rank_genes_groups(data, "d", method="wilcoxon", tie_correct=True)
    found = rank_sums(values, codes, 3)
    for k in range(3):
        table = scanpy.get.rank_genes_groups_df(data, str(k)).set_index("names").loc[data.var_names]
        assert found.z[k] == pytest.approx(table["scores"].to_numpy(), abs=1e-5)
        assert found.p_values[k] == pytest.approx(table["pvals"].to_numpy(), rel=1e-4)


def test_auc_is_u_over_all_pairs_and_spots_of_no_domain_are_on_neither_side():
    counts, codes = example(seed=3)
    codes[::7] = -1
    values = log_normalised(counts)
    found = rank_sums(values, codes, 3)
    dense = values.toarray()
    inside, outside = dense[codes == 1], dense[(codes >= 0) & (codes != 1)]
    expected = mannwhitneyu(inside, outside, axis=0).statistic / (len(inside) * len(outside))
    assert found.auc[1] == pytest.approx(expected)
    shares = found.shares()
    assert shares[0][1] == pytest.approx((inside > 0).mean(axis=0))
    assert shares[1][1] == pytest.approx((outside > 0).mean(axis=0))


def test_genes_in_chunks_give_what_all_together_give(monkeypatch):
    counts, codes = example(seed=5)
    whole = rank_sums(counts, codes, 3)
    monkeypatch.setattr(rank_sums.__globals__["gene_chunks"], "__defaults__", (50,))
    assert len(list(gene_chunks(counts.tocsc()))) > 5
    assert (rank_sums(counts, codes, 3).z == whole.z).all()


def test_fold_changes_have_a_sign_and_an_end_where_one_side_has_none():
    values = log_normalised(sparse.csr_matrix(np.array([[9, 1, 0], [9, 1, 0], [0, 10, 0], [0, 10, 0]])))
    found = rank_sums(values, np.array([0, 0, 1, 1]), 2).log2_fold_changes()
    # gene 0: (2 * 9000 + 4500) / 3 inside, 4500 / 3 outside: five times as much
    assert found[0, 0] == pytest.approx(np.log2(5), abs=1e-4)
    assert found[1, 0] == pytest.approx(-np.log2(5), abs=1e-4)
    assert found[:, 2].tolist() == [0, 0]


def test_one_domain_without_others_says_nothing():
    counts, _ = example()
    found = rank_sums(counts, np.zeros(120, dtype=int), 1)
    assert (found.auc == 0.5).all()
    assert (found.p_values == 1).all()
