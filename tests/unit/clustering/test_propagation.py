"""Label propagation from typical spots."""

import numpy as np

from tissuegraph.clustering.propagation import propagate

LINE = np.column_stack([np.arange(12.0), np.zeros(12)])
HALVES = np.repeat([0, 1], 6)


def test_only_spots_at_a_border_change():
    refined, changed = propagate(HALVES, LINE, 2, n_neighbours=2)
    np.testing.assert_array_equal(refined[[0, 1, 2, 3, 8, 9, 10, 11]], HALVES[[0, 1, 2, 3, 8, 9, 10, 11]])
    assert changed <= 1 / 12


def test_anchors_keep_their_labels():
    labels = np.arange(12) % 2
    assert propagate(labels, LINE, 2, anchor_share=1.0)[1] == 0


def test_a_lone_spot_joins_its_surroundings_unless_it_is_the_anchor_of_its_domain():
    labels = HALVES.copy()
    labels[2] = 1  # among zeros; the anchor of domain 1 lies in its own half
    assert propagate(labels, LINE, 2, n_neighbours=2)[0][2] == 0
    labels = np.zeros(12, dtype=int)
    labels[5] = 1  # the only one of its domain, hence its anchor: it stays and holds no one else
    assert propagate(labels, LINE, 2, n_neighbours=2)[0][5] == 1


def test_one_round_takes_the_weighted_vote_by_hand():
    # Distances 1 and 3 to the neighbours of the middle spot, median distance 1 on this line of three.
    position = np.array([[0.0, 0], [1, 0], [4, 0]])
    refined, _ = propagate(np.array([0, 1, 1]), position, 2, n_neighbours=1, n_rounds=1, anchor_share=0.0)
    # Spot 0 is the anchor of domain 0, spot 2 (nearest: spot 1, its own kind) that of 1; spot 1 sees spot 0.
    np.testing.assert_array_equal(refined, [0, 0, 1])


def test_units_and_origin_of_positions_do_not_matter():
    rng = np.random.default_rng(0)
    position = rng.random((60, 2))
    labels = (position[:, 0] > 0.5).astype(int) ^ (rng.random(60) < 0.1)
    refined, changed = propagate(labels, position, 2)
    assert changed > 0
    np.testing.assert_array_equal(propagate(labels, 512 * position + 64, 2)[0], refined)


def test_unused_domains_and_single_spots_are_no_trouble():
    assert propagate(np.zeros(5, dtype=int), LINE[:5], 3)[1] == 0
    assert propagate(np.zeros(1, dtype=int), LINE[:1], 2)[1] == 0
