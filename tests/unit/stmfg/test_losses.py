"""Streamed, sampled and closed-form losses against the dense formulas, values and gradients."""

import math

import numpy as np
import pytest
import torch
from scipy import sparse, special, stats
from torch.nn.functional import normalize, softplus

from tissuegraph.stmfg import zinb
from tissuegraph.stmfg.contrastive import choose_mode, contrastive_exact, contrastive_sampled
from tissuegraph.stmfg.regulariser import EVEN_ERROR, spatial_regulariser
from tissuegraph.stmfg.zinb import SparseTarget, zinb_loss
from tissuegraph.stmfg.zinb_terms import log_rising

TIGHT = {"rtol": 1e-5, "atol": 1e-12}


def draw(*shape, seed=0, scale=1.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def gradients(value, *tensors):
    return torch.autograd.grad(value, tensors)


# ---- ZINB ------------------------------------------------------------------------------------------


@pytest.fixture
def torch_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def decoder_case(n_spots=60, n_genes=23, n_hidden=7, mean=1.5):
    hidden = draw(n_spots, n_hidden, seed=1).requires_grad_()
    weight = draw(3, n_genes, n_hidden, seed=2, scale=0.5).requires_grad_()
    bias = draw(3, n_genes, seed=3).requires_grad_()
    log_factor = draw(n_spots, seed=4, scale=0.3)
    counts = np.random.default_rng(5).poisson(mean, (n_spots, n_genes)).astype(float)
    return hidden, weight, bias, log_factor, counts


def dense_zinb(hidden, weight, bias, log_factor, counts):
    """The formula as written, with torch's own log-gamma and autograd."""
    x = torch.as_tensor(counts)
    pi_logit, theta_logit, mu_logit = (hidden @ weight[k].T + bias[k] for k in range(3))
    pi = torch.sigmoid(pi_logit)
    theta = softplus(theta_logit).clamp(1e-4, 1e4)
    mu = torch.exp(mu_logit).clamp(1e-5, 1e6) * torch.exp(log_factor)[:, None]
    log_nb = torch.lgamma(x + theta) - torch.lgamma(theta) - torch.lgamma(x + 1) + theta * torch.log(theta)
    log_nb = log_nb + x * torch.log(mu) - (x + theta) * torch.log(theta + mu)
    zero = torch.log(pi + (1 - pi) * (theta / (theta + mu)) ** theta)
    return -torch.where(x == 0, zero, torch.log(1 - pi) + log_nb).mean()


@pytest.mark.parametrize("rows_per_block", [7, 1000])
@pytest.mark.parametrize("block_genes", [5, 256])
@pytest.mark.parametrize("threads", [1, 2])
def test_zinb_and_its_gradients_equal_the_dense_formula(
    monkeypatch, torch_threads, rows_per_block, block_genes, threads
):
    torch_threads(threads)
    monkeypatch.setitem(zinb.BLOCK_ENTRIES, "cpu", rows_per_block * min(block_genes, 23))
    monkeypatch.setitem(zinb.BLOCK_GENES, "cpu", block_genes)
    hidden, weight, bias, log_factor, counts = decoder_case()
    target = SparseTarget(sparse.csr_matrix(counts), dtype=torch.float64)
    assert len(target.blocks) == math.ceil(60 / rows_per_block)
    value = zinb_loss(hidden, weight, bias, target, log_factor=log_factor)
    expected = dense_zinb(hidden, weight, bias, log_factor, counts)
    torch.testing.assert_close(value, expected, **TIGHT)
    for got, wanted in zip(
        gradients(value, hidden, weight, bias), gradients(expected, hidden, weight, bias), strict=True
    ):
        torch.testing.assert_close(got, wanted, **TIGHT)


def test_zinb_clips_theta_and_mu_with_no_gradient_beyond_the_limits():
    hidden, weight, bias, log_factor, counts = decoder_case()
    with torch.no_grad():
        bias[1, 0], bias[1, 1], bias[2, 2], bias[2, 3] = -40.0, 2e4, -40.0, 40.0
    value = zinb_loss(
        hidden,
        weight,
        bias,
        SparseTarget(sparse.csr_matrix(counts), dtype=torch.float64),
        log_factor=log_factor,
    )
    expected = dense_zinb(hidden, weight, bias, log_factor, counts)
    torch.testing.assert_close(value, expected, **TIGHT)
    (got,), (wanted,) = gradients(value, bias), gradients(expected, bias)
    assert got[1, 0] == got[1, 1] == got[2, 2] == got[2, 3] == 0
    torch.testing.assert_close(got, wanted, **TIGHT)


def test_zinb_of_chosen_genes_equals_the_dense_formula_on_these_columns():
    hidden, weight, bias, log_factor, counts = decoder_case()
    genes = torch.tensor([2, 3, 11, 22])
    target = SparseTarget(sparse.csr_matrix(counts), genes_per_step=4, dtype=torch.float64)
    value = zinb_loss(hidden, weight, bias, target, genes=genes, log_factor=log_factor)
    expected = dense_zinb(hidden, weight[:, genes], bias[:, genes], log_factor, counts[:, genes])
    torch.testing.assert_close(value, expected, **TIGHT)
    for got, wanted in zip(gradients(value, weight, bias), gradients(expected, weight, bias), strict=True):
        torch.testing.assert_close(got, wanted, **TIGHT)


def test_mean_over_all_single_genes_is_the_loss_of_all_genes():
    hidden, weight, bias, log_factor, counts = decoder_case()
    target = SparseTarget(sparse.csr_matrix(counts), dtype=torch.float64)
    single = [
        zinb_loss(hidden, weight, bias, target, genes=torch.tensor([g]), log_factor=log_factor).item()
        for g in range(counts.shape[1])
    ]
    whole = zinb_loss(hidden, weight, bias, target, log_factor=log_factor).item()
    assert np.mean(single) == pytest.approx(whole, rel=1e-12)


def one_entry_zinb(x, pi_logit, theta, mu):
    """-log-likelihood of one count, with the logits that give exactly these parameters."""
    bias = torch.tensor([[pi_logit], [theta + math.log(-math.expm1(-theta))], [math.log(mu)]])
    bias = bias.double()
    target = SparseTarget(sparse.csr_matrix([[float(x)]]), dtype=torch.float64)
    hidden = torch.zeros(1, 1, dtype=torch.float64)
    return zinb_loss(hidden, torch.zeros(3, 1, 1, dtype=torch.float64), bias, target).item()


@pytest.mark.parametrize("x", [0, 1, 7, 300])
@pytest.mark.parametrize("theta", [1e-3, 0.7, 12.0, 9e3])
@pytest.mark.parametrize("mu", [1e-4, 0.9, 250.0])
@pytest.mark.parametrize("pi_logit", [-3.0, 2.0])
def test_zinb_equals_scipy_negative_binomial_with_extra_zeros(x, theta, mu, pi_logit):
    pi = special.expit(pi_logit)
    log_nb = stats.nbinom.logpmf(x, theta, theta / (theta + mu))
    log_likelihood = np.log1p(-pi) + log_nb
    if x == 0:
        log_likelihood = np.logaddexp(np.log(pi), log_likelihood)
    assert one_entry_zinb(x, pi_logit, theta, mu) == pytest.approx(-log_likelihood, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("x", [0, 3])
def test_zinb_without_dropout_and_with_large_theta_is_poisson(x):
    assert one_entry_zinb(x, -40.0, 1e4, 2.0) == pytest.approx(-stats.poisson.logpmf(x, 2.0), abs=1e-3)


@pytest.mark.parametrize("x", [0, 3])
def test_zinb_without_dropout_is_negative_binomial(x):
    expected = -stats.nbinom.logpmf(x, 1.5, 1.5 / 3.5)
    assert one_entry_zinb(x, -40.0, 1.5, 2.0) == pytest.approx(expected, rel=1e-8)


def test_zinb_of_certain_dropout_stays_finite():
    assert one_entry_zinb(0, 90.0, 1.0, 1e6) == pytest.approx(0, abs=1e-12)
    assert one_entry_zinb(2, 90.0, 1.0, 1.0) == pytest.approx(90 - stats.nbinom.logpmf(2, 1, 0.5))


def test_log_rising_and_its_slope_equal_gamma_functions_from_scipy():
    theta = np.logspace(-4, 4, 60)[:, None] + np.zeros(8)
    count = np.array([0, 0.3, 1, 2, 5, 40, 1e3, 1e5]) + np.zeros((60, 1))
    value, slope = log_rising(torch.as_tensor(theta), torch.as_tensor(count))
    expected = special.gammaln(theta + count) - special.gammaln(theta)
    np.testing.assert_allclose(value, expected, rtol=1e-7, atol=2e-8)
    np.testing.assert_allclose(
        slope, special.digamma(theta + count) - special.digamma(theta), rtol=1e-7, atol=2e-8
    )


def test_log_rising_keeps_single_precision_where_log_gammas_cancel():
    value, slope = log_rising(torch.tensor([9e3]), torch.tensor([2.0]))  # theta (theta + 1)
    assert value.item() == pytest.approx(math.log(9e3 * 9001), rel=1e-6)
    assert slope.item() == pytest.approx(1 / 9e3 + 1 / 9001, rel=1e-3)


def test_heads_in_bfloat16_stay_within_one_percent_of_float32():
    hidden, weight, bias, log_factor, counts = (
        item.float().detach().requires_grad_() if isinstance(item, torch.Tensor) else item
        for item in decoder_case(300, 50, 64)
    )
    target = SparseTarget(sparse.csr_matrix(counts))
    case = {"log_factor": log_factor.detach()}
    full = zinb_loss(hidden, weight / 8, bias, target, **case)
    half = zinb_loss(hidden, weight / 8, bias, target, matmul_dtype=torch.bfloat16, **case)
    assert half.item() == pytest.approx(full.item(), rel=1e-3)
    for got, wanted in zip(gradients(half, hidden, weight), gradients(full, hidden, weight), strict=True):
        assert (got - wanted).norm() < 0.01 * wanted.norm()


# ---- contrastive -----------------------------------------------------------------------------------


def two_views(n_spots=120, width=6):
    shared = draw(n_spots, width, seed=7)
    views = (shared + draw(n_spots, width, seed=8), shared + draw(n_spots, width, seed=9))
    return [normalize(view, dim=1).requires_grad_() for view in views]


def dense_contrastive(u, v, temperature):
    """E5, spot by spot as written."""
    n_spots = len(u)
    others = ~torch.eye(n_spots, dtype=torch.bool)

    def one_way(a, b):
        cross, within = torch.exp(a @ b.T / temperature), torch.exp(a @ a.T / temperature)
        positive = cross.diagonal()
        return -torch.log(positive / (positive + (cross * others).sum(1) + (within * others).sum(1)))

    return (one_way(u, v) + one_way(v, u)).sum() / (2 * n_spots)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("block", [17, 240, None])
def test_streamed_contrastive_loss_and_gradients_equal_dense(temperature, block):
    u, v = two_views()
    value, expected = contrastive_exact(u, v, temperature, block), dense_contrastive(u, v, temperature)
    torch.testing.assert_close(value, expected, **TIGHT)
    for got, wanted in zip(gradients(value, u, v), gradients(expected, u, v), strict=True):
        torch.testing.assert_close(got, wanted, **TIGHT)


def test_streamed_contrastive_loss_survives_a_temperature_that_overflows_exponentials():
    u, v = two_views()
    value = contrastive_exact(u.float(), v.float(), 0.002, 50)
    similarity = torch.cat([u, v]) @ torch.cat([u, v]).T / 0.002
    similarity.fill_diagonal_(-math.inf)
    expected = similarity.logsumexp(1).mean() - (u * v).sum(1).mean() / 0.002
    assert value.item() == pytest.approx(expected.item(), rel=1e-4)


def test_all_spots_as_negatives_make_the_sampled_loss_exact():
    u, v = two_views()
    value = contrastive_sampled(u, v, 0.5, torch.randperm(len(u)))
    expected = dense_contrastive(u, v, 0.5)
    torch.testing.assert_close(value, expected, **TIGHT)
    for got, wanted in zip(gradients(value, u, v), gradients(expected, u, v), strict=True):
        torch.testing.assert_close(got, wanted, **TIGHT)


def test_sampled_contrastive_gradients_are_those_of_its_value():
    u, v = (view.detach()[:12].requires_grad_() for view in two_views())
    negatives = torch.tensor([1, 5, 9])
    assert torch.autograd.gradcheck(lambda u, v: contrastive_sampled(u, v, 0.5, negatives), (u, v))


def test_sampled_contrastive_loss_is_within_one_percent_of_exact_on_average():
    u, v = two_views(400)
    rng = np.random.default_rng(0)
    draws = [
        contrastive_sampled(u, v, 0.5, torch.as_tensor(rng.choice(400, 64, replace=False))).item()
        for _ in range(200)
    ]
    assert np.mean(draws) == pytest.approx(dense_contrastive(u, v, 0.5).item(), rel=0.01)


def test_auto_enumerates_small_slices_and_samples_large_ones():
    assert choose_mode("auto", 500, 64, "cpu") == "exact"
    assert choose_mode("auto", 4_000, 256, "cpu") == "sampled"
    assert choose_mode("auto", 4_000, 256, "cuda") == "exact"
    assert choose_mode("auto", 500_000, 4_096, "cuda") == "sampled"
    assert choose_mode("exact", 500_000, 64, "cpu") == "exact"


# ---- regulariser -----------------------------------------------------------------------------------


def random_graph(n_spots, degree=6, seed=0):
    rng = np.random.default_rng(seed)
    graph = sparse.random(n_spots, n_spots, degree / n_spots, rng=rng, format="csr")
    graph = sparse.csr_matrix((graph + graph.T) > 0, dtype=float)
    graph.setdiag(0)
    graph.eliminate_zeros()
    return graph


def csr(graph):
    return torch.sparse_csr_tensor(
        torch.as_tensor(graph.indptr),
        torch.as_tensor(graph.indices),
        torch.as_tensor(graph.data),
        graph.shape,
    )


def dense_regulariser(unit, graph, balance):
    """E6 over ordered pairs i != j."""
    cosine = unit @ unit.T
    edge = torch.as_tensor(graph.toarray() > 0)
    other = ~edge & ~torch.eye(len(unit), dtype=torch.bool)
    attract, repel = torch.log(torch.sigmoid(cosine))[edge], torch.log(1 - torch.sigmoid(cosine))[other]
    if balance == "paper":
        return -(attract.sum() + repel.sum()) / (2 * len(unit) ** 2)
    return -(attract.mean() + repel.mean()) / 2


def tangent(gradient, unit):
    """The part along the sphere: all that is left of a gradient once rows are normalised."""
    return gradient - (gradient * unit).sum(1, keepdim=True) * unit


def embeddings(n_spots=300, width=8):
    random = draw(n_spots, width)
    centres = draw(5, width, seed=1)
    clustered = centres[torch.arange(n_spots) % 5] + draw(n_spots, width, seed=2, scale=0.05)
    collapsed = torch.ones(n_spots, width, dtype=torch.float64) + draw(n_spots, width, seed=3, scale=1e-3)
    return {"random": random, "clustered": clustered, "collapsed": collapsed}


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("balance", ["paper", "balanced"])
@pytest.mark.parametrize("kind", ["random", "clustered", "collapsed"])
def test_closed_form_regulariser_is_within_its_bound_of_dense(kind, balance):
    unit = normalize(embeddings()[kind], dim=1).requires_grad_()
    graph = random_graph(len(unit))
    value, expected = spatial_regulariser(unit, csr(graph), balance), dense_regulariser(unit, graph, balance)
    assert value.item() == pytest.approx(expected.item(), rel=1e-3)
    assert abs(value.item() - expected.item()) <= EVEN_ERROR * 0.5 * 1.05
    got, wanted = gradients(value, unit)[0], gradients(expected, unit)[0]
    slope_error = 0.0092  # largest error of the fit's derivative, per pair; every pair is met twice
    assert (
        tangent(got - wanted, unit).norm(dim=1).max()
        <= 2 * slope_error * len(unit) * 0.5 / len(unit) ** 2 * 1.05
    )


@pytest.mark.filterwarnings("ignore:Sparse")
def test_edge_terms_of_the_regulariser_are_exact(monkeypatch):
    """With the all-pairs part replaced by its dense value, value and gradient are exact."""
    from tissuegraph.stmfg import regulariser

    def dense_all_pairs(unit):
        cosine = unit @ unit.T
        return softplus(cosine).sum() - softplus(cosine.diagonal()).sum()

    monkeypatch.setattr(regulariser, "_all_pairs_softplus", dense_all_pairs)
    unit = normalize(embeddings()["random"], dim=1).requires_grad_()
    graph = random_graph(len(unit))
    for balance in ("paper", "balanced"):
        value = spatial_regulariser(unit, csr(graph), balance)
        expected = dense_regulariser(unit, graph, balance)
        torch.testing.assert_close(value, expected, **TIGHT)
        (got,), (wanted,) = gradients(value, unit), gradients(expected, unit)
        torch.testing.assert_close(tangent(got, unit), tangent(wanted, unit), **TIGHT)
