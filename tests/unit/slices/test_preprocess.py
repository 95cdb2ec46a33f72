"""Preprocessing against hand-computed values, and against scanpy where it defines the standard."""

import numpy as np
import pytest
from helpers.scale import large_cells
from scipy import sparse

from tissuegraph.clustering.baseline import baseline_features
from tissuegraph.errors import InputError
from tissuegraph.presets import load_settings
from tissuegraph.slices import preprocess

COUNTS = sparse.csr_matrix(np.array([[1, 0, 3], [0, 2, 0], [4, 4, 0], [0, 0, 0]], dtype=np.float32))


@pytest.fixture(scope="module")
def tissue():
    """300 spots x 900 genes of negative-binomial counts over two regions."""
    rng = np.random.default_rng(1)
    mean = rng.gamma(0.5, 2.0, 900)
    fold = np.where(rng.random(900) < 0.1, 4.0, 1.0)
    rate = np.where(np.arange(300)[:, None] < 150, mean, mean * fold) * rng.gamma(4, 0.25, (300, 1))
    return sparse.csr_matrix(rng.negative_binomial(2, 2 / (2 + rate)).astype(np.float32))


def test_normalising_brings_every_spot_to_the_median_depth():
    depth = preprocess.total_counts(COUNTS)  # 4, 2, 8, 0: median of the positive ones is 4
    result = preprocess.normalise(COUNTS, depth, "median").toarray()
    np.testing.assert_allclose(result, [[1, 0, 3], [0, 4, 0], [2, 2, 0], [0, 0, 0]])


def test_depth_may_count_more_than_the_selected_genes():
    result = preprocess.normalise(COUNTS[:, :2], preprocess.total_counts(COUNTS), 8).toarray()
    np.testing.assert_allclose(result, [[2, 0], [0, 8], [4, 4], [0, 0]])


def test_inputs_are_left_as_they_were():
    before = COUNTS.copy()
    values = preprocess.normalise(COUNTS, preprocess.total_counts(COUNTS))
    preprocess.clip(preprocess.scale(preprocess.log1p(values)), 1)
    assert (before != COUNTS).nnz == 0


def test_scaling_gives_unit_variance_and_keeps_zeros(tissue):
    scaled = preprocess.scale(tissue)
    assert scaled.nnz == tissue.nnz
    varies = tissue.toarray().std(axis=0) > 0
    np.testing.assert_allclose(scaled.toarray()[:, varies].std(axis=0, ddof=1), 1, rtol=1e-5)


def test_mean_and_variance_count_the_zeros():
    mean, variance = preprocess.mean_variance(COUNTS)
    np.testing.assert_allclose(mean, COUNTS.toarray().mean(axis=0))
    np.testing.assert_allclose(variance, COUNTS.toarray().var(axis=0, ddof=1))


def test_clipping_cuts_only_what_is_above():
    assert preprocess.clip(COUNTS, 2).toarray().tolist() == [[1, 0, 2], [0, 2, 0], [2, 2, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("min_cells", "spots"), [(0, 1), (0.03, 3), (0.07, 7), (0.031, 4), (1, 1), (100, 100)]
)
def test_a_share_below_one_counts_spots_of_the_slice(min_cells, spots):
    assert preprocess.minimum_spots(100, min_cells) == spots


@pytest.mark.parametrize(
    ("n_spots", "min_cells", "spots"),
    [
        (10_000, 0.03, 300),
        (33_000, 0.03, 990),
        (400_000, 0.03, 990),
        (400_000, 0.5, 16_500),
        (400_000, 2000, 2000),
    ],
)
def test_of_a_large_slice_a_share_counts_no_more_spots_than_of_33_000(n_spots, min_cells, spots):
    assert preprocess.minimum_spots(n_spots, min_cells) == spots


def test_genes_seen_in_too_few_spots_go():
    assert preprocess.detected_genes(COUNTS, 2).tolist() == [True, True, False]
    assert preprocess.select_genes(COUNTS, 2, n_hvg=10).tolist() == [0, 1]


def test_of_a_panel_only_genes_that_are_never_seen_go():
    rare = sparse.csr_matrix(np.diag([3.0, 2.0, 1.0, 0.0]))  # each gene in one spot, the last in none
    assert preprocess.select_genes(rare, 2, n_hvg=1, panel_genes=4).tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="no gene is seen in at least 2 of the 4 spots"):
        preprocess.select_genes(rare, 2, n_hvg=1, panel_genes=3)  # four genes are no panel of three


