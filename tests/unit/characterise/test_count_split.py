"""Halves of the counts: independent of each other, and no finding where nothing is planted."""

import numpy as np
import pytest
from scipy import sparse

from tissuegraph.characterise.count_split import dice, dispersion_sizes, split_counts, split_test

SIDE = 20
SIZES = np.repeat([0.3, 1.0, 4.0, np.inf], 25)  # of negative binomials


def lattice(side=SIDE):
    """Positions (N, 2) of a square lattice and the graph of its edges."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(side), np.arange(side)))
    line = sparse.diags_array([1.0, 1.0], offsets=[-1, 1], shape=(side, side))
    graph = sparse.kron(line, sparse.eye_array(side)) + sparse.kron(sparse.eye_array(side), line)
    return np.column_stack([x, y]).astype(float), sparse.csr_matrix(graph)


def noise(rng, n_spots, mean=2.0, sizes=SIZES):
    """Counts (N, G) that know nothing of where they are."""
    finite = np.where(np.isfinite(sizes), sizes, 1.0)
    rate = np.where(np.isfinite(sizes), rng.gamma(finite, 1 / finite, (n_spots, len(sizes))), 1.0)
    return sparse.csr_matrix(rng.poisson(mean * rate).astype(np.float32))


def test_halves_add_up_and_their_counts_do_not_go_together():
    rng = np.random.default_rng(0)
    counts = noise(rng, 4000)
    first, second = split_counts(counts, SIZES, rng)
    assert (first + second != counts).nnz == 0
    assert min(first.data.min(), second.data.min()) > 0
    assert first.sum() / counts.sum() == pytest.approx(0.5, abs=0.01)
    halves = first.toarray(), second.toarray()
    correlation = [np.corrcoef(halves[0][:, g], halves[1][:, g])[0, 1] for g in range(len(SIZES))]
    for size in np.unique(SIZES):
        assert abs(np.mean(np.array(correlation)[size == SIZES])) < 0.02
    coin = split_counts(counts, np.full(len(SIZES), np.inf), rng)
    shared = np.corrcoef(coin[0].toarray()[:, 0], coin[1].toarray()[:, 0])[0, 1]
    assert shared > 0.6  # what one coin for all counts leaves: m / 2r of 1 + m / 2r


def test_sizes_are_found_beside_domains_and_unequal_depth():
    rng = np.random.default_rng(1)
    position, graph = lattice(60)
    depth = rng.lognormal(0, 0.3, len(position))
    level = np.where(position[:, :1] < 30, 4.0, 1.0) * depth[:, None]
    found = dispersion_sizes(noise(rng, len(position), level), graph)
    for size in (0.3, 1.0, 4.0):
        assert np.median(1 / found[size == SIZES]) == pytest.approx(1 / size, rel=0.15)
    assert np.median(1 / found[np.isinf(SIZES)]) < 0.03


def test_split_p_is_small_no_more_often_than_it_says_where_nothing_is_planted():
    position, graph = lattice()
    small, found = [], []
    for draw in range(20):
        rng = np.random.default_rng(draw)
        sizes = rng.gamma(2.0, 0.5, 150) + 0.05
        counts = noise(rng, len(position), rng.lognormal(-0.3, 1.0, 150), sizes)
        tests = split_test(counts, position, graph, rng.integers(0, 4, len(position)), 4, seed=draw).tests
        p = tests.p_values[:4][:, tests.seen.sum(axis=0) >= 10]
        small.append((p < 0.05).mean())
        found += list((p.min(axis=1) * p.shape[1] < 0.05).astype(float))
    assert np.mean(small) <= 0.07
    assert np.mean(found) <= 0.07


def test_domains_that_are_there_are_found_again_and_those_that_are_not_are_left_out():
    rng = np.random.default_rng(2)
    position, graph = lattice()
    codes = (position[:, 0] // 7).astype(int)  # three bands
    level = np.where(np.arange(100) % 5 == codes[:, None], 8.0, 2.0)
    counts = noise(rng, len(position), level, np.full(100, 2.0))
    found = split_test(counts, position, graph, codes, 3)
    assert found.has_counterpart.all()
    assert (found.tests.p_values[1][1::5] < 1e-4).all()
    assert (found.tests.auc[1][1::5] > 0.6).all()
    shuffled = split_test(counts, position, graph, rng.permutation(codes), 3)
    assert not shuffled.has_counterpart.any()


def test_spots_of_no_domain_are_no_disagreement():
    found, unsure = np.repeat([0, 1, 2], 10), np.full(30, -1)
    unsure[[0, 1, 10, 11]] = [0, 0, 1, 0]
    assert dice(found, unsure, 2) == pytest.approx([4 / 5, 2 / 3])


def test_dice_is_one_for_equal_domains_and_zero_for_one_that_is_missing():
    first, second = np.array([0, 0, 1, 1, 3]), np.array([0, 0, 1, 2, -1])
    assert dice(first, second, 3) == pytest.approx([1, 2 / 3, 0])


def test_one_seed_gives_one_answer():
    position, graph = lattice()
    counts = noise(np.random.default_rng(3), len(position))
    codes = (position[:, 0] // 10).astype(int)
    one, other = (split_test(counts, position, graph, codes, 2, seed=5) for _ in range(2))
    assert (one.tests.z == other.tests.z).all()
