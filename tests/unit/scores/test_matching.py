"""Renaming domains: partners share numbers, strangers get new ones, nobody changes company."""

import numpy as np
import pytest

from tissuegraph.errors import InputError
from tissuegraph.scores.matching import match_labels


def test_a_permuted_labelling_gets_its_names_back():
    reference = np.array([0, 0, 1, 1, 2, 2])
    assert match_labels(np.array([2, 2, 0, 0, 1, 1]), reference).tolist() == reference.tolist()


def test_the_total_agreement_counts_not_the_first_come():
    # 0 overlaps 0 on three spots and 1 on two; 1 overlaps 0 on two and 1 on none: 0->1, 1->0 wins 4 to 3
    labels = np.array([0, 0, 0, 0, 0, 1, 1])
    reference = np.array([0, 0, 0, 1, 1, 0, 0])
    assert match_labels(labels, reference).tolist() == [1, 1, 1, 1, 1, 0, 0]


def test_domains_without_a_partner_get_new_numbers():
    labels = np.array([5, 5, 7, 7, 9])
    assert match_labels(labels, np.array([0, 0, 3, 3, 3])).tolist() == [0, 0, 3, 3, 4]


def test_a_partner_without_a_common_spot_is_none():
    labels, reference = np.array([0, 0, 1]), np.array([2, 2, 2])
    assert match_labels(labels, reference).tolist() == [2, 2, 3]
    assert match_labels(labels, np.array([0, 1, 0])).tolist() == [1, 1, 0]


def test_unlabelled_spots_do_not_count_but_are_renamed():
    labels = np.array([1, 1, 1, 0, 0])
    assert match_labels(labels, np.array([0, -1, -1, 1, -1])).tolist() == [0, 0, 0, 1, 1]
    assert match_labels(labels, np.full(5, -1)).tolist() == [1, 1, 1, 0, 0]


def test_who_belongs_together_never_changes():
    rng = np.random.default_rng(0)
    labels, reference = rng.integers(0, 9, 300), rng.integers(0, 5, 300)
    matched = match_labels(labels, reference)
    pairs = {(a, b) for a, b in zip(labels.tolist(), matched.tolist(), strict=True)}
    assert len(pairs) == len(set(labels.tolist())) == len(set(matched.tolist()))


def test_labellings_of_different_slices_are_refused():
    with pytest.raises(InputError, match=r"same spots, got shapes \(2,\) and \(3,\)"):
        match_labels(np.zeros(2, int), np.zeros(3, int))
