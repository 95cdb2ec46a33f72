"""Clusterers behind one interface, number of domains, consensus over seeds, refinement."""

import random
import re
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import kneighbors_graph

from tissuegraph.clustering import CLUSTERERS, clusterer_title
from tissuegraph.clustering.cluster import cluster
from tissuegraph.clustering.consensus import consensus, support
from tissuegraph.clustering.labels import Labels, adjusted_rand, contingency
from tissuegraph.clustering.refine import refine
from tissuegraph.clustering.vote import Vote
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.presets import load_settings


def blobs(k, n=600, d=8, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    return rng.normal(0, 4, (k, d))[truth] + rng.normal(size=(n, d)), truth


def path_graph(n):
    """Spots in a row, each with its left and right neighbour."""
    return sparse.diags([np.ones(n - 1), np.ones(n - 1)], [-1, 1], format="csr").astype(bool)


@pytest.mark.parametrize("name", CLUSTERERS)
def test_every_clusterer_recovers_separated_groups_and_repeats_itself(name):
    points, truth = blobs(4)
    first, second = (cluster(points, 4, name, seed=1) for _ in range(2))
    assert adjusted_rand(contingency(first.labels, truth, 4)) > 0.98
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.labels.dtype.kind == "i"
    assert ((first.share >= 0) & (first.share <= 1)).all()


def test_leiden_finds_the_number_asked_for_on_a_gradient():
    gradient = np.random.default_rng(0).random((500, 2)) * [10, 1]
    assert len(np.unique(cluster(gradient, 6, "leiden").labels)) == 6


@pytest.mark.filterwarnings("ignore")
def test_leiden_finds_the_communities_that_scanpy_finds():
    scanpy = pytest.importorskip("scanpy")
    points, truth = blobs(5)
    ours = cluster(points, 5, "leiden").labels
    nearest = kneighbors_graph(points, 15)
    adata = scanpy.AnnData(sparse.csr_matrix((len(points), 1)))
    scanpy.tl.leiden(
        adata,
        resolution=0.1,
        adjacency=((nearest + nearest.T) > 0).astype(float),
        flavor="igraph",
        n_iterations=2,
        directed=False,
    )
    theirs = adata.obs["leiden"].to_numpy().astype(int)
    assert theirs.max() == 4
    assert adjusted_rand(contingency(ours, theirs, 5)) == pytest.approx(1)
    assert adjusted_rand(contingency(ours, truth, 5)) > 0.98


def test_leiden_leaves_the_random_numbers_of_others_alone():
    random.seed(3)
    expected = random.random()
    random.seed(3)
    cluster(blobs(2)[0], 2, "leiden", seed=1)
    assert random.random() == expected


def test_one_domain_needs_no_clusterer():
    assert (cluster(np.random.default_rng(0).normal(size=(5, 2)), 1).labels == 0).all()


def test_as_many_domains_as_spots_is_allowed_and_one_more_is_refused():
    points = np.random.default_rng(0).normal(size=(6, 2))
    assert len(cluster(points, 6, "kmeans").labels) == 6
    with pytest.raises(InputError, match=re.escape("between 1 and the 6 spots of the slice, got 7")):
        cluster(points, 7)


@pytest.mark.parametrize("n_spots", [3, 5, 9])
def test_the_vote_works_on_a_handful_of_spots(n_spots):
    points = np.random.default_rng(0).normal(size=(n_spots, 15))
    assert len(cluster(points, 2).labels) == n_spots


def test_an_embedding_with_nan_is_refused():
    with pytest.raises(InputError, match="finite"):
        cluster(np.full((10, 2), np.nan), 2)


def test_an_unknown_clusterer_is_refused_with_the_known_names():
    with pytest.raises(SettingsError, match=re.escape("vote, gmm, kmeans, leiden, got 'louvain'")):
        cluster(np.zeros((4, 2)), 2, "louvain")


@pytest.mark.parametrize("name", CLUSTERERS)
def test_every_clusterer_can_be_chosen_in_a_preset_and_has_a_title(name):
    assert load_settings("stmfg/default", [f"clustering.clusterer={name}"]).clustering.clusterer == name
    assert clusterer_title(name)


def test_reading_the_names_of_clusterers_imports_no_library(root):
    code = (
        "import sys; sys.path.insert(0, 'bin'); import tissuegraph.clustering.settings; "
        "print(sorted({'numpy', 'scipy', 'sklearn', 'igraph'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


# Consensus and refinement


def test_consensus_follows_most_seeds_and_confidence_is_the_agreeing_share():
    sure = np.ones(4)
    runs = [
        Labels(np.array([0, 0, 1, 1]), sure),
        Labels(np.array([1, 1, 0, 0]), np.array([1, 1, 1, 0.5])),
        Labels(np.array([0, 0, 1, 0]), sure),
    ]
    found, per_seed = consensus(runs, 2)
    assert found.labels[2] == found.labels[3] != found.labels[0] == found.labels[1]
    np.testing.assert_allclose(found.share, [1, 1, 1, 1.5 / 3])
    np.testing.assert_allclose(found.share, support(found.labels, per_seed, runs))


def test_one_seed_is_its_own_consensus():
    run = Labels(np.array([2, 0, 1]), np.array([0.5, 1, 0.75]))
    found, per_seed = consensus([run], 3)
    np.testing.assert_array_equal(found.labels, run.labels)
    np.testing.assert_array_equal(per_seed, run.labels[None])
    np.testing.assert_allclose(found.share, run.share)


def test_support_of_a_label_that_no_seed_gave_is_zero():
    run = Labels(np.array([0, 1]), np.ones(2))
    np.testing.assert_array_equal(support(np.array([0, 0]), run.labels[None], [run]), [1, 0])


def test_refinement_moves_only_spots_with_a_majority_of_other_neighbours():
    #               lone 1        boundary: one neighbour of each, stays
    labels = np.array([0, 0, 1, 0, 0, 1, 1, 1])
    refined, changed = refine(labels, path_graph(8), 2)
    np.testing.assert_array_equal(refined, [0, 0, 0, 0, 0, 1, 1, 1])
    assert changed == pytest.approx(1 / 8)


def test_refinement_leaves_a_spot_without_neighbours_alone():
    refined, changed = refine(np.array([0, 1, 2]), sparse.csr_matrix((3, 3), dtype=bool), 3)
    np.testing.assert_array_equal(refined, [0, 1, 2])
    assert changed == 0


def test_a_clusterer_can_be_given_with_its_settings():
    points, _ = blobs(3)
    assert len(cluster(points, 3, Vote(dims=(2, 4))).labels) == len(points)
