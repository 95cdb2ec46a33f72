"""Named regions against an annotation: names are equal letter by letter or not at all."""

import pytest

from tissuegraph.scores.named import named_scores


def test_scores_by_hand():
    # A: 2 of 3 found, 1 wrong call: precision 2/3, recall 2/3. B: 1 of 2 found, precision 1/2: F1 1/2
    scores = named_scores(["A", "A", "B", "A", "B", "A"], ["A", "A", "A", "B", "B", None])
    assert scores["n_labelled"] == 5
    assert scores["accuracy"] == pytest.approx(3 / 5)
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_a_region_that_nobody_taught_has_an_f1_of_0_and_case_is_a_difference():
    scores = named_scores(["A", "A", "tumour"], ["A", "A", "Tumour"])
    assert scores["macro_f1"] == pytest.approx(0.5)
    assert (scores["accuracy"], scores["ari"]) == (pytest.approx(2 / 3), 1.0)


def test_nothing_is_said_without_labels():
    assert named_scores(["A"], [None]) == {}