def test_the_default_presets_keep_all_genes_of_a_panel_of_cells_and_the_paper_does_not():
    counts = large_cells(2000, 300, depth=60.0).counts
    rare = np.diff(counts.tocsc().indptr) < 0.03 * 2000
    assert rare.sum() > 30
    for method in ("stmfg", "multist"):
        settings = load_settings(f"{method}/default").preprocess
        kept = preprocess.prepare(counts, settings).selected
        assert kept.tolist() == np.flatnonzero(np.diff(counts.tocsc().indptr)).tolist()
    assert len(preprocess.prepare(counts, load_settings("stmfg/paper").preprocess).selected) < 300 - 30


def test_genes_are_measured_alike_whatever_the_pieces(tissue, monkeypatch):
    def measured():
        detected, scores = preprocess.detected_genes(tissue, 3), preprocess.hvg_scores(tissue)
        return [detected, *preprocess.mean_variance(tissue), scores]

    whole = measured()
    monkeypatch.setattr(preprocess, "_CHUNK_SPOTS", 7)
    pieces = measured()
    assert np.array_equal(pieces[0], whole[0])
    assert np.array_equal(pieces[1], whole[1])  # sums of whole numbers
    for found, expected in zip(pieces[2:], whole[2:], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_no_gene_left_is_an_error_with_the_remedy():
    with pytest.raises(InputError, match=r"at least 100 of the 4 spots; lower min_cells \(now 100\)"):
        preprocess.select_genes(COUNTS, 100, n_hvg=10)


@pytest.mark.filterwarnings("ignore")
def test_hvg_scores_and_genes_equal_scanpy_seurat_v3(tissue):
    anndata, scanpy = pytest.importorskip("anndata"), pytest.importorskip("scanpy")
    tissue = tissue[:, preprocess.detected_genes(tissue, 1)]
    table = scanpy.pp.highly_variable_genes(
        anndata.AnnData(tissue.copy()), flavor="seurat_v3", n_top_genes=200, inplace=False
    )
    np.testing.assert_allclose(preprocess.hvg_scores(tissue), table["variances_norm"], rtol=1e-6)
    selected = preprocess.select_genes(tissue, 0, 200)
    assert selected.tolist() == np.flatnonzero(table["highly_variable"]).tolist()


@pytest.mark.filterwarnings("ignore")
def test_normalised_logged_and_scaled_counts_equal_those_of_scanpy(tissue):
    scanpy = pytest.importorskip("scanpy")
    adata = scanpy.AnnData(tissue.copy())
    scanpy.pp.normalize_total(adata)
    scanpy.pp.log1p(adata)
    ours = preprocess.log1p(preprocess.normalise(tissue, preprocess.total_counts(tissue)))
    np.testing.assert_allclose(ours.toarray(), adata.X.toarray(), rtol=1e-5)
    scanpy.pp.scale(adata, zero_center=False)
    np.testing.assert_allclose(preprocess.scale(ours).toarray(), adata.X.toarray(), rtol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_components_equal_those_of_scanpy_up_to_their_sign(tissue):
    scanpy = pytest.importorskip("scanpy")
    ours = preprocess.pca(tissue, 5)
    theirs = scanpy.pp.pca(tissue, n_comps=5, svd_solver="arpack", dtype="float64")
    signs = np.sign((ours * theirs).sum(axis=0))
    np.testing.assert_allclose(ours, theirs * signs, rtol=1e-3, atol=1e-3 * np.abs(ours).max())


@pytest.mark.parametrize("n_genes", [2, 10, 60], ids=["two", "ten", "sixty equal means"])
def test_few_or_equal_genes_still_get_finite_scores(n_genes):
    rng = np.random.default_rng(0)
    column = rng.poisson(1.0, 40)
    columns = [rng.permutation(column) for _ in range(n_genes)]  # all with the same mean and variance
    scores = preprocess.hvg_scores(sparse.csr_matrix(np.array(columns, dtype=np.float32).T))
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, 1, rtol=0.2)


def test_a_constant_gene_is_never_the_most_variable():
    counts = np.random.default_rng(0).poisson(1.0, (50, 5)).astype(np.float32)
    counts[:, 2] = 7
    assert preprocess.hvg_scores(sparse.csr_matrix(counts))[2] == 0


@pytest.mark.parametrize("shape", [(600, 500), (500, 600), (600, 40), (30, 600)])
def test_components_equal_those_of_the_centred_dense_matrix(shape):
    rng = np.random.default_rng(2)
    low_rank = rng.normal(size=(shape[0], 8)) * 2.0 ** -np.arange(8) @ rng.normal(size=(8, shape[1]))
    values = np.where(rng.random(shape) < 0.3, low_rank + 0.01 * rng.normal(size=shape), 0)
    scores = preprocess.pca(sparse.csr_matrix(values), 5)
    u, s, vt = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    signs = np.sign(vt[np.arange(5), np.abs(vt[:5]).argmax(axis=1)])
    np.testing.assert_allclose(scores, u[:, :5] * s[:5] * signs, rtol=1e-4, atol=1e-4)


def test_components_do_not_depend_on_the_run(tissue):
    np.testing.assert_array_equal(preprocess.pca(tissue, 10), preprocess.pca(tissue, 10))


def test_asking_for_more_components_than_there_are_gives_all():
    assert preprocess.pca(COUNTS, 15).shape == (4, 3)


def test_without_centring_inner_products_survive():
    scores = preprocess.pca(COUNTS, 3, centre=False)
    np.testing.assert_allclose(scores @ scores.T, (COUNTS @ COUNTS.T).toarray(), atol=1e-4)


def test_baseline_features_separate_two_regions_on_the_first_component(tissue):
    scores = baseline_features(tissue)
    assert scores.shape == (300, 15)
    assert scores.dtype == np.float32
    right = scores[:150, 0] > scores[150:, 0]
    assert max(right.mean(), 1 - right.mean()) > 0.95


def preset(**changes):
    from tissuegraph.slices.settings import Preprocess

    fields = {
        "min_cells": 0.03,
        "n_hvg": 300,
        "panel_genes": 0,
        "hvg_flavor": "seurat_v3",
        "normalise_over": "all",
        "target_sum": "median",
        "log1p": True,
        "scale": False,
        "clip": None,
        "input": "pca",
        "n_pcs": 15,
    }
    return Preprocess(**(fields | changes))


def test_prepare_with_the_baseline_recipe_gives_the_baseline_features(tissue):
    prepared = preprocess.prepare(tissue, preset(n_hvg=3000, panel_genes=1000, normalise_over="selected"))
    np.testing.assert_array_equal(prepared.features, baseline_features(tissue))


def test_prepare_as_the_paper_normalises_over_the_selected_genes_then_scales_and_clips(tissue):
    prepared = preprocess.prepare(
        tissue,
        preset(normalise_over="selected", target_sum=1e4, log1p=False, scale=True, clip=10, input="hvg"),
    )
    chosen = tissue[:, prepared.selected].toarray()
    expected = chosen / chosen.sum(axis=1, keepdims=True) * 1e4
    expected = np.minimum(expected / expected.std(axis=0, ddof=1), 10)
    assert prepared.features.shape == (300, 300)
    np.testing.assert_allclose(prepared.features.toarray(), expected, rtol=1e-4)
    np.testing.assert_allclose(prepared.depth, tissue.toarray().sum(axis=1))


def test_log_normalised_counts_are_those_by_hand_and_share_the_places():
    counts = sparse.csr_matrix(np.array([[1, 0, 3], [0, 0, 0], [0, 5, 0]], dtype=np.float32))
    found = preprocess.log_normalised(counts)
    expected = [[np.log(2501), 0, np.log(7501)], [0, 0, 0], [0, np.log(10001), 0]]
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-6)
    assert found.dtype == np.float32
    assert np.shares_memory(found.indices, counts.indices)
    assert counts.data.tolist() == [1, 3, 5]


def test_log_normalised_is_the_same_piece_by_piece(monkeypatch):
    counts = sparse.random(50, 20, density=0.3, format="csr", random_state=0, dtype=np.float32)
    counts.data = np.ceil(counts.data * 9)
    at_once = preprocess.log_normalised(counts)
    monkeypatch.setattr(preprocess, "_CHUNK_SPOTS", 7)
    assert np.array_equal(preprocess.log_normalised(counts).data, at_once.data)
