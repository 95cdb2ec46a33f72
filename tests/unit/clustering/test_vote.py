"""Starts, alignment of labelings and the vote of mixtures."""

import numpy as np
import pytest

from tissuegraph.clustering.labels import adjusted_rand, align, by_size, compact, contingency, majority
from tissuegraph.clustering.starts import cut, model_based_hierarchy, ward_tree
from tissuegraph.clustering.vote import MixtureSettings, Vote, principal_components, usable_dims
from tissuegraph.errors import InputError


def agreement(a, b):
    return adjusted_rand(contingency(np.asarray(a), np.asarray(b), int(max(np.max(a), np.max(b))) + 1))


def flat_blobs(n_each=60, d=6, k=4, seed=0):
    """Groups whose shared covariance is long in one direction: Euclidean distance misleads there."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(k), n_each)
    points = rng.normal(size=(k * n_each, d))
    points[:, 0] *= 12
    points[:, 1] += 9 * truth
    return points, truth


# Comparing labelings


def test_adjusted_rand_of_a_hand_computed_table():
    # pairs together in both 1; in the first 2, in the second 2; expected 2 x 2 / 6, largest 2
    first, second = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    assert agreement(first, second) == pytest.approx((1 - 2 / 6) / (1.5 - 2 / 6))


def test_adjusted_rand_matches_scikit_learn():
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(0)
    first = rng.integers(0, 5, 200)
    second = np.where(rng.random(200) < 0.3, rng.integers(0, 5, 200), first)
    assert agreement(first, second) == pytest.approx(adjusted_rand_score(first, second))


def test_labelings_that_differ_in_names_only_become_equal():
    labels = np.array([0, 0, 1, 1, 2, 2])
    renamed = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1]])[:, labels]
    aligned, _ = align(renamed, 3)
    assert (aligned == aligned[0]).all()


def test_majority_outvotes_one_labeling_and_says_by_how_much():
    labelings = np.array([[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 1, 0]])  # the third errs on the last spot
    found = majority(labelings, 2)
    assert agreement(found.labels, [0, 0, 1, 1]) == 1
    np.testing.assert_allclose(found.share, [1, 1, 1, 2 / 3])


def test_weights_let_a_sure_labeling_outvote_two_unsure_ones():
    labelings = np.array([[0, 0, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]])
    weights = np.array([[1.0] * 5, [0.4] * 5, [0.4] * 5])
    found = majority(labelings, 2, weights)
    assert found.labels[4] == found.labels[0]
    assert found.share[4] == pytest.approx(1 / 3)


def test_labels_outside_the_range_are_refused():
    with pytest.raises(InputError, match=r"0\.\.1"):
        align(np.array([[0, 1, 2]]), 2)


def test_numbers_go_by_size_and_unused_ones_disappear():
    labels = np.array([5, 5, 2, 2, 2, 7])
    np.testing.assert_array_equal(compact(labels), [1, 1, 0, 0, 0, 2])
    np.testing.assert_array_equal(by_size(np.array([2, 2, 0]), 4), [1, 2, 0, 3])


# Starts


def test_model_based_hierarchy_ignores_a_direction_in_which_all_groups_are_long():
    points, truth = flat_blobs()
    tree = ward_tree(points)
    merged = model_based_hierarchy(points, cut(tree, 60), 4)
    assert agreement(merged, truth) > 0.95
    assert agreement(cut(tree, 4), truth) < 0.5  # Ward itself is misled


def test_model_based_hierarchy_merges_the_pair_that_raises_the_scatter_least():
    # One dimension, equal sizes: the closest means merge first.
    points = np.array([0.0, 0.1, 3.0, 3.1, 4.0, 4.1])[:, None]
    merged = model_based_hierarchy(points, np.array([0, 0, 1, 1, 2, 2]), 2)
    np.testing.assert_array_equal(merged, [0, 0, 1, 1, 1, 1])


def test_hierarchy_is_nested_so_walking_down_equals_going_at_once():
    points, _ = flat_blobs()
    groups = cut(ward_tree(points), 40)
    at_once = model_based_hierarchy(points, groups, 3)
    walked = groups
    for k in range(12, 2, -1):
        walked = model_based_hierarchy(points, walked, k)
    assert agreement(at_once, walked) == 1


# The vote


def test_vote_recovers_groups_and_is_sure_of_them():
    points, truth = flat_blobs()
    found = Vote()(points, 4, seed=0)
    assert agreement(found.labels, truth) > 0.95
    assert found.share.mean() > 0.95


def test_same_seed_same_labels():
    points, _ = flat_blobs(seed=3)
    first, second = (Vote()(points, 5, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.share, second.share)


def test_vote_does_not_depend_on_the_order_or_rotation_of_the_embedding():
    points, _ = flat_blobs()
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    order = np.random.default_rng(2).permutation(len(points))
    plain, turned = Vote()(points, 4, seed=0), Vote()(points[order] @ rotation, 4, seed=0)
    assert agreement(plain.labels[order], turned.labels) > 0.98


def test_starts_from_a_sample_give_what_all_spots_give():
    points, truth = flat_blobs(n_each=200)
    sampled = Vote(mixture=MixtureSettings(start_sample=300))(points, 4, seed=0)
    assert len(sampled.labels) == len(points)
    assert agreement(sampled.labels, truth) > 0.95


def test_dimensions_are_cut_to_what_the_embedding_offers():
    assert usable_dims((8, 10, 15, 20), (3000, 64)) == [8, 10, 15, 20]
    assert usable_dims((8, 10, 15, 20), (3000, 15)) == [8, 10, 15]
    assert usable_dims((8, 10, 15, 20), (3000, 3)) == [3]


def test_principal_components_keep_distances_and_sort_by_variance():
    points = np.random.default_rng(0).normal(size=(50, 4)) * [1, 5, 2, 3]
    scores = principal_components(points, 4)
    np.testing.assert_allclose(np.linalg.norm(scores[0] - scores[1]), np.linalg.norm(points[0] - points[1]))
    assert (np.diff(scores.var(axis=0)) < 0).all()
