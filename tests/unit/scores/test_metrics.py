"""Scores against values computed by hand, and what they must not depend on."""

import math

import numpy as np
import pytest
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.scores import metrics
from tissuegraph.slices.graphs import spatial_graph

CHAIN_OF_FOUR = sparse.csr_matrix(
    np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=bool)
)
ON_A_LINE = np.column_stack([np.arange(4.0), np.zeros(4)])


def grid(side):
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2).astype(float)


def test_perfect_domains_score_one_whatever_their_numbers():
    scores = metrics.agreement_scores(np.array([7, 7, 3, 3, 5]), np.array([0, 0, 1, 1, 2]))
    assert set(scores) == {"ari", "nmi", "ami", "homogeneity", "completeness"}
    assert all(value == pytest.approx(1) for value in scores.values())


def test_split_domains_are_homogeneous_but_not_complete():
    scores = metrics.agreement_scores(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 0, 1, 1]))
    # pairs together: 3 in the domains, 7 in the annotation, 3 in both, of 15; by chance 3 * 7 / 15
    assert scores["ari"] == pytest.approx((3 - 1.4) / (5 - 1.4))
    entropy_truth, entropy_found = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3)), math.log(3)
    assert scores["homogeneity"] == pytest.approx(1)
    assert scores["completeness"] == pytest.approx(entropy_truth / entropy_found)
    assert scores["nmi"] == pytest.approx(2 * entropy_truth / (entropy_truth + entropy_found))


def test_unlabelled_spots_do_not_count():
    truth = np.array([0, 0, 1, 1, -1, -1])
    good, odd = np.array([0, 0, 1, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 3])
    assert metrics.agreement_scores(good, truth) == metrics.agreement_scores(odd, truth)
    assert metrics.agreement_scores(good, np.full(6, -1)) == {}
    assert metrics.agreement_scores(np.zeros(6, int), np.array([0, 0, -1, -1, -1, 0])) == {}  # would be 1


def test_labels_of_other_spots_are_refused():
    with pytest.raises(InputError, match=r"same spots, got \(2,\) and \(3,\)"):
        metrics.agreement_scores(np.zeros(2, int), np.zeros(3, int))


def test_chaos_is_the_mean_distance_to_the_nearest_of_the_same_domain():
    # x standardised: 0, 1, 2, 3 have deviation sqrt(5) / 2
    unit = 2 / math.sqrt(5)
    assert metrics.chaos(np.array([0, 0, 1, 1]), ON_A_LINE) == pytest.approx(unit)
    assert metrics.chaos(np.array([0, 1, 0, 1]), ON_A_LINE) == pytest.approx(2 * unit)
    assert metrics.chaos(np.array([0, 0, 0, 9]), ON_A_LINE) == pytest.approx(unit)  # 9 is alone
    assert math.isnan(metrics.chaos(np.arange(4), ON_A_LINE))


def test_chaos_does_not_depend_on_the_unit():
    labels = np.random.default_rng(0).integers(0, 3, 49)
    assert metrics.chaos(labels, grid(7)) == pytest.approx(metrics.chaos(labels, 137 * grid(7) + 5000))


def test_a_lone_spot_of_another_domain_is_abnormal_and_its_neighbours_are_not():
    labels = np.zeros(121, dtype=int)
    labels[60] = 1
    assert metrics.abnormal_share(labels, grid(11)) == pytest.approx(1 / 121)


def test_six_of_ten_is_abnormal_and_five_is_not():
    distance = np.concatenate([[0.0], 1 + 0.001 * np.arange(10)])
    angle = 2 * np.pi * np.arange(11) / 10
    star = np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])  # all see all others

    def share(n_other):
        labels = np.zeros(11, dtype=int)
        labels[1 : 1 + n_other] = 1
        return metrics.abnormal_share(labels, star)

    # with 5 others among 11: each of the 5 has 6 elsewhere, each of the 6 has 5
    assert share(5) == pytest.approx(5 / 11)
    assert share(6) == pytest.approx(5 / 11)  # now the 5 that stayed have 6 elsewhere
    assert share(4) == pytest.approx(4 / 11)


def test_morans_i_by_hand():
    # halves: y = 1 1 0 0, z = +-1/2; edges ++ +- --: cross = 2 * (1/4 - 1/4 + 1/4); 4 / 6 * .5 / 1
    assert metrics.morans_i(np.array([0, 0, 1, 1]), CHAIN_OF_FOUR) == pytest.approx(1 / 3)
    assert metrics.morans_i(np.array([0, 1, 0, 1]), CHAIN_OF_FOUR) == pytest.approx(-1)


def test_morans_i_is_the_average_of_the_textbook_value_over_domains():
    labels = np.random.default_rng(1).choice([2, 5, 9], 64)
    graph = spatial_graph(grid(8), "radius_px", 1.1).adjacency
    weights, values = graph.toarray(), []
    for domain in (2, 5, 9):
        z = (labels == domain) - (labels == domain).mean()
        values.append(64 / weights.sum() * (z @ weights @ z) / (z @ z))
    assert metrics.morans_i(labels, graph) == pytest.approx(np.mean(values))


def test_silhouette_by_hand():
    # 0 and 1 against 10 and 11: a = 1; b = 10.5, 9.5, 9.5, 10.5
    position = np.array([[0.0, 0], [1, 0], [10, 0], [11, 0]])
    expected = np.mean([9.5 / 10.5, 8.5 / 9.5, 8.5 / 9.5, 9.5 / 10.5])
    assert metrics.silhouette(np.array([0, 0, 1, 1]), position) == pytest.approx(expected)


def test_the_silhouette_of_many_spots_is_a_sample_that_repeats(monkeypatch):
    position = grid(30)
    labels = (position[:, 0] > 14).astype(int)
    full = metrics.silhouette(labels, position)
    monkeypatch.setattr(metrics, "SILHOUETTE_SPOTS", 300)
    sampled = metrics.silhouette(labels, position, seed=1)
    assert sampled == metrics.silhouette(labels, position, seed=1)
    assert sampled == pytest.approx(full, abs=0.05)


def test_bands_are_more_coherent_than_chance_by_every_score():
    position = grid(15)
    graph = spatial_graph(position, "radius_px", 1.1).adjacency
    bands = (position[:, 0] // 5).astype(int)
    mixed = np.random.default_rng(0).permutation(bands)
    tidy, untidy = (metrics.coherence_scores(labels, position, graph) for labels in (bands, mixed))
    assert tidy["pas"] < untidy["pas"]
    assert tidy["chaos"] < untidy["chaos"]
    assert tidy["asw"] > untidy["asw"]
    assert tidy["morans_i"] > untidy["morans_i"]


def test_neighbours_searched_once_give_the_scores_of_every_labelling():
    position = grid(9)
    graph = spatial_graph(position, "radius_px", 1.1).adjacency
    nearest = metrics.pas_neighbours(position)
    for seed in range(3):
        labels = np.random.default_rng(seed).integers(0, 2, 81)
        alone = metrics.coherence_scores(labels, position, graph)
        assert 0 < alone["pas"] < 1
        assert metrics.coherence_scores(labels, position, graph, nearest=nearest) == alone


def test_one_domain_has_no_silhouette_and_no_autocorrelation():
    scores = metrics.coherence_scores(np.zeros(4, dtype=int), ON_A_LINE, CHAIN_OF_FOUR)
    assert math.isnan(scores["asw"])
    assert math.isnan(scores["morans_i"])
    assert scores["pas"] == 0
