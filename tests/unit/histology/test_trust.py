"""How far an image may share the embedding, and what that does to MultiST's domains on generated tissue."""

from functools import cache

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from tissuegraph.clustering.domains import find_domains
from tissuegraph.errors import InputError
from tissuegraph.histology.trust import contiguous_blocks, image_trust, spatial_patterns, view_evidence
from tissuegraph.io.canonical import nearest_neighbour_distance
from tissuegraph.multist.training import train_seeds
from tissuegraph.presets import load_settings
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import spatial_graph
from tissuegraph.slices.preprocess import prepare
from tissuegraph.synthetic.settings import SliceSettings
from tissuegraph.synthetic.slices import make_slice

N_DOMAINS = 5
SETTINGS = load_settings("default", ["optimiser.epochs=60", "fusion.epochs=3"], method="multist")
CASES = {
    "image only": {"signal": 0.0},
    "misleading": {"image_follows": "other"},
    "both": {"seed": 1},  # on seed 0 the contrasts are too faint for the rule, which then trusts genes alone
}


@cache
def generated(case):
    """Arrays, tile statistics and true domains of one generated slice."""
    made = make_slice(SliceSettings(**{"seed": 0, "n_spots": 700, "n_domains": N_DOMAINS} | CASES[case]))
    prepared = prepare(sparse.csr_matrix(made.counts), SETTINGS.preprocess)
    graph = spatial_graph(made.position, SETTINGS.spatial_graph.rule, SETTINGS.spatial_graph.value).adjacency
    arrays = SliceArrays(
        counts=sparse.csr_matrix(made.counts)[:, prepared.selected],
        features=prepared.features,
        depth=prepared.depth,
        position=made.position,
        spatial=graph,
        feature=graph,
        genes=made.genes[prepared.selected],
        pitch=nearest_neighbour_distance(made.position),
    )
    return arrays, tile_statistics(made), made.domain


def tile_statistics(made, half=12):
    """Mean, spread and quartiles of colour around each spot, at about 4 um per pixel: (N, 15)."""
    image, scale = made.image(int(max(made.tissue.size) / 4))
    padded = np.pad(image.astype(float), ((half, half), (half, half), (0, 0)), mode="reflect")
    tiles = [
        padded[y : y + 2 * half, x : x + 2 * half] for x, y in np.rint(made.position * scale).astype(int)
    ]
    flat = np.array(tiles).reshape(len(tiles), -1, 3)
    return np.hstack([flat.mean(1), flat.std(1), *np.quantile(flat, [0.1, 0.5, 0.9], axis=1)])


def permuted(image):
    return np.random.default_rng(0).permutation(image)


@cache
def accuracy(case, shown):
    """ARI of MultiST's domains with no image, the slice's own, or one with its tiles permuted."""
    arrays, image, domain = generated(case)
    image = {"none": None, "own": image, "permuted": permuted(image)}[shown]
    (result,) = train_seeds(arrays, SETTINGS, seeds=[0], device="cpu", image=image)
    found = find_domains(result.embedding[None], arrays, N_DOMAINS, SETTINGS.clustering)
    return adjusted_rand_score(domain, found.labels)


def test_an_image_that_alone_shows_the_domains_gives_them_to_multist():
    assert accuracy("image only", "own") >= 0.6
    assert accuracy("image only", "none") <= 0.3
    assert accuracy("image only", "permuted") <= 0.3


def test_a_misleading_image_costs_next_to_nothing():
    assert accuracy("misleading", "none") >= 0.6
    assert accuracy("misleading", "own") >= accuracy("misleading", "none") - 0.05


def test_trust_is_full_shared_or_none_as_the_slice_was_made():
    trust = {case: image_trust(generated(case)[0].features, generated(case)[1], generated(case)[0].spatial)
             for case in CASES}  # fmt: skip
    assert trust["image only"] > 0.9
    assert trust["misleading"] < 0.1
    assert 0.4 <= trust["both"] <= 0.6


@pytest.mark.parametrize("case", CASES)
def test_permuted_tiles_and_constant_features_deserve_nothing(case):
    arrays, image, _ = generated(case)
    assert image_trust(arrays.features, permuted(image), arrays.spatial) == 0
    assert image_trust(arrays.features, np.ones((arrays.n_spots, 3)), arrays.spatial) == 0


def test_trust_does_not_depend_on_units_of_the_image_features():
    arrays, image, _ = generated("both")
    scaled = 1000 * image + 7
    assert view_evidence(arrays.features, scaled, arrays.spatial).trust == pytest.approx(
        image_trust(arrays.features, image, arrays.spatial), abs=1e-6
    )


def test_few_spots_say_nothing_and_wrong_rows_are_refused():
    graph = spatial_graph(np.random.default_rng(0).random((30, 2)), "knn", 6).adjacency
    assert image_trust(np.zeros((30, 3)), np.zeros((30, 3)), graph) == 0
    with pytest.raises(InputError, match="one row per spot"):
        image_trust(np.zeros((29, 3)), np.zeros((30, 3)), graph)


def test_smoothest_pattern_comes_first_and_scores_its_autocorrelation():
    """On a ring, x_i = cos(2 pi i / n) has the neighbour mean cos(2 pi / n) x_i."""
    n = 40
    angle = 2 * np.pi * np.arange(n) / n
    points = np.column_stack([np.cos(7 * angle), np.cos(angle)])
    ring = sparse.csr_matrix((np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0)) / 2)
    score, pattern = spatial_patterns(points, ring)
    np.testing.assert_allclose(score, [np.cos(2 * np.pi / n), np.cos(14 * np.pi / n)], atol=1e-9)
    assert abs(np.corrcoef(pattern[:, 0], points[:, 1])[0, 1]) == pytest.approx(1)


def test_blocks_are_contiguous_and_cover_the_slice():
    position = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), axis=-1).reshape(-1, 2)
    graph = spatial_graph(position, "knn", 4).adjacency
    block = contiguous_blocks(graph, 9)
    assert np.array_equal(np.unique(block), np.arange(9))
    for number in range(9):
        members = block == number
        assert sparse.csgraph.connected_components(graph[members][:, members])[0] == 1
