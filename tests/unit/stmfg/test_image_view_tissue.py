"""On generated tissue: an image that knows the domains helps, and one that misleads does no harm."""

import functools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from tissuegraph.clustering.domains import find_domains
from tissuegraph.io.canonical import nearest_neighbour_distance
from tissuegraph.presets import load_settings
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import feature_graph, spatial_graph
from tissuegraph.slices.preprocess import prepare
from tissuegraph.stmfg import training
from tissuegraph.stmfg.image_view import judge_image
from tissuegraph.synthetic.settings import SliceSettings
from tissuegraph.synthetic.slices import make_slice

SETTINGS = load_settings("stmfg/default", ["optimiser.epochs=20"])
FORCED = load_settings("stmfg/default", ["optimiser.epochs=20", "model.image_trust=0.5"])
N_DOMAINS, IMAGE_PX, HALF_TILE_UM = 5, 800, 50


@functools.cache
def generated(**knobs):
    """Arrays, true domains and colour statistics of the tile around every spot."""
    made = make_slice(SliceSettings(n_spots=600, n_domains=N_DOMAINS, um_per_px=2.0, **knobs))
    prepared = prepare(made.counts, SETTINGS.preprocess)
    xy = made.position.astype(float)
    arrays = SliceArrays(
        counts=made.counts[:, prepared.selected],
        features=prepared.features,
        depth=prepared.depth,
        position=xy,
        spatial=spatial_graph(xy, SETTINGS.spatial_graph.rule, SETTINGS.spatial_graph.value).adjacency,
        feature=feature_graph(prepared.features, SETTINGS.feature_graph.k).adjacency,
        genes=made.genes[prepared.selected],
        pitch=nearest_neighbour_distance(xy),
    )
    picture, scale = made.image(IMAGE_PX)
    half = round(HALF_TILE_UM / made.settings.um_per_px * scale)
    return arrays, made.domain, np.array([statistics(picture, x, y, half) for x, y in xy * scale])


def statistics(picture, x, y, half):
    """Mean, spread and quantiles of each channel."""
    row, column = round(y), round(x)
    tile = picture[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1]
    pixels = tile.reshape(-1, 3).astype(float)
    return np.r_[pixels.mean(0), pixels.std(0), np.percentile(pixels, [10, 50, 90], axis=0).ravel()]


def accuracy(arrays, truth, image, settings=SETTINGS):
    """ARI and the training result."""
    result = training.train(arrays, settings, seed=0, device="cpu", image=image)
    found = find_domains(result.embedding[None], arrays, N_DOMAINS, settings.clustering)
    return adjusted_rand_score(truth, found.labels), result


@functools.cache
def genes_alone(**knobs):
    return accuracy(*generated(**knobs)[:2], None)[0]


def test_domains_visible_only_in_the_image_are_found_with_it_and_not_without():
    knobs = {"seed": 0, "programme_seed": 0, "signal": 0.0}
    assert genes_alone(**knobs) <= 0.3
    with_image, result = accuracy(*generated(**knobs))
    assert with_image >= 0.6
    assert result.image_trust > 0.5


@pytest.mark.long
def test_permuted_images_do_not_find_them_even_when_trusted():
    arrays, truth, image = generated(seed=0, programme_seed=0, signal=0.0)
    permuted = np.random.default_rng(0).permutation(image)
    assert judge_image(arrays, SETTINGS, permuted).trust == 0
    assert accuracy(arrays, truth, permuted, FORCED)[0] <= 0.3


@pytest.mark.parametrize("seed", [1, 8, 20, 21])  # chance made 1 and 8 agree at large
def test_trust_tells_an_image_that_knows_more_from_one_that_misleads(seed):
    trusts = []
    for knob in ({"signal": 0.0}, {"image_follows": "other"}):
        arrays, _, image = generated(seed=seed, programme_seed=seed, **knob)
        trusts.append(judge_image(arrays, SETTINGS, image).trust)
    assert trusts[0] >= 0.4
    assert trusts[1] == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_misleading_image_costs_next_to_nothing_where_the_genes_know_better(seed):
    knobs = {"seed": seed, "programme_seed": seed, "image_follows": "other"}
    assert accuracy(*generated(**knobs))[0] >= genes_alone(**knobs) - 0.05


@pytest.mark.long
def test_it_is_the_trust_that_protects_from_a_misleading_image():
    knobs = {"seed": 0, "programme_seed": 0, "image_follows": "other"}
    assert accuracy(*generated(**knobs), FORCED)[0] < genes_alone(**knobs) - 0.05
