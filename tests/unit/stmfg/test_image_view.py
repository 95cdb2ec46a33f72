"""The image as a third view: what enters, what is masked, and that nothing changes without it."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers.image_view_tiny import N_FEATURES, N_SPOTS, small_arrays, small_image
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.nn.sparse import sparse_operator
from tissuegraph.presets import load_settings
from tissuegraph.stmfg import training
from tissuegraph.stmfg.image_view import Shares, judge_image, shares
from tissuegraph.stmfg.layers import CrossViewAttention, View
from tissuegraph.stmfg.model import Stmfg
from tissuegraph.stmfg.objective import TERMS, TERMS_WITH_IMAGE, contrast, contrast_with_image, read_back
from tissuegraph.stmfg.parts import PartwiseEncoder


@pytest.fixture(scope="module")
def arrays():
    return small_arrays()


@pytest.fixture(scope="module")
def image():
    return small_image()


@pytest.fixture(scope="module")
def gappy(image):
    """The image misses a corner of the tissue."""
    gappy = image.copy()
    gappy[:30] = np.nan
    return gappy


def settings(*overrides):
    small = ["model.decoder_dim=16", "optimiser.epochs=4", "losses.genes_per_step=10", "model.dims=[8]"]
    small += ["losses.n_negatives=20", "losses.contrastive_mode=sampled", "model.image_trust=1"]
    return load_settings("stmfg/default", [*small, *overrides])


def same(first, second):
    return first.embedding.tobytes() == second.embedding.tobytes() and first.losses == second.losses


def problem_and_model(arrays, chosen, image, part_spots=0):
    judged = judge_image(arrays, chosen, image)
    problem = training.prepare(arrays, chosen, torch.device("cpu"), part_spots, judged)
    return problem, training.build_model(problem, chosen, seed=0)


# ---- what enters -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaled", [1.0, 1e-3, 1e4])
def test_components_carry_the_total_variance_of_the_gene_input_whatever_the_units(arrays, image, scaled):
    for genes in (arrays, dataclasses.replace(arrays, features=sparse.csr_matrix(arrays.features))):
        values = judge_image(genes, settings(), image * scaled).view.values
        expected = arrays.features.var(axis=0).sum()
        assert values.var(axis=0).sum() == pytest.approx(expected, rel=0.01)


def test_no_more_components_than_asked_for(arrays, image):
    assert judge_image(arrays, settings("model.image_dims=3"), image).view.values.shape == (N_SPOTS, 3)


def test_constant_feature_does_not_matter(arrays, image):
    with_constant = np.column_stack([image, np.full(N_SPOTS, 7.1)])
    expected = judge_image(arrays, settings(), image).view.values
    got = judge_image(arrays, settings(), with_constant).view.values
    np.testing.assert_allclose(got[:, :N_FEATURES], expected, atol=1e-4)
    np.testing.assert_allclose(got[:, N_FEATURES:], 0, atol=1e-4)


@pytest.mark.parametrize("kind", ["nearest", "spatial", "feature"])
def test_image_graph_joins_only_spots_that_have_an_image(arrays, gappy, kind):
    graph = judge_image(arrays, settings(f"model.image_graph={kind}"), gappy).view.graph
    present = ~np.isnan(gappy).any(axis=1)
    assert graph.dtype == bool
    assert graph[~present].nnz == 0
    assert (graph != graph.T).nnz == 0
    assert graph[present].nnz > 0
    if kind == "spatial":
        assert (graph[present][:, present] != arrays.spatial[present][:, present]).nnz == 0


def test_whichever_view_deserves_less_has_its_odds_and_the_other_1():
    assert [shares(trust) for trust in (0, 0.2, 0.5)] == [Shares(0, 1), Shares(0.25, 1), Shares(1, 1)]
    assert [shares(trust) for trust in (0.8, 1)] == [Shares(1, pytest.approx(0.25)), Shares(1, 0)]


def test_an_image_that_deserves_all_leaves_the_genes_no_weight_but_where_it_is_missing(arrays, gappy):
    problem, _ = problem_and_model(arrays, settings("model.image_trust=1"), gappy)
    assert problem.presence[0].tolist() == [1, 1, 0]
    assert problem.presence[-1].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda image: image[:-1], r"one row per kept spot \(144\).*got shape \(143, 6\)"),
        (lambda image: image[:, :0], "at least one column"),
        (lambda image: np.where(image > 1, np.inf, image), "finite, got infinite values"),
    ],
)
def test_unusable_features_are_refused(arrays, image, change, words):
    with pytest.raises(InputError, match=words):
        judge_image(arrays, settings(), change(image))


# ---- slices without image ----------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", ["none", "all missing", "constant", "trust 0"])
def test_without_a_usable_image_training_is_that_of_two_views_bit_by_bit(arrays, image, nothing):
    given = {"none": None, "all missing": np.full_like(image, np.nan), "constant": np.ones_like(image)}
    chosen = settings("model.image_trust=0") if nothing == "trust 0" else settings()
    result = training.train(arrays, chosen, seed=3, device="cpu", image=given.get(nothing, image))
    plain = training.train(arrays, chosen, seed=3, device="cpu")
    assert same(result, plain)
    assert result.views == ("spatial", "feature")
    assert tuple(result.losses) == TERMS
    assert result.image_trust == (0 if nothing == "trust 0" else None)
    assert len(result.warnings) == (nothing in ("all missing", "constant"))


def test_permuted_image_is_recognised_and_left_out(arrays, image):
    permuted = np.random.default_rng(0).permutation(image)
    auto = settings("model.image_trust=auto")
    result = training.train(arrays, auto, seed=3, device="cpu", image=permuted)
    assert same(result, training.train(arrays, auto, seed=3, device="cpu"))
    assert result.image_trust == 0
    assert "trained without image" in result.warnings[0]


def test_image_that_agrees_with_the_genes_is_used(arrays, image):
    result = training.train(arrays, settings("model.image_trust=auto"), seed=0, device="cpu", image=image)
    assert result.views == ("spatial", "feature", "image")
    assert 0 < result.image_trust <= 1
    assert tuple(result.losses) == TERMS_WITH_IMAGE
    assert result.attention.shape == (N_SPOTS, 3)
    np.testing.assert_allclose(result.attention.sum(1), 1, rtol=1e-5)


# ---- masking and trust in the attention --------------------------------------------------------------


def network(n_views, dims, seed=0):
    torch.manual_seed(seed)
    model = dataclasses.replace(load_settings("stmfg/default").model, dims=dims, head_dim=0, decoder_dim=5)
    return Stmfg(model, [3] * n_views, 7).double()


def random_views(n_views, n_spots=20):
    rng = np.random.default_rng(0)
    views = []
    for _ in range(n_views):
        graph = sparse.random(n_spots, n_spots, 0.2, rng=rng, format="csr") + sparse.identity(n_spots)
        operator = sparse_operator(sparse.csr_matrix(graph), dtype=torch.float64)
        views.append(View(operator, features=torch.as_tensor(rng.normal(size=(n_spots, 3)))))
    return views


@pytest.mark.parametrize("dims", [(4,), (5, 4), (6, 5, 4)])
def test_three_views_with_the_image_masked_are_the_two_views(dims):
    three, two, views = network(3, dims), network(2, dims, seed=1), random_views(3)
    with torch.no_grad():
        for layer, convolutions in enumerate(two.convolutions):
            for view, convolution in enumerate(convolutions):
                convolution.load_state_dict(three.convolutions[layer][view].state_dict())
        for layer, attention in enumerate(two.attentions):
            width = dims[layer]
            attention.score.weight.copy_(three.attentions[layer].score.weight[:2, : 2 * width])
            attention.score.bias.copy_(three.attentions[layer].score.bias[:2])
    presence = torch.ones(20, 3)
    presence[:, 2] = 0
    masked, plain = three(views, presence), two(views[:2])
    assert (masked.attention[:, 2] == 0).all()
    torch.testing.assert_close(masked.attention[:, :2], plain.attention)
    torch.testing.assert_close(masked.z, plain.z)


def test_presence_between_0_and_1_multiplies_the_odds_of_a_view():
    attend = CrossViewAttention(3, 2).double()
    views = [torch.as_tensor(np.random.default_rng(v).normal(size=(4, 2))) for v in range(3)]
    free = attend(views)[1][:, :, 0]
    held = attend(views, torch.tensor([1, 1, 0.25]).expand(4, 3))[1][:, :, 0]
    torch.testing.assert_close(held[:, 2] / held[:, 0], 0.25 * free[:, 2] / free[:, 0])
    torch.testing.assert_close(held[:, 1] / held[:, 0], free[:, 1] / free[:, 0])


@pytest.mark.parametrize("dims", ["[8]", "[8, 6]", "[64]"])
@pytest.mark.parametrize("fusion", ["layerwise", "late"])
def test_gradients_reach_every_parameter_with_an_image_that_covers_part_of_the_slice(
    arrays, gappy, dims, fusion
):
    trust = ["model.image_trust=0.6", "losses.genes_per_step=0"]  # at 1 the decoder is not used
    chosen = settings(f"model.dims={dims}", f"model.fusion={fusion}", *trust)
    problem, model = problem_and_model(arrays, chosen, gappy)
    training.backward_one_step(model, problem, chosen, np.random.default_rng(0))
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_spot_without_image_ignores_the_image_and_is_ignored_by_it(arrays, gappy):
    result = training.train(arrays, settings(), seed=0, device="cpu", image=gappy)
    assert (result.attention[:30, 2] == 0).all()
    assert (result.attention[30:, 2] > 0).all()
    assert "30 spots have no image features" in result.warnings[0]


# ---- losses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_contrast_with_the_image_is_over_spots_that_have_one(mode):
    losses = settings(f"losses.contrastive_mode={mode}").losses
    views = [torch.as_tensor(np.random.default_rng(v).normal(size=(40, 4))) for v in range(3)]
    imaged = torch.arange(10, 40)
    got = contrast_with_image(views, imaged, losses, np.random.default_rng(0))
    draws = np.random.default_rng(0)
    pairs = [contrast(view[10:], views[2][10:], losses, draws) for view in views[:2]]
    torch.testing.assert_close(got, sum(pairs) / 2)
    garbage = [*views[:2], views[2].clone()]
    garbage[2][:10] = 99
    torch.testing.assert_close(contrast_with_image(garbage, imaged, losses, np.random.default_rng(0)), got)


@pytest.mark.parametrize(("trust", "genes", "shown"), [(0.2, 1, 0), (0.8, 0.25, 0.75)])
def test_total_weighs_each_term_by_its_setting_and_by_the_share_of_its_view(
    arrays, image, trust, genes, shown
):
    chosen = settings(f"model.image_trust={trust}", "losses.contrastive_image=2", "losses.image=3")
    losses = training.train(arrays, chosen, seed=0, device="cpu", image=image).losses
    share = {"zinb": genes, "contrastive": genes, "regulariser": 1, "contrastive_image": 0.25, "image": shown}
    weighted = sum(getattr(chosen.losses, term) * share[term] * np.array(losses[term]) for term in share)
    np.testing.assert_allclose(losses["total"], weighted, rtol=1e-5)
    without = settings("losses.contrastive_image=0")
    assert (
        training.train(arrays, without, seed=0, device="cpu", image=image).losses["contrastive_image"]
        == [0] * 4
    )


def test_the_image_is_read_back_where_there_is_one(arrays, gappy):
    problem, _ = problem_and_model(arrays, settings(), gappy)
    assert problem.shown.square().mean() == pytest.approx(1)
    assert read_back(problem.shown, problem.shown, None) == 0
    off = problem.shown.clone()
    off[:30] += 7  # the corner without image
    off[30:] += 0.5
    assert read_back(off, problem.shown, problem.imaged) == pytest.approx(0.25)


# ---- parts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", ["[8]", "[8, 6]", "[64]"])
@pytest.mark.parametrize("kind", ["nearest", "spatial", "feature"])
def test_parts_give_the_embeddings_and_gradients_of_the_whole_with_image(arrays, gappy, dims, kind):
    chosen = settings(f"model.dims={dims}", f"model.image_graph={kind}", "model.image_trust=0.4")
    outcomes = []
    for part_spots in (0, 40):
        problem, model = problem_and_model(arrays, chosen, gappy, part_spots)
        assert (problem.parts is None) == (part_spots == 0)
        training.backward_one_step(model, problem, chosen, np.random.default_rng(0))
        if part_spots:
            encoding = PartwiseEncoder(model, problem.parts).encode()
        else:
            encoding = model(problem.views, problem.presence)
        outcomes.append([encoding.z, encoding.attention, *(p.grad for p in model.parameters())])
    for by_part, whole in zip(outcomes[1], outcomes[0], strict=True):
        torch.testing.assert_close(by_part, whole, rtol=1e-4, atol=1e-5)
