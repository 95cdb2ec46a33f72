"""stMFG's encoder: E1 to E3 on numbers small enough to follow, and the laws it obeys."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from scipy import sparse

from tissuegraph.nn.sparse import sparse_operator
from tissuegraph.presets import load_settings
from tissuegraph.slices.graphs import normalise_adjacency
from tissuegraph.stmfg.layers import CrossViewAttention, View
from tissuegraph.stmfg.model import Stmfg

EXACT = {"rtol": 1e-10, "atol": 1e-12}
normalised_adjacency = functools.partial(normalise_adjacency, dtype=np.float64)
BASE = dataclasses.replace(load_settings("stmfg/default").model, dims=(6, 4), head_dim=0, decoder_dim=5)

# Four spots in a row; the feature graph links the two ends:   0 - 1 - 2 - 3   and   0 = 3
PATH = sparse.csr_matrix(np.diag([1.0, 1, 1], 1) + np.diag([1.0, 1, 1], -1))
ENDS = sparse.csr_matrix(([1.0, 1.0], ([0, 3], [3, 0])), shape=(4, 4))


def make_views(graphs, x, norm="sym", propagated=False):
    views = []
    for graph in graphs:
        adjacency = normalised_adjacency(graph, norm)
        operator = sparse_operator(adjacency, symmetric=norm == "sym", dtype=torch.float64)
        dense = x.toarray() if sparse.issparse(x) else x
        if propagated:
            views.append(View(operator, propagated=torch.as_tensor(adjacency @ dense)))
        elif sparse.issparse(x):
            views.append(View(operator, features=sparse_operator(x, dtype=torch.float64)))
        else:
            views.append(View(operator, features=torch.as_tensor(x)))
    return views


def make_model(n_inputs=3, n_views=2, **changes):
    torch.manual_seed(0)
    return Stmfg(dataclasses.replace(BASE, **changes), [n_inputs] * n_views, 7).double()


def spots(n=4, width=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, width))


def test_normalisations_of_a_path_are_the_ones_worked_out_by_hand():
    root = 1 / np.sqrt(6)  # an end (degree 2 with its loop) beside an inner spot (degree 3)
    by_hand = [[1 / 2, root, 0, 0], [root, 1 / 3, 1 / 3, 0], [0, 1 / 3, 1 / 3, root], [0, 0, root, 1 / 2]]
    np.testing.assert_allclose(normalised_adjacency(PATH, "sym").toarray(), by_hand)
    by_hand = [[1 / 2, 1 / 2, 0, 0], [1 / 3, 1 / 3, 1 / 3, 0], [0, 1 / 3, 1 / 3, 1 / 3], [0, 0, 1 / 2, 1 / 2]]
    np.testing.assert_allclose(normalised_adjacency(PATH, "rw").toarray(), by_hand)


def test_isolated_spot_keeps_its_own_value():
    lonely = sparse.csr_matrix((3, 3))
    np.testing.assert_array_equal(normalised_adjacency(lonely, "sym").toarray(), np.eye(3))


def test_one_layer_on_four_spots_equals_the_hand_computed_result():
    """x = (1, 2, 3, 4), random-walk means, W = 1, b = 0; attention logits = the two views themselves."""
    model = Stmfg(dataclasses.replace(BASE, dims=(1,)), [1, 1], 2).double()
    with torch.no_grad():
        for convolution in model.convolutions[0]:
            convolution.weight.fill_(1)
            convolution.bias.fill_(0)
        model.attentions[0].score.weight.copy_(torch.eye(2))
        model.attentions[0].score.bias.fill_(0)
    x = np.array([[1.0], [2], [3], [4]])
    encoding = model(make_views([PATH, ENDS], x, norm="rw"))
    by_space, by_feature = np.array([1.5, 2, 3, 3.5]), np.array([2.5, 2, 3, 2.5])
    np.testing.assert_allclose(encoding.per_view[0].detach()[:, 0], by_space)
    np.testing.assert_allclose(encoding.per_view[1].detach()[:, 0], by_feature)
    share = np.exp(by_space) / (np.exp(by_space) + np.exp(by_feature))  # 0.269, 0.5, 0.5, 0.731
    np.testing.assert_allclose(encoding.attention.detach()[:, 0, 0], share)
    np.testing.assert_allclose(encoding.z.detach()[:, 0], share * by_space + (1 - share) * by_feature)


@pytest.mark.parametrize("norm", ["sym", "rw"])
def test_layerwise_encoder_equals_the_equations_written_densely(norm):
    model, x = make_model(norm=norm), spots()
    z = torch.as_tensor(x)
    dense = [torch.as_tensor(normalised_adjacency(graph, norm).toarray()) for graph in (PATH, ENDS)]
    for layer in range(2):
        phi = torch.relu if layer == 0 else torch.nn.Identity()
        convolutions, score = model.convolutions[layer], model.attentions[layer].score
        views = [phi(a @ z @ c.weight + c.bias) for a, c in zip(dense, convolutions, strict=True)]
        logits = torch.cat(views, 1) @ score.weight.T + score.bias
        m = torch.softmax(torch.where(logits > 0, logits, 0.01 * logits), 1)
        z = m[:, :1] * views[0] + m[:, 1:] * views[1]
    encoding = model(make_views([PATH, ENDS], x, norm))
    torch.testing.assert_close(encoding.z, z, **EXACT)
    for got, wanted in zip(encoding.per_view, views, strict=True):
        torch.testing.assert_close(got, wanted, **EXACT)


def test_late_fusion_runs_two_separate_stacks_and_fuses_once():
    model, x = make_model(fusion="late"), spots()
    assert len(model.attentions) == 1
    stacks = []
    for view, graph in enumerate((PATH, ENDS)):
        a = torch.as_tensor(normalised_adjacency(graph, "sym").toarray())
        first, second = model.convolutions[0][view], model.convolutions[1][view]
        stacks.append(
            a @ torch.relu(a @ torch.as_tensor(x) @ first.weight + first.bias) @ second.weight + second.bias
        )
    encoding = model(make_views([PATH, ENDS], x))
    fused, _ = model.attentions[0](stacks)
    torch.testing.assert_close(encoding.z, fused, **EXACT)


@pytest.mark.parametrize("norm", ["sym", "rw"])
@pytest.mark.parametrize("dims", [(4,), (6, 4), (6, 5, 4)])
def test_dense_sparse_and_propagated_inputs_give_the_same_embedding_and_gradients(norm, dims):
    model, x = make_model(dims=dims, norm=norm), np.maximum(spots(), 0)
    outcomes = []
    for given, propagated in ((x, False), (sparse.csr_matrix(x), False), (x, True)):
        encoding = model(make_views([PATH, ENDS], given, norm, propagated))
        gradients = torch.autograd.grad(encoding.z.square().sum(), list(model.convolutions.parameters()))
        outcomes.append((encoding.z, *gradients))
    for other in outcomes[1:]:
        for got, wanted in zip(other, outcomes[0], strict=True):
            torch.testing.assert_close(got, wanted, **EXACT)


@pytest.mark.parametrize("norm", ["sym", "rw"])
def test_gradient_through_the_sparse_product_is_the_transpose(norm):
    operator = sparse_operator(normalised_adjacency(PATH, norm), symmetric=norm == "sym", dtype=torch.float64)
    dense = torch.as_tensor(spots()).requires_grad_()
    assert torch.autograd.gradcheck(lambda dense: operator @ dense, (dense,))


@pytest.mark.parametrize(
    "changes", [{}, {"att": "channel"}, {"fusion": "late"}, {"att_l2": True}, {"norm": "rw"}]
)
def test_renumbering_the_spots_renumbers_the_embedding(changes):
    model, x = make_model(**changes), spots()
    norm = changes.get("norm", "sym")
    order = np.array([2, 0, 3, 1])
    shuffled = [sparse.csr_matrix(graph[order][:, order]) for graph in (PATH, ENDS)]
    expected = model(make_views([PATH, ENDS], x, norm)).z[order]
    torch.testing.assert_close(model(make_views(shuffled, x[order], norm)).z, expected, **EXACT)


def test_attention_weights_sum_to_one_per_spot_or_per_spot_and_channel():
    for att, width in (("node", 1), ("channel", 4)):
        attention = make_model(att=att)(make_views([PATH, ENDS], spots())).attention
        assert attention.shape == (4, 2, width)
        torch.testing.assert_close(attention.sum(1), torch.ones(4, width, dtype=torch.float64))


def test_att_l2_makes_the_weights_of_a_spot_unit_length():
    attention = make_model(att_l2=True)(make_views([PATH, ENDS], spots())).attention
    torch.testing.assert_close(attention.norm(dim=1), torch.ones(4, 1, dtype=torch.float64))


def test_missing_view_has_no_weight_and_no_influence():
    attend = CrossViewAttention(3, 2).double()
    views = [torch.as_tensor(spots(4, 2, seed)) for seed in range(3)]
    presence = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 1], [0, 0, 0]]).bool()
    fused, weights = attend(views, presence)
    garbage = [*views[:2], torch.where(presence[:, 2:], views[2], torch.nan)]
    again, _ = attend(garbage, presence)
    torch.testing.assert_close(again, fused)
    assert (weights[1, 2] == 0).all()
    torch.testing.assert_close(weights[:3].sum(1), torch.ones(3, 1, dtype=torch.float64))
    torch.testing.assert_close(fused[2], views[2][2])
    assert (fused[3] == 0).all()


def test_gradients_of_a_missing_view_are_finite():
    model = make_model(n_views=3)
    presence = torch.tensor([[1, 1, 0]] * 3 + [[0, 0, 0]]).bool()
    model(make_views([PATH, ENDS, PATH], spots()), presence).z.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.convolutions.parameters())
    assert all(torch.isfinite(p.grad).all() for p in model.attentions.parameters())


def test_linear_head_follows_the_last_fusion():
    model = make_model(head_dim=2)
    assert model(make_views([PATH, ENDS], spots())).z.shape == (4, 2)


def test_decoder_hidden_layer_is_non_negative_and_normalised_over_spots():
    decoder = make_model().decoder
    hidden = decoder(torch.as_tensor(spots(50, 4)))
    assert hidden.shape == (50, 5)
    assert hidden.min() == 0
    torch.testing.assert_close(
        decoder.norm(decoder.linear(torch.as_tensor(spots(50, 4)))).mean(0), torch.zeros(5).double()
    )
