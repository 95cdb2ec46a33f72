"""MultiST: its networks, its training, and what the image does to the domains."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from scipy import sparse

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.histology.view import spot_images
from tissuegraph.multist.attention import TokenAttention, Tokens
from tissuegraph.multist.fusion import FusionTrainer
from tissuegraph.multist.genes import GeneTrainer, gene_data
from tissuegraph.multist.losses import mmd
from tissuegraph.multist.tokens import image_tokens
from tissuegraph.multist.training import train_seeds
from tissuegraph.nn.random import generator
from tissuegraph.presets import PRESET_DIRECTORY, load_settings, settings_from_dict
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import spatial_graph

CPU = torch.device("cpu")
SHORT = ["optimiser.epochs=12", "fusion.epochs=2", "fusion.batch=32", "adversary.start=2"]


def load(preset="default", *overrides):
    return load_settings(preset, overrides, method="multist")


def short(preset="default", *overrides):
    extra = ["genes.dec_epochs=3", "genes.dec_clusters=4"] if preset == "released" else []
    return load(preset, *SHORT, *extra, *overrides)


@pytest.fixture(scope="module")
def arrays():
    """A hundred spots on a square lattice whose halves differ in their features."""
    rng = np.random.default_rng(0)
    position = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    features = rng.normal(size=(100, 12)) + 3.0 * (position[:, :1] > 4.5)
    graph = spatial_graph(position, "knn", 6).adjacency
    counts = sparse.csr_matrix(rng.poisson(2.0, (100, 8)))
    return SliceArrays(
        counts=counts,
        features=features,
        depth=np.full(100, 16),
        position=position,
        spatial=graph,
        feature=graph,
        genes=np.arange(8).astype(str),
        pitch=1.0,
    )


@pytest.fixture(scope="module")
def image(arrays):
    rng = np.random.default_rng(1)
    return rng.normal(size=(100, 9)) + 2.0 * (arrays.position[:, :1] > 4.5)


def trainers(arrays, image, settings, seed=0):
    data, draws = gene_data(arrays, CPU), generator(seed)
    genes = GeneTrainer(data, settings, draws)
    tokens = image_tokens(arrays, spot_images(image, 100), settings.fusion, CPU)
    return genes, FusionTrainer(settings.fusion, genes.embed(), tokens, data.adjacency, 0.5, draws)


def test_every_shipped_preset_loads_and_survives_a_round_trip():
    names = sorted(path.stem for path in (PRESET_DIRECTORY / "multist").glob("*.yaml"))
    assert names == ["default", "paper", "released"]
    for name in names:
        assert settings_from_dict(load(name).as_dict()) == load(name)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("fusion.heads=3", "fusion.width must be a multiple of fusion.heads"),
        ("fusion.layers=2", "need fusion.residual: true"),
        ("fusion.combine=sum", "set fusion.directions: both"),
        ("clustering.refine=perhaps", "true or false or propagation, got 'perhaps'"),
    ],
)
def test_contradictory_settings_are_refused_with_the_remedy(override, words):
    with pytest.raises(SettingsError, match=re.escape(words)):
        load("default", override)


def test_the_image_is_not_retained_where_the_query_is_in_it():
    with pytest.raises(SettingsError, match=re.escape("fusion.retention needs")):
        load("paper", "fusion.residual=true")


def test_the_default_is_the_simplest_form_and_the_paper_has_every_term():
    terms = [
        (load(name).losses.adversarial, load(name).losses.graph, load(name).genes.mask_rate,
         load(name).fusion.retention)
        for name in ("default", "paper")
    ]  # fmt: skip
    assert terms == [(0, 0, 0, 0), (0.3, 0.1, 0.8, 10)]


# Networks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_gradients_reach_every_parameter_of_every_network(arrays, image, preset):
    settings = short(preset)
    genes, fusion = trainers(arrays, image, settings)
    if settings.genes.dec_clusters:
        genes.place_centres()
        genes.target = torch.full((100, settings.genes.dec_clusters), 1 / settings.genes.dec_clusters)
    networks = {
        "genes": (genes.network, genes.loss(epoch=5)["total"]),
        "fusion": (fusion.network, fusion.loss(torch.arange(40))["total"]),
        "critic": (genes.adversary.critic, genes.adversary.critic_loss(genes.embed()
                   if settings.adversary.space == "latent" else genes.data.x)),
        "generator": (genes.adversary.generator, genes.adversary.generator_loss(genes.data.x)),
    }  # fmt: skip
    for name, (network, loss) in networks.items():
        parameters = dict(network.named_parameters())
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        for key, gradient in zip(parameters, gradients, strict=True):
            assert gradient is not None, f"{name}.{key} is not used"
            assert gradient.abs().max() > 0, f"{name}.{key} gets no gradient"


def test_attention_sums_to_one_and_depends_on_the_query():
    torch.manual_seed(0)
    attention = TokenAttention(5, 4, 8, 2, single=False)
    one = torch.randn(1, 3, 4)
    tokens = Tokens(
        one.expand(2, -1, -1), torch.tensor([[0.0, 1, 1]] * 2), torch.ones(2, 3, dtype=torch.bool)
    )
    _, weights = attention(torch.randn(2, 5), tokens)  # same tokens, two queries
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert (weights[0] - weights[1]).abs().max() > 1e-3


def test_a_single_token_has_weight_one_and_ignores_the_query():
    attention = TokenAttention(5, 4, 8, 2, single=True)
    tokens = Tokens(
        torch.randn(1, 1, 4).expand(2, -1, -1), torch.zeros(2, 1), torch.ones(2, 1, dtype=torch.bool)
    )
    attended, weights = attention(torch.randn(2, 5), tokens)
    torch.testing.assert_close(weights, torch.ones(2, 1))
    torch.testing.assert_close(attended[0], attended[1])


def test_missing_tokens_have_no_weight_and_no_influence():
    torch.manual_seed(0)
    attention = TokenAttention(5, 4, 8, 2, single=False)
    present = torch.tensor([[True, True, False], [False, False, False]])
    values, query = torch.randn(2, 3, 4), torch.randn(2, 5)
    attended, weights = attention(query, Tokens(values, torch.zeros(2, 3), present))
    changed = values.clone()
    changed[~present] = 100.0
    again, _ = attention(query, Tokens(changed, torch.zeros(2, 3), present))
    torch.testing.assert_close(attended, again)
    assert weights[0, 2] == 0
    assert attended[1].abs().max() == 0


@pytest.mark.parametrize("preset", ["default", "released"])
def test_permuting_the_spots_permutes_the_embedding(arrays, image, preset):
    order = np.random.default_rng(3).permutation(100)
    permuted = dataclasses.replace(
        arrays,
        counts=arrays.counts[order],
        features=arrays.features[order],
        position=arrays.position[order],
        spatial=arrays.spatial[order][:, order],
        feature=arrays.feature[order][:, order],
    )
    # Without choices among neighbours at equal distance, of which the lattice has many.
    settings = short(preset, "fusion.token_neighbours=99", "fusion.image_smoothing=0")
    plain = trainers(arrays, image, settings)[1].embed().embedding
    moved = trainers(permuted, image[order], settings)[1].embed().embedding
    # PCA of the image is unique up to rounding only
    torch.testing.assert_close(moved, plain[order], rtol=1e-3, atol=1e-3)


def test_tokens_are_gathered_from_the_whole_slice_not_from_the_batch(arrays, image):
    tokens = image_tokens(arrays, spot_images(image, 100), load().fusion, CPU)
    spots = torch.tensor([0, 99])  # opposite corners: none of their neighbours is in the batch
    around = tokens.around(spots)
    assert around.values.shape[:2] == (2, 7)
    torch.testing.assert_close(around.values[0, 0], tokens.values[0])
    assert set(tokens.neighbours[0].tolist()) >= {0, 1, 10}
    assert around.distance[0, 1].item() == pytest.approx(1)


def alignment(arrays, *overrides):
    """Distance between real and generated latents at the first epoch of the adversary and after the last."""
    settings = load("paper", *overrides)
    trainer = GeneTrainer(gene_data(arrays, CPU), settings, generator(0))

    def distance():
        z = trainer.embed()
        with torch.no_grad():
            return float(mmd(z, trainer.adversary.generator(len(z), CPU)))

    start = settings.adversary.start
    trainer._epochs(start, None)
    before = distance()
    trainer._epochs(settings.optimiser.epochs, None)
    return before, distance()


def test_the_adversary_of_the_paper_aligns_real_and_generated_latents(arrays):
    before, after = alignment(arrays)
    assert after < 0.2 * before
    before, after = alignment(arrays, "adversary.every=5", "adversary.critic_steps=1", "adversary.lr=0.0001")
    assert after > 0.4 * before  # eighteen small steps do not


# Training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["default", "paper", "released"])
def test_results_have_the_documented_shapes_and_finite_losses(arrays, image, preset):
    settings = short(preset)
    (result,) = train_seeds(arrays, settings, seeds=[0], device="cpu", image=image)
    width = settings.fusion.width + (2 * settings.genes.latent if preset != "released" else 0)
    assert result.embedding.shape == result.untrained.shape == (100, width)
    assert np.isfinite(result.embedding).all()
    assert np.abs(result.embedding - result.untrained).max() > 1e-3
    assert result.attention.shape == (100, len(result.views))
    np.testing.assert_allclose(result.attention.sum(1), 1, rtol=1e-5)
    stages = settings.optimiser.epochs + settings.genes.dec_epochs
    assert len(result.losses["reconstruction"]) == stages
    assert len(result.losses["sdm"]) == settings.fusion.epochs
    assert len(result.losses["total"]) == stages + settings.fusion.epochs
    assert all(np.isfinite(values).all() for values in result.losses.values())


def test_training_lowers_the_losses(arrays, image):
    settings = load("paper", "optimiser.epochs=60", "fusion.epochs=15", "fusion.batch=50")
    (result,) = train_seeds(arrays, settings, seeds=[0], device="cpu", image=image)
    for term in ("reconstruction", "infonce", "retention"):
        assert np.mean(result.losses[term][-3:]) < 0.95 * np.mean(result.losses[term][:3]), term


@pytest.mark.parametrize("preset", ["default", "paper", "released"])
def test_same_seed_gives_the_same_bits_whatever_global_state_is_and_leaves_it_alone(arrays, image, preset):
    trained = {"device": "cpu", "image": image}
    results = []
    for seeds, state in (([1], 5), ([2], 5), ([2, 1], 6)):
        torch.manual_seed(state)
        np.random.seed(state)  # noqa: NPY002 - the state that must not matter
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        results.append(train_seeds(arrays, short(preset), seeds=seeds, **trained)[-1])
        torch.testing.assert_close(torch.get_rng_state(), before[0], rtol=0, atol=0)
        np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    one, other, again = results
    np.testing.assert_array_equal(one.embedding, again.embedding)
    assert one.losses == again.losses
    assert np.abs(one.embedding - other.embedding).max() > 1e-3


def test_without_image_the_gene_branch_runs_alone_and_says_so(arrays):
    (result,) = train_seeds(arrays, short(), seeds=[0], device="cpu")
    assert result.embedding.shape == (100, 32)
    assert result.views == ("genes",)
    assert result.image_trust is None
    assert "no image" in result.notes[0]
    assert result.warnings == ()


def test_an_image_that_deserves_no_share_leaves_the_gene_embedding_as_it_is(arrays, image):
    settings = short("default", "fusion.image_trust=0")
    (alone,) = train_seeds(arrays, settings, seeds=[0], device="cpu")
    (result,) = train_seeds(arrays, settings, seeds=[0], device="cpu", image=image)
    genes = alone.embedding - alone.embedding.mean(0)
    ratio = result.embedding[:, :32] / genes
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-2)
    assert np.abs(result.embedding[:, 32:]).max() == 0


def test_spots_without_a_tile_are_embedded_and_a_nearly_empty_image_is_left_out(arrays, image):
    holes = image.copy()
    holes[::3] = np.nan
    (result,) = train_seeds(arrays, short(), seeds=[0], device="cpu", image=holes)
    assert np.isfinite(result.embedding).all()
    holes[5:] = np.nan
    (result,) = train_seeds(arrays, short(), seeds=[0], device="cpu", image=holes)
    assert result.views == ("genes",)
    assert result.warnings == ("3 spots have image features, 20 are needed; MultiST ran on the genes alone",)


def test_image_features_of_another_slice_are_refused(arrays, image):
    with pytest.raises(InputError, match=r"one row per kept spot \(100\).*got shape \(99, 9\)"):
        train_seeds(arrays, short(), seeds=[0], image=image[:-1])


def test_a_network_that_diverges_is_refused(arrays, monkeypatch):
    monkeypatch.setattr(GeneTrainer, "embed", lambda self: torch.full((100, 32), math.nan))
    with pytest.raises(InputError, match="MultiST diverged with seed 3: its embedding is not finite"):
        train_seeds(arrays, short(), seeds=[3], device="cpu")
