"""The genes of a page: scores as scanpy's, turns by domain, and expression in steps."""

import numpy as np
import pytest
from helpers.explored_slices import final_slice, write_final
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.explore import final
from tissuegraph.explore.final import count_pieces
from tissuegraph.explore.markers import Moments, gene_codes, moments, separation, top_genes
from tissuegraph.io.hdf5 import open_hdf5
from tissuegraph.slices.preprocess import log_normalised


def in_one(counts) -> list:
    return [(slice(0, len(counts)), sparse.csr_matrix(np.asarray(counts, dtype=np.float32)))]


def test_counts_become_the_logarithm_of_counts_per_ten_thousand():
    found = log_normalised(sparse.csr_matrix([[1.0, 3.0], [0.0, 0.0]])).toarray()
    assert found == pytest.approx(np.log1p([[2500.0, 7500.0], [0.0, 0.0]]))


def test_sums_are_those_of_each_domain_and_spots_of_none_count_nowhere():
    found = moments(in_one([[1, 0], [1, 0], [0, 2], [0, 1]]), np.array([0, 0, 1, -1]), 2, 2)
    one = np.log1p(1e4)
    assert found.sizes.tolist() == [2, 1]
    assert found.sums == pytest.approx(np.array([[2 * one, 0], [0, one]]))
    assert found.squares == pytest.approx(np.array([[2 * one**2, 0], [0, one**2]]))
    assert found.highest == pytest.approx([one, one])


def test_the_score_is_scanpys_t_test():
    scanpy = pytest.importorskip("scanpy")
    data = final_slice()
    found = moments([(slice(0, data.n_obs), data.X)], data.obs["domain"].cat.codes.to_numpy(), 3, data.n_vars)
    scanpy.pp.normalize_total(data, target_sum=1e4)
    scanpy.pp.log1p(data)
    scanpy.tl.rank_genes_groups(data, "domain", method="t-test")
    for code, domain in enumerate(data.obs["domain"].cat.categories):
        table = scanpy.get.rank_genes_groups_df(data, domain).set_index("names")["scores"]
        assert separation(found)[code] == pytest.approx(table[data.var_names].to_numpy(), rel=1e-3)


def test_genes_come_by_turns_of_domains_each_once_and_only_where_they_are_higher():
    t = np.array([[9.0, 8.0, 7.0, -1.0], [1.0, 6.0, -1.0, 5.0]])
    # means of the first domain that give these scores would hide the rule: the scores are put in its place
    found = Moments(np.array([5, 5]), np.zeros((2, 4)), np.zeros((2, 4)), np.ones(4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tissuegraph.explore.markers.separation", lambda _found: t.copy())
        assert top_genes(found, 10) == [(0, 0), (1, 1), (3, 1), (2, 0)]
        assert top_genes(found, 2) == [(0, 0), (1, 1)]


def test_one_domain_shows_the_most_variable_genes():
    found = moments(in_one([[4, 4, 1], [4, 0, 1], [4, 4, 1]]), np.zeros(3, dtype=int), 1, 3)
    genes = top_genes(found, 2)
    assert genes[0] == (1, -1)
    assert len(genes) == 2


def test_expression_has_254_steps_up_to_the_genes_highest_value():
    counts = [[1, 0], [1, 1], [0, 3]]
    highest = moments(in_one(counts), np.zeros(3, dtype=int), 1, 2).highest
    half = np.rint(254 * np.log1p(5000) / np.log1p(10000))
    assert gene_codes(in_one(counts), [1, 0], highest, 3).tolist() == [[0, half, 254], [254, half, 0]]


@pytest.mark.parametrize("layout", ["csr", "dense", "layer"])
def test_counts_are_read_piece_by_piece_whatever_holds_them(tmp_path, monkeypatch, layout):
    data = final_slice()
    counts = data.X.toarray()
    if layout == "dense":
        data.X = counts
    if layout == "layer":
        data.layers["counts"] = data.X.copy()
        data.X = log_normalised(data.X)
    monkeypatch.setattr(final, "_VALUES_AT_ONCE", 100)
    with open_hdf5(write_final(tmp_path / "s.h5ad", data)) as file:
        pieces = list(count_pieces(file))
    assert len(pieces) > 10
    assert all(piece.nnz <= 100 for _, piece in pieces)
    assert np.array_equal(np.vstack([piece.toarray() for _, piece in pieces]), counts)
    assert [rows.start for rows, _ in pieces[1:]] == [rows.stop for rows, _ in pieces[:-1]]


def test_counts_stored_by_gene_are_refused(tmp_path):
    data = final_slice()
    data.X = data.X.tocsc()
    path = write_final(tmp_path / "s.h5ad", data)
    with pytest.raises(InputError, match="stored by gene"), open_hdf5(path) as file:
        list(count_pieces(file))
