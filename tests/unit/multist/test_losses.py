"""Loss terms of MultiST against values computed by hand or by plain loops."""

import math

import numpy as np
import pytest
import torch

from tissuegraph.multist.alignment import infonce, similarity_matching
from tissuegraph.multist.losses import (
    EdgeList,
    clustering_loss,
    draw_pairs,
    edge_loss,
    mean_distance,
    mmd,
    scaled_cosine_error,
    soft_assignment,
    target_distribution,
    unit_variance_kl,
)


def edges_of(pairs, n_spots):
    key = torch.tensor(sorted(i * n_spots + j for i, j in pairs))
    return EdgeList(key // n_spots, key % n_spots, key, n_spots)


def ring(n_spots):
    return edges_of([(i, (i + step) % n_spots) for i in range(n_spots) for step in (-1, 0, 1)], n_spots)


def test_scaled_cosine_error_of_equal_orthogonal_and_opposite_rows_is_0_1_and_8():
    x = torch.tensor([[1.0, 0], [1, 0], [1, 0]])
    y = torch.tensor([[2.0, 0], [0, 3], [-1, 0]])
    assert scaled_cosine_error(x, y).item() == pytest.approx((0 + 1 + 8) / 3)


def test_kl_is_half_the_mean_square_over_the_number_of_spots():
    assert unit_variance_kl(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).item() == pytest.approx(25 / 2 / 4)


def test_edge_loss_is_the_normed_cross_entropy_of_inner_products():
    z = torch.tensor([[1.0, 0], [1, 0], [0, 2]])
    pairs = (torch.tensor([0]), torch.tensor([1]), torch.tensor([2]), torch.tensor([True]))
    by_hand = (math.log(1 + math.exp(-1)) + math.log(2)) / 2
    assert edge_loss(z, pairs, 0.75).item() == pytest.approx(0.75 * by_hand)


def test_norm_factor_is_that_of_all_pairs_over_non_edges():
    assert ring(10).norm == pytest.approx(100 / (2 * 70))


def test_negatives_are_never_neighbours_nor_the_spot_itself():
    edges = ring(6)
    first, positive, negative, kept = draw_pairs(edges, 0, torch.Generator().manual_seed(0))
    assert len(first) == 18
    assert edges.holds(first, positive).all()
    assert kept.float().mean() > 0.9
    assert not edges.holds(first[kept], negative[kept]).any()


def test_a_spot_joined_to_all_others_has_no_negatives():
    full = edges_of([(i, j) for i in range(3) for j in range(3)], 3)
    pairs = draw_pairs(full, 0, torch.Generator().manual_seed(0))
    assert not pairs[3].any()
    assert torch.isfinite(edge_loss(torch.ones(3, 2), pairs, full.norm))


def test_mmd_equals_a_loop_over_all_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(1, 1, size=(4, 3))
    pooled = np.vstack([x, y])
    scale = np.mean([((a - b) ** 2).sum() for a in pooled for b in pooled])

    def mean_kernel(first, second):
        squares = [((a - b) ** 2).sum() for a in first for b in second]
        return np.mean([[math.exp(-s / (w * scale)) for w in (4, 2, 1, 0.5, 0.25)] for s in squares])

    expected = mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)
    assert mmd(torch.tensor(x), torch.tensor(y)).item() == pytest.approx(expected, rel=1e-9)


def test_distances_vanish_between_a_sample_and_itself():
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    assert mmd(x, x).item() == pytest.approx(0, abs=1e-6)
    assert mean_distance(x, x).item() == 0
    assert mean_distance(x, x + 2).item() == pytest.approx(4)


def test_student_assignment_and_its_target_by_hand():
    q = soft_assignment(torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [1.0]]))
    # similarities 1/(1+d^2): 1, 1/2 and 1/5, 1/2
    np.testing.assert_allclose(q.numpy(), [[2 / 3, 1 / 3], [2 / 7, 5 / 7]], rtol=1e-6)
    q = torch.tensor([[0.8, 0.2], [0.4, 0.6]])
    # q^2 / column sums (1.2, 0.8): .5333, .05 and .1333, .45
    expected = [[0.53333 / 0.58333, 0.05 / 0.58333], [0.13333 / 0.58333, 0.45 / 0.58333]]
    np.testing.assert_allclose(target_distribution(q).numpy(), expected, rtol=1e-4)
    assert clustering_loss(q, q).item() == pytest.approx(0, abs=1e-7)
    p = torch.tensor([[1.0, 0.0], [0.4, 0.6]])
    assert clustering_loss(p, q).item() == pytest.approx(math.log(1 / 0.8) / 4, rel=1e-5)


def test_infonce_of_two_orthogonal_pairs_by_hand():
    unit = torch.eye(2)
    expected = -math.log(math.exp(2) / (math.exp(2) + 1))
    assert infonce(unit, unit, 0.5).item() == pytest.approx(expected)
    assert infonce(unit, unit.flip(0), 0.5).item() == pytest.approx(expected + 2)


def test_similarity_matching_is_zero_where_similarities_agree_and_the_symmetric_kl_elsewhere():
    unit = torch.eye(2)
    assert similarity_matching(unit, 3 * unit.flip(1), 0.1).item() == pytest.approx(0, abs=1e-6)
    alike = torch.ones(2, 2)  # all similarities 1: rows are (1/2, 1/2)
    p = 1 / (1 + math.exp(-1))
    by_hand = ((p - 0.5) * math.log(p / 0.5) + (1 - p - 0.5) * math.log((1 - p) / 0.5)) / 2
    assert similarity_matching(unit, alike, 1.0).item() == pytest.approx(by_hand)
