"""Labellings of one slice: numbers that mean matching domains, and files that are no labellings."""

import numpy as np
import pytest

from tissuegraph.errors import InputError
from tissuegraph.scores.labellings import number_alike, read_baseline


def test_a_baseline_that_is_not_one_is_refused(tmp_path):
    (tmp_path / "baseline.npz").write_bytes(b"no zip")
    with pytest.raises(InputError, match="holds no baseline and pca_kmeans that can be read"):
        read_baseline(tmp_path / "baseline.npz", 5)


def test_without_annotation_domains_are_numbered_by_size():
    numbered, _ = number_alike(np.array([5, 5, 9, 9, 9, 2]), [], None)
    assert numbered.tolist() == [2, 2, 1, 1, 1, 3]


def test_a_domain_that_matches_no_region_gets_a_number_of_its_own():
    # Regions 0, 1 and 2; domain 7 covers region 0, domain 8 regions 1 and 2 but for one spot of 30.
    annotation = np.repeat([0, 1, 2], [30, 40, 30])
    final = np.repeat([7, 8, 6, 8], [30, 40, 1, 29])
    numbered, others = number_alike(final, [final * 2], annotation)
    assert dict(zip(final.tolist(), numbered.tolist(), strict=True)) == {7: 1, 8: 2, 6: 4}
    assert (others[0] == numbered).all()


def test_unlabelled_spots_do_not_decide_numbers():
    annotation = np.array([0, 0, 1, 1, -1, -1, -1, -1, -1])
    final = np.array([3, 3, 4, 4, 3, 4, 4, 4, 4])
    assert number_alike(final, [], annotation)[0].tolist() == [1, 1, 2, 2, 1, 2, 2, 2, 2]
