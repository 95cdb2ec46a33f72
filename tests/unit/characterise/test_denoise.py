"""Denoising: counts set aside are never seen, scores are what they say, and the layer is the slice's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.characterised import layered
from helpers.image_view_tiny import small_arrays
from scipy import sparse

from tissuegraph.characterise.denoise import (
    check_fit,
    compared,
    layer_of,
    neighbours_and_itself,
    train_expected,
    verdict,
)
from tissuegraph.characterise.denoise_files import write_denoised
from tissuegraph.characterise.held_out import deviance, pearson, thinned
from tissuegraph.characterise.subject import read_subject
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.presets import load_settings
from tissuegraph.records import Record
from tissuegraph.stmfg.expected import expected_counts, fitted_decoder
from tissuegraph.stmfg.model import Stmfg
from tissuegraph.stmfg.problem import prepare
from tissuegraph.stmfg.zinb_terms import MU_LOGIT_RANGE


def small_settings(*more):
    small = ["model.dims=[8]", "model.decoder_dim=16", "model.head_dim=0", "optimiser.epochs=10"]
    small += ["losses.genes_per_step=0", "losses.n_negatives=20", "preprocess.n_pcs=6", "feature_graph.k=5"]
    return load_settings("stmfg/default", [*small, *more])


def tall_arrays(factor: int = 6):
    """The two halves of `small_arrays`, with enough counts to be set aside."""
    arrays = small_arrays()
    rng = np.random.default_rng(1)
    half = arrays.position[:, 0] >= arrays.position[:, 0].mean()
    rate = np.where(half[:, None] ^ (np.arange(arrays.n_genes) % 2 == 0), 4.0, 0.5) * factor / 4
    counts = rng.poisson(rate).astype(np.float32)
    return replace(
        arrays, counts=sparse.csr_matrix(counts), depth=counts.sum(axis=1), features=np.log1p(counts)
    )


def write_slice(path, arrays, extra: int = 3):
    """The slice of these arrays, its genes in another order and with some that the model does not have."""
    rng = np.random.default_rng(2)
    dense = np.column_stack([arrays.counts.toarray(), rng.poisson(0.2, (arrays.n_spots, extra))])
    order = rng.permutation(dense.shape[1])
    genes = np.array([*arrays.genes, *(f"other{k}" for k in range(extra))])[order]
    codes = (arrays.position[:, 0] >= arrays.position[:, 0].mean()).astype(int)
    data = layered(dense[:, order], arrays.position, arrays.spatial.astype(np.float32), codes, genes)
    data.obsm["spatial"] = arrays.position
    data.write_h5ad(path)
    return path


def test_both_parts_add_up_and_neither_has_what_the_other_has():
    counts = sparse.random(200, 50, 0.3, format="csr", rng=np.random.default_rng(0))
    counts.data = np.random.default_rng(1).poisson(20, counts.nnz).astype(np.float32)
    kept, held = thinned(counts, 0.8, np.random.default_rng(0))
    assert abs((kept + held) - counts).sum() == 0
    assert kept.sum() / counts.sum() == pytest.approx(0.8, abs=0.01)
    assert abs(np.corrcoef(kept.data[:100], held.data[:100])[0, 1]) < 0.5
    with pytest.raises(InputError, match="whole numbers"):
        thinned(counts * 0.5 + counts * 0.01, 0.8, np.random.default_rng(0))


def test_correlation_is_that_of_numpy_and_of_a_constant_there_is_none():
    rng = np.random.default_rng(0)
    rates, held, depth = rng.random((30, 2)), rng.poisson(3.0, (30, 2)).astype(float), rng.integers(5, 20, 30)
    rates[:, 1] = 0.1
    found = pearson(rates, held, depth)
    expected = np.corrcoef(np.log1p(rates[:, 0] * 1e4), np.log1p(held[:, 0] / depth * 1e4))[0, 1]
    assert found[0] == pytest.approx(expected)
    assert np.isnan(found[1])


def test_deviance_is_that_of_scikit_learn_and_no_rate_makes_a_count_impossible():
    from sklearn.metrics import mean_poisson_deviance

    rng = np.random.default_rng(0)
    held, depth = rng.poisson(3.0, (40, 1)).astype(float), rng.integers(5, 9, 40)
    rates = rng.uniform(0.1, 1, (40, 1))
    expected = mean_poisson_deviance(held[:, 0], rates[:, 0] * depth)
    assert deviance(rates, held, depth)[0] == pytest.approx(expected)
    assert np.isfinite(deviance(np.zeros((40, 1)), held, depth)[0])


def test_expected_counts_are_the_mean_of_the_decoder():
    arrays, settings = tall_arrays(), small_settings()
    problem = prepare(arrays, settings, torch.device("cpu"))
    model = Stmfg(settings.model, problem.n_inputs, problem.n_genes)
    z = model(problem.views).z.detach()
    hidden = model.decoder(z).detach()
    weight, bias = model.decoder.weight.detach(), model.decoder.bias.detach()
    logits = torch.einsum("nh,kgh->kng", hidden, weight) + bias[:, None]
    mean = torch.sigmoid(-logits[0]) * logits[2].clamp(*MU_LOGIT_RANGE).exp()
    mean = mean * problem.log_factor.exp()[:, None]
    found = np.concatenate(
        [part for _, part in expected_counts(model.decoder, z, problem.log_factor)], axis=1
    )
    np.testing.assert_allclose(found, mean.numpy(), rtol=2e-4)


def test_a_fitted_decoder_expects_the_totals_that_were_counted():
    arrays, settings = tall_arrays(), small_settings()
    problem = prepare(arrays, settings, torch.device("cpu"))
    model = Stmfg(settings.model, problem.n_inputs, problem.n_genes)
    decoder = fitted_decoder(model, problem, model(problem.views).z.detach(), seed=0)
    parts = [
        part for _, part in expected_counts(decoder, model(problem.views).z.detach(), problem.log_factor)
    ]
    total = np.concatenate(parts, axis=1).sum(axis=0)
    np.testing.assert_allclose(total, np.asarray(arrays.counts.sum(axis=0)).ravel(), rtol=0.15)


def test_the_network_of_the_comparison_never_sees_what_is_set_aside(tmp_path, monkeypatch):
    from tissuegraph.characterise import denoise

    arrays, settings = tall_arrays(), small_settings()
    subject = read_subject(write_slice(tmp_path / "s.h5ad", arrays))
    seen = []

    def train(given, *_args, **_words):
        seen.append(given)
        return lambda: iter([(slice(0, given.n_genes), given.counts.toarray())])

    monkeypatch.setattr(denoise, "train_expected", train)
    columns = check_fit(subject, arrays, settings)
    frame, by_seed = compared(subject, arrays, columns, settings, seeds=range(2), device="cpu")
    for again in seen:
        left = arrays.counts - again.counts
        assert left.min() >= 0
        assert left.sum() / arrays.counts.sum() == pytest.approx(0.2, abs=0.02)
        assert again.features.shape == (arrays.n_spots, 6)  # made anew, from what is left
    assert (seen[0].counts != seen[1].counts).nnz > 0
    # what was expected is the counts, so it is told as well as by the counts
    np.testing.assert_allclose(frame["pearson_network"], frame["pearson_counts"])
    assert frame["gene"].tolist() == arrays.genes.tolist()
    assert len(by_seed) == 2


def test_genes_that_one_predictor_says_nothing_of_are_compared_for_none(tmp_path, monkeypatch):
    from tissuegraph.characterise import denoise

    arrays, settings = tall_arrays(), small_settings()
    subject = read_subject(write_slice(tmp_path / "s.h5ad", arrays))
    silent = [0, 3]

    def train(given, *_args, **_words):
        values = given.counts.toarray()
        values[:, silent] = given.depth[:, None]  # a rate of 1 everywhere
        return lambda: iter([(slice(0, given.n_genes), values)])

    monkeypatch.setattr(denoise, "train_expected", train)
    columns = check_fit(subject, arrays, settings)
    frame, by_seed = compared(subject, arrays, columns, settings, seeds=range(1), device="cpu")
    assert frame.loc[silent, "pearson_smoothing"].isna().all()
    rest = frame.dropna()
    assert by_seed["pearson_smoothing"][0] == pytest.approx(rest["pearson_smoothing"].mean())
    assert by_seed["pearson_network"][0] == pytest.approx(rest["pearson_network"].mean())
    silent[:] = range(arrays.n_genes)
    _, by_seed = compared(subject, arrays, columns, settings, seeds=range(1), device="cpu")
    assert verdict(by_seed)[0] == "unknown"


def test_smoothing_is_the_mean_over_a_spot_and_its_neighbours():
    graph = sparse.csr_matrix(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool))
    np.testing.assert_array_equal(neighbours_and_itself(graph) @ [1.0, 10.0, 100.0], [11, 111, 110])


def test_the_layer_has_the_genes_of_the_slice_in_its_order():
    def expected():
        yield slice(0, 2), np.array([[1.0, 2.0], [3.0, 1e-5]], dtype=np.float32)
        yield slice(2, 3), np.array([[5.0], [6.0]], dtype=np.float32)

    layer = layer_of(expected, 2, np.array([4, 0, 2]), 5)
    np.testing.assert_array_equal(layer.toarray(), [[2, 0, 5, 0, 1], [0, 0, 6, 0, 3]])
    assert layer.has_sorted_indices
    assert layer.dtype == np.float32


def test_denoised_files_are_written_and_the_network_is_better_than_its_input(tmp_path):
    arrays = tall_arrays()
    path = write_slice(tmp_path / "s.h5ad", arrays)
    record = Record("s", "denoise")
    write_denoised(
        record, path, arrays, small_settings(), seeds=range(2), device="cpu", image=None, outdir=tmp_path,
        formats=["png"],
    )  # fmt: skip
    frame = pd.read_csv(tmp_path / "s.denoised.csv")
    assert list(frame) == [
        "gene", "pearson_network", "pearson_smoothing", "pearson_counts", "deviance_network",
        "deviance_smoothing", "deviance_counts", "held_out_counts",
    ]  # fmt: skip
    assert frame["pearson_network"].mean() > frame["pearson_counts"].mean()
    assert frame["deviance_network"].mean() < frame["deviance_counts"].mean()
    with np.load(tmp_path / "denoised.npz") as stored:
        layer = sparse.csr_matrix(
            (stored["data"], stored["indices"], stored["indptr"]), tuple(stored["shape"])
        )
    subject = read_subject(path)
    assert layer.shape == subject.counts.shape
    others = np.char.startswith(subject.genes, "other")
    assert layer[:, others].nnz == 0
    counts, values = subject.counts[:, ~others].toarray(), layer[:, ~others].toarray()
    np.testing.assert_allclose(values.sum(axis=0), counts.sum(axis=0), rtol=0.15)
    assert record.metrics["verdict"] in ("better", "as good", "worse")
    assert record.notes == [f"denoised: {record.metrics['sentence']}"]
    assert record.metrics["files"] == {"denoised": "s.denoised.png"}


def test_the_same_seed_expects_the_same_counts():
    words = {"seed": 1, "device": "cpu", "image": None, "note": print}
    one, other = (list(train_expected(tall_arrays(), small_settings(), **words)()) for _ in range(2))
    np.testing.assert_array_equal(one[0][1], other[0][1])


def test_arrays_of_another_slice_and_settings_without_counts_are_refused(tmp_path):
    arrays, settings = tall_arrays(), small_settings()
    subject = read_subject(write_slice(tmp_path / "s.h5ad", arrays))
    with pytest.raises(InputError, match="differ in counts"):
        check_fit(subject, replace(arrays, counts=arrays.counts * 2), settings)
    with pytest.raises(InputError, match="1 genes that the h5ad"):
        check_fit(subject, replace(arrays, genes=np.array([*arrays.genes[:-1], "x"])), settings)
    with pytest.raises(SettingsError, match=r"set losses\.target: counts"):
        check_fit(subject, arrays, small_settings("preprocess.input=hvg", "losses.target=scaled"))


@pytest.mark.parametrize(
    ("network", "smoothing", "word"),
    [([0.3, 0.31], [0.2, 0.2], "better"), ([0.3, 0.3], [0.295, 0.296], "as good"),
     ([0.3, 0.4], [0.3, 0.34], "as good"), ([0.1, 0.1], [0.2, 0.2], "worse")],
)  # fmt: skip
def test_smoothing_that_is_as_good_is_said_to_be(network, smoothing, word):
    found, sentence = verdict(
        pd.DataFrame({"pearson_network": network, "pearson_smoothing": smoothing, "pearson_counts": 0.05})
    )
    assert found == word
    assert {"as good": "as good as the network", "better": "network tells", "worse": "is better than"}[
        word
    ] in sentence
    assert verdict(pd.DataFrame())[0] == "unknown"


@pytest.mark.parametrize(("counts", "said"), [([0.5, 0.52], True), ([0.3, 0.32], False), ([0.0, 0.9], False)])
def test_counts_that_tell_more_than_both_are_named(counts, said):
    table = pd.DataFrame({"pearson_network": [0.3, 0.31], "pearson_smoothing": 0.2, "pearson_counts": counts})
    assert ("the counts as they are tell them better than both" in verdict(table)[1]) == said
