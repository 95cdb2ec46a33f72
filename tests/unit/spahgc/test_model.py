"""SpaHGC's graph, masks, network and losses."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import sparse

from tissuegraph.presets import load_settings
from tissuegraph.spahgc.graph import References, hetero_data, near_spots, plan_graphs
from tissuegraph.spahgc.losses import pearson_loss, view_agreement
from tissuegraph.spahgc.masking import CLEAN, View, draw_views
from tissuegraph.spahgc.model import ASKS, REFERENCE, RS, SERVES, TARGET, TS, CrossAttention
from tissuegraph.spahgc.scaling import fit_scaling
from tissuegraph.spahgc.training import build_network, loss_terms, predict, train_network

SMALL = ["model.width=8", "model.heads=2", "model.layers=2", "optimiser.epochs=3", "model.base=none"]
SETTINGS = load_settings("default", SMALL, method="spahgc")
N_FEATURES, N_GENES = 4, 3


def references(sizes=(12, 9), seed=0):
    rng = np.random.default_rng(seed)
    expression = [sparse.csr_matrix(rng.poisson(2, (size, N_GENES)).astype(np.float32)) for size in sizes]
    images = [rng.normal(size=(size, N_FEATURES)).astype(np.float32) for size in sizes]
    return References(images, expression, fit_scaling(expression, "unit"))


def target(n_spots=16, seed=1):
    rng = np.random.default_rng(seed)
    side = int(np.sqrt(n_spots))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)
    position = 100.0 * grid + rng.normal(0, 1, grid.shape)
    image = rng.normal(size=(len(grid), N_FEATURES)).astype(np.float32)
    return position, image, rng.poisson(2, (len(grid), N_GENES)).astype(np.float32)


def make_graph(settings=SETTINGS):
    position, image, measured = target()
    bank = references()
    (plan,) = plan_graphs(position, image, bank, settings.graph, layers=2)
    return plan, hetero_data(plan, image, bank, measured=measured)


def test_ts_joins_each_spot_to_its_nearest_others():
    position = np.array([[0.0, 0], [1, 0], [3, 0], [7, 0]])
    graph = near_spots(position, dataclasses.replace(SETTINGS.graph, ts_k=2))
    assert [graph[i].indices.tolist() for i in range(4)] == [[1, 2], [0, 2], [0, 1], [1, 2]]


def test_ts_survives_spots_at_the_same_place():
    graph = near_spots(np.zeros((8, 2)), dataclasses.replace(SETTINGS.graph, ts_k=3))
    assert not graph.diagonal().any()
    assert (np.diff(graph.indptr) == 3).all()


def test_ts_of_the_released_code_counts_cells_of_224_pixels():
    position = np.array([[0.0, 0], [230, 0], [300, 10], [460, 0], [10, 700]])
    rule = dataclasses.replace(SETTINGS.graph, ts_rule="cells", ts_radius=1.4142136, ts_k=5)
    graph = near_spots(position, rule)
    assert graph[0].indices.tolist() == [1, 2]
    assert graph[4].nnz == 0


def test_graph_holds_only_retrieved_references_and_every_kind_of_edge():
    plan, graph = make_graph()
    assert graph[TARGET].x.shape == (16, N_FEATURES)  # no expression on the target's side
    assert graph[REFERENCE].x.shape == (len(plan.retrieved), N_FEATURES + N_GENES)
    senders, receivers = graph[SERVES].edge_index
    assert set(senders.tolist()) == set(range(len(plan.retrieved)))
    assert (torch.bincount(receivers) == 7).all()
    assert torch.equal(graph[ASKS].edge_index, graph[SERVES].edge_index.flip(0))
    assert (graph[RS].edge_index[0] != graph[RS].edge_index[1]).all()
    assert graph[TS].edge_index.shape == (2, 16 * 5)


@pytest.mark.parametrize(("key", "kinds"), [("ts_k", {TS}), ("rs_k", {RS}), ("cs_k", {SERVES, ASKS, RS})])
def test_a_k_of_zero_leaves_its_edges_out_and_the_network_still_runs(key, kinds):
    settings = dataclasses.replace(SETTINGS, graph=dataclasses.replace(SETTINGS.graph, **{key: 0}))
    _, graph = make_graph(settings)
    assert set(graph.edge_types) == {TS, RS, SERVES, ASKS} - kinds
    network = build_network(settings, N_FEATURES, N_GENES, seed=0)
    assert predict(network, graph).shape == (16, N_GENES)


def test_one_spot_without_any_neighbour_is_predicted():
    alone = load_settings("default", [*SMALL, "graph.cs_k=0"], method="spahgc")
    position, image, measured = (values[:1] for values in target())
    (plan,) = plan_graphs(position, image, references(), alone.graph, layers=2)
    graph = hetero_data(plan, image, references(), measured=measured)
    assert graph.edge_types == []
    predicted = predict(build_network(alone, N_FEATURES, N_GENES, seed=0), graph)
    assert predicted.shape == (1, N_GENES)
    assert np.isfinite(predicted).all()


def test_parts_cover_every_target_once_and_see_what_the_whole_slice_sees():
    position, image, _ = target(144)
    bank = references((40, 30))
    settings = dataclasses.replace(SETTINGS.graph, max_spots=40, rs_k=0)
    parts = plan_graphs(position, image, bank, settings, layers=1)
    assert sorted(np.concatenate([part.spots[part.inner] for part in parts])) == list(range(144))
    whole = dataclasses.replace(settings, max_spots=1000)
    (everything,) = plan_graphs(position, image, bank, whole, layers=1)
    one_layer = dataclasses.replace(
        SETTINGS, model=dataclasses.replace(SETTINGS.model, layers=1, pooling=False)
    )
    network = build_network(one_layer, N_FEATURES, N_GENES, seed=0)
    expected = predict(network, hetero_data(everything, image, bank))
    for part in parts:
        found = predict(network, hetero_data(part, image, bank))
        np.testing.assert_allclose(found, expected[part.spots[part.inner]], atol=1e-5)


def test_complementary_masks_sum_to_one():
    masking = dataclasses.replace(
        SETTINGS.masking, mode="complementary", target=0.8, reference=0.9, rescale=False
    )
    first, second = draw_views(((200, 5), (300, 7)), masking, torch.Generator().manual_seed(0))
    assert torch.equal(first.target + second.target, torch.ones(200, 5))
    assert torch.equal(first.reference + second.reference, torch.ones(300, 7))
    assert first.target.mean().item() == pytest.approx(0.2, abs=0.05)
    assert first.reference.mean().item() == pytest.approx(0.1, abs=0.05)


def test_rescaled_masks_keep_the_mean_of_the_input():
    masking = dataclasses.replace(SETTINGS.masking, mode="random", target=0.7, reference=0.4, rescale=True)
    for view in draw_views(((4000, 5), (4000, 5)), masking, torch.Generator().manual_seed(0)):
        assert view.target.mean().item() == pytest.approx(1, abs=0.05)
        assert view.reference.mean().item() == pytest.approx(1, abs=0.05)


def test_without_masking_both_views_show_everything():
    masking = dataclasses.replace(SETTINGS.masking, mode="none")
    assert draw_views(((2, 2), (2, 2)), masking, torch.Generator()) == (CLEAN, CLEAN)


def test_hidden_features_cannot_be_seen():
    _, graph = make_graph()
    network = build_network(SETTINGS, N_FEATURES, N_GENES, seed=0).eval()
    blind = View(torch.zeros_like(graph[TARGET].x), torch.zeros_like(graph[REFERENCE].x))
    before = network(graph, blind)
    graph[TARGET].x = graph[TARGET].x * 3 + 1
    graph[REFERENCE].x = graph[REFERENCE].x - 2
    assert torch.equal(before, network(graph, blind))


def test_attention_weighs_sources_as_written_down():
    chosen = {"width": 2, "heads": 1, "attention_dropout": 0.0, "attention_slope": 0.2}
    model = dataclasses.replace(SETTINGS.model, **chosen)
    attention = CrossAttention(model, 2, 2, torch.Generator(), out=False)
    for linear in (attention.query, attention.key, attention.value):
        torch.nn.init.eye_(linear.weight)
    source = torch.tensor([[1.0, 0], [0, 2], [5, 5]])
    receiving = torch.tensor([[1.0, -1], [0, 0]])
    found = attention((source, receiving), torch.tensor([[0, 1], [0, 0]]))
    scores = torch.tensor([1.0, 0.2 * -2.0]) / 2**0.5  # the second is negative: LeakyReLU
    expected = torch.softmax(scores, 0) @ source[:2]
    torch.testing.assert_close(found, torch.stack([expected, torch.zeros(2)]))  # no edges: zeros


def test_prediction_follows_the_order_of_the_spots():
    position, image, _ = target()
    bank = references()
    network = build_network(SETTINGS, N_FEATURES, N_GENES, seed=0)
    order = np.random.default_rng(3).permutation(len(image))
    (plan,) = plan_graphs(position, image, bank, SETTINGS.graph, layers=2)
    (other,) = plan_graphs(position[order], image[order], bank, SETTINGS.graph, layers=2)
    np.testing.assert_allclose(
        predict(network, hetero_data(plan, image, bank))[order],
        predict(network, hetero_data(other, image[order], bank)),
        atol=1e-5,
    )


def test_an_untrained_network_with_a_base_predicts_the_base():
    settings = load_settings("default", [*SMALL[:-1], "model.base=ridge"], method="spahgc")
    position, image, _ = target()
    bank = references()
    (plan,) = plan_graphs(position, image, bank, settings.graph, layers=2)
    base = np.random.default_rng(0).normal(size=(16, N_GENES)).astype(np.float32)
    network = build_network(settings, N_FEATURES, N_GENES, seed=0)
    found = bank.scaling.backward(predict(network, hetero_data(plan, image, bank, base=base)))
    np.testing.assert_allclose(found, base, atol=1e-5)


def test_pearson_loss_is_one_minus_the_mean_coefficient_over_varying_genes():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 3))
    y[:, 2] = 4.0
    expected = 1 - np.mean([np.corrcoef(x[:, g], y[:, g])[0, 1] for g in range(2)])
    assert pearson_loss(torch.tensor(x), torch.tensor(y)).item() == pytest.approx(expected, abs=1e-6)


def test_pearson_loss_has_a_finite_gradient_at_a_constant_prediction():
    x = torch.zeros(10, 2, requires_grad=True)
    loss = pearson_loss(x, torch.randn(10, 2, generator=torch.Generator().manual_seed(0)))
    loss.backward()
    assert loss.item() == pytest.approx(1)
    assert torch.isfinite(x.grad).all()


def test_agreement_of_views_ranges_from_zero_to_four_and_stops_the_second_gradient():
    x = torch.tensor([[1.0, 0], [0, 2]], requires_grad=True)
    y = torch.tensor([[3.0, 0], [0, -1]], requires_grad=True)
    loss = view_agreement(x, y)
    assert loss.item() == pytest.approx((0 + 4) / 2)
    loss.backward()
    assert y.grad is None


@pytest.mark.parametrize("predict_from", ["view1", "both", "clean"])
@pytest.mark.parametrize("second_encoder", ["shared", "frozen"])
def test_every_form_of_the_loss_trains_every_parameter_it_should(predict_from, second_encoder):
    losses = dataclasses.replace(SETTINGS.losses, predict_from=predict_from, second_encoder=second_encoder)
    settings = dataclasses.replace(SETTINGS, losses=losses)
    _, graph = make_graph(settings)
    network = build_network(settings, N_FEATURES, N_GENES, seed=0)
    frozen = build_network(settings, N_FEATURES, N_GENES, seed=1) if second_encoder == "frozen" else None
    terms = loss_terms(network, graph, settings, torch.Generator().manual_seed(0), frozen)
    terms["total"].backward()
    expected = sum(getattr(settings.losses, term) * terms[term].item() for term in terms if term != "total")
    assert terms["total"].item() == pytest.approx(expected, rel=1e-5)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    assert frozen is None or all(p.grad is None for p in frozen.parameters())


def test_equal_seeds_give_equal_networks_and_looking_changes_nothing():
    _, graph = make_graph()
    size = {"n_features": N_FEATURES, "n_genes": N_GENES, "epochs": 3, "device": torch.device("cpu")}
    looked = []
    first = train_network([lambda: graph], SETTINGS, seed=5, **size)
    second = train_network(
        [lambda: graph], SETTINGS, seed=5, **size, every=2, look=lambda epoch, _: looked.append(epoch)
    )
    for a, b in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(a, b)
    assert looked == [0, 2, 3]
    other = train_network([lambda: graph], SETTINGS, seed=6, **size)
    assert not torch.equal(next(first.network.parameters()), next(other.network.parameters()))


def test_training_lowers_the_loss():
    _, graph = make_graph()
    settings = load_settings("default", [*SMALL, "optimiser.lr=0.01", "model.dropout=0"], method="spahgc")
    size = {"n_features": N_FEATURES, "n_genes": N_GENES, "epochs": 60, "device": torch.device("cpu")}
    losses = train_network([lambda: graph], settings, seed=0, **size).losses["total"]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])
