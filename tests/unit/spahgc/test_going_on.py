"""Which inferred genes domains rest on."""

import numpy as np

from tissuegraph.spahgc.going_on import LEAST_GENES, genes_that_go_on


def test_genes_below_the_stated_reliability_and_unknown_ones_stay_behind():
    reliability = np.array([0.1, 0.0999, np.nan, *[0.5] * LEAST_GENES])
    chosen, warning = genes_that_go_on(reliability, 0.1)
    assert chosen.tolist() == [True, False, False, *[True] * LEAST_GENES]
    assert warning is None


def test_where_too_few_are_reliable_the_most_reliable_take_part_with_a_warning():
    reliability = np.linspace(-0.5, 0.2, 200)
    chosen, warning = genes_that_go_on(reliability, 0.15)
    assert np.flatnonzero(chosen).tolist() == list(range(150, 200))
    assert "only 15 of 200 inferred genes have a reliability of 0.15 or more" in warning


def test_a_small_panel_takes_part_as_a_whole():
    chosen, warning = genes_that_go_on(np.array([np.nan, 0.05]), 0.1)
    assert chosen.all()
    assert "only 0 of 2" in warning


def test_without_a_stated_reliability_all_take_part():
    chosen, warning = genes_that_go_on(np.array([np.nan, -1.0]), None)
    assert chosen.all()
    assert warning is None
