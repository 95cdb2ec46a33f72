"""How many domains: evidence of one slice over several seeds, and one number for all sections of a group."""

import numpy as np
import pytest

from tissuegraph.clustering.n_domains import Evidence, SearchSettings, gather_evidence
from tissuegraph.clustering.pooled_number import pool


def blobs(k, n=1200):
    """Points (n, 6) of k groups far apart, of equal size."""
    rng = np.random.default_rng(k)
    centres = 12 * rng.normal(size=(k, 6))
    return centres[np.arange(n) % k] + rng.normal(size=(n, 6))


def evidence(candidates, *criterion, weight=100.0):
    """Evidence whose criterion is given seed by seed: stability as given, gain 1."""
    stability = np.array(criterion, dtype=float)
    return Evidence(tuple(candidates), stability, np.ones_like(stability), weight)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_number_of_separated_groups_is_found_by_every_seed_and_without_a_doubt(k):
    found = pool({"a": gather_evidence(blobs(k), n_averaged=0, seeds=range(2))})
    assert (found.n_domains, found.low, found.high) == (k, k, k)
    assert found.by_seed == (k, k)
    assert not found.doubts


def test_the_table_covers_every_number_and_seed_with_values_between_0_and_1():
    found = gather_evidence(blobs(3, 300), 0, range(2), SearchSettings(largest=5, n_splits=1))
    assert found.candidates == (2, 3, 4, 5)
    for table in (found.criterion, found.stability, found.gain):
        assert table.shape == (2, 4)
        assert ((table >= 0) & (table <= 1 + 1e-9)).all()
    np.testing.assert_allclose(found.criterion, found.stability * found.gain)


def test_small_slices_are_not_asked_for_more_domains_than_their_halves_can_hold():
    assert gather_evidence(blobs(2, n=60), 0, range(1)).candidates == (2, 3)


def test_too_few_spots_are_one_domain_and_a_doubt():
    found = pool({"a": gather_evidence(np.zeros((5, 2)), 0, range(2))})
    assert found.n_domains == 1
    assert "too few spots" in found.doubts[0]


def test_evidence_reads_back_as_written(tmp_path):
    written = evidence((2, 3), (0.2, 0.9), (0.4, 0.8), weight=12.5)
    written.save(tmp_path / "a.npz")
    read = Evidence.load(tmp_path / "a.npz")
    assert (read.candidates, read.weight) == ((2, 3), 12.5)
    np.testing.assert_array_equal(read.criterion, written.criterion)


def test_the_larger_section_decides_and_the_smaller_widens_the_range():
    # weighted means: 2: (300 x .2 + 100 x .9) / 400 = .375; 3: .75; 4: .675
    large = evidence((2, 3, 4), (0.2, 0.8, 0.8), weight=300)
    small = evidence((2, 3, 4), (0.9, 0.6, 0.3), weight=100)
    found = pool({"large": large, "small": small})
    assert found.criterion == pytest.approx({2: 0.375, 3: 0.75, 4: 0.675})
    assert found.n_domains == 3
    assert found.by_section == {"large": 3, "small": 2}
    assert (found.low, found.high) == (2, 3)


def test_a_section_too_small_for_a_number_says_nothing_about_it():
    found = pool({"big": evidence((2, 3, 4), (0.2, 0.3, 0.9)), "tiny": evidence((2,), (0.8,), weight=10)})
    assert found.criterion[4] == pytest.approx(0.9)
    assert found.n_domains == 4


def test_names_and_order_of_sections_change_nothing():
    one, other = evidence((2, 3), (0.3, 0.9)), evidence((2, 3), (0.9, 0.8), weight=37)
    first, second = pool({"x": one, "y": other}), pool({"b": other, "a": one})
    assert (first.n_domains, first.low, first.high) == (second.n_domains, second.low, second.high)
    assert first.criterion == pytest.approx(second.criterion)


def test_a_flat_curve_is_a_doubt():
    found = pool({"a": evidence((2, 3, 4, 5, 6), (0.1, 0.9, 0.9, 0.9, 0.88))})
    assert (found.n_domains, found.low, found.high) == (3, 3, 6)
    assert "flat: 3 to 6" in found.doubts[0]


def test_seeds_that_disagree_are_a_doubt_and_widen_the_range():
    found = pool({"a": evidence((2, 5, 8), (0.9, 0.5, 0.5), (0.6, 0.5, 0.9))})
    assert found.by_seed == (2, 8)
    assert (found.low, found.high) == (2, 8)
    assert any("seeds disagree on the number of domains: 2, 8" in doubt for doubt in found.doubts)


def test_seeds_that_differ_by_two_are_worth_a_note_and_no_doubt():
    found = pool({"a": evidence((2, 4, 6), (0.95, 0.5, 0.5), (0.6, 0.95, 0.5))})
    assert found.by_seed == (2, 4)
    assert found.notes == ("seeds disagree on the number of domains: 2, 4",)
    assert found.doubts == ()


def test_a_number_that_no_seed_chose_is_not_taken():
    # 11 is each seed's best by a hair, so each takes a smaller one within 5 %; the mean knows 11 alone
    rows = ([0.75, 0.5, 0.78], [0.5, 0.77, 0.80], [0.5, 0.78, 0.80])
    assert pool({"a": evidence((7, 8, 11), *rows)}).by_seed == (7, 8, 8)
    assert pool({"a": evidence((7, 8, 11), *rows)}).n_domains == 8
    apart = ([0.2, 0.5, 0.9], [0.3, 0.9, 0.2])  # 11 and 8: the mean's choice lies between them and stays
    assert pool({"a": evidence((7, 8, 11), *apart)}).n_domains == 8


def test_a_weak_criterion_is_a_doubt():
    assert "weak: its criterion is 0.30" in pool({"a": evidence((2, 3), (0.3, 0.1))}).doubts[0]
