"""Domains matched by their profiles: who gets whose number, and that names of sections decide nothing."""

import numpy as np
import pytest

from tissuegraph.cohorts.matching import assign, match_domains, profiles
from tissuegraph.cohorts.numbering import number_group

PLACES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])  # of four kinds of tissue


def section(kinds, sizes, shift=0.0, seed=0):
    """Components (N, 2) and kinds (N,): spots around their tissue's place, all shifted."""
    truth = np.repeat(kinds, sizes)
    noise = np.random.default_rng(seed).normal(scale=0.5, size=(len(truth), 2))
    return PLACES[truth] + noise + shift, truth


def relabelled(truth, order):
    """Own labels from 0, in which kind order[k] is label k."""
    return np.array([order.index(kind) for kind in truth.tolist()])


@pytest.fixture
def three():
    """Three sections of four kinds with unlike offsets, each with an order of labels of its own."""
    found = {n: section([0, 1, 2, 3], [40, 30, 20, 10], shift, k) for k, (n, shift) in
             enumerate({"a": 0.0, "b": 50.0, "c": -8.0}.items())}  # fmt: skip
    orders = {"a": [0, 1, 2, 3], "b": [3, 1, 0, 2], "c": [2, 3, 1, 0]}
    components = {name: points for name, (points, _) in found.items()}
    labels = {name: relabelled(truth, orders[name]) for name, (_, truth) in found.items()}
    truth = {name: kinds for name, (_, kinds) in found.items()}
    return components, labels, truth


def test_profiles_are_means_of_components_less_the_sections_own_mean():
    components = np.array([[0.0, 1.0], [2.0, 1.0], [10.0, 1.0], [12.0, 1.0]])
    found, sizes = profiles(components, np.array([0, 0, 2, 2]))
    np.testing.assert_allclose(found[[0, 2]], [[-5, 0], [5, 0]])
    assert np.isnan(found[1]).all()
    assert sizes.tolist() == [2, 0, 2]


def test_the_same_tissue_gets_the_same_number_whatever_its_label_was_and_the_largest_comes_first(three):
    components, labels, truth = three
    found = match_domains(components, labels)
    assert found.n_domains == 4
    for name in labels:  # kinds were made in the order of size
        np.testing.assert_array_equal(found.numbers[name][labels[name]], truth[name])
    assert found.sections_of() == [["a", "b", "c"]] * 4


def test_renaming_sections_changes_nothing(three):
    components, labels, _ = three
    names = {"a": "z", "b": "m", "c": "0"}
    found = match_domains(components, labels)
    again = match_domains(
        {names[n]: rows for n, rows in components.items()}, {names[n]: rows for n, rows in labels.items()}
    )
    for name, other in names.items():
        np.testing.assert_array_equal(found.numbers[name], again.numbers[other])
    np.testing.assert_allclose(found.centres, again.centres)


def test_tissue_that_one_section_lacks_keeps_its_number_elsewhere():
    components, truth = {}, {}
    for k, (name, kinds) in enumerate({"a": [0, 1, 2], "b": [0, 1, 2], "c": [0, 1]}.items()):
        components[name], truth[name] = section(kinds, [40] * len(kinds), seed=k)
    found = match_domains(components, truth)
    assert found.n_domains == 3
    assert sorted(map(len, found.sections_of())) == [2, 3, 3]


def test_a_domain_without_partner_gets_a_number_of_its_own():
    # both sections are centred at 0 and share the two kinds at (+-10, 0); one has a kind far above and below
    shared = np.array([[-10.0, 0.0], [10.0, 0.0]])
    odd = np.vstack([shared, [[0.0, 60.0], [0.0, -60.0]]])
    components = {"a": np.repeat(shared, 5, axis=0), "b": np.repeat(odd, 5, axis=0)}
    labels = {"a": np.repeat([0, 1], 5), "b": np.repeat([0, 1, 2, 3], 5)}
    found = match_domains(components, labels)
    np.testing.assert_array_equal(found.numbers["a"], found.numbers["b"][:2])
    assert found.n_domains == 4
    assert sorted(map(len, found.sections_of())) == [1, 1, 2, 2]


def test_going_without_counterpart_costs_the_limit():
    rows, centres = np.array([[0.0], [10.0]]), np.array([[1.0], [4.0]])
    assert assign(rows, centres, limit=5) == [(0, 0)]  # 10 is 6 from 4
    assert assign(rows, centres, limit=7) == [(0, 0), (1, 1)]


def test_two_domains_of_one_section_never_share_a_number(three):
    components, labels, _ = three
    for rows in match_domains(components, labels).numbers.values():
        assert len(set(rows.tolist())) == len(rows)


def test_results_take_their_numbers_from_the_first_where_they_cover_the_same_spots(three):
    components, labels, truth = three
    swapped = {name: (rows + 1) % 4 for name, rows in labels.items()}
    numbers, told = number_group(components, {"stmfg": labels, "baseline": swapped}, ["stmfg", "baseline"])
    for name in labels:
        np.testing.assert_array_equal(numbers[name]["stmfg"][labels[name]], truth[name] + 1)
        np.testing.assert_array_equal(numbers[name]["baseline"][swapped[name]], truth[name] + 1)
    assert told["baseline"]["shared"] == {str(k): ["a", "b", "c"] for k in (1, 2, 3, 4)}
    assert told["baseline"]["alone"] == []


def test_a_result_that_divides_otherwise_gets_numbers_that_nothing_else_has(three):
    components, labels, _ = three
    halves = {name: np.arange(len(rows)) % 2 for name, rows in labels.items()}  # cuts through every domain
    numbers, _ = number_group(components, {"stmfg": labels, "other": halves}, ["stmfg", "other"])
    assert not set(numbers["a"]["other"].tolist()) & {1, 2, 3, 4}


def test_joint_labels_mean_the_same_from_the_start(three):
    components, _, truth = three
    numbers, _ = number_group(components, {"joint": truth}, ["joint"])
    assert all(rows["joint"].tolist() == [1, 2, 3, 4] for rows in numbers.values())
