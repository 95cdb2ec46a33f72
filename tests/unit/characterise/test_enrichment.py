"""Gene sets among markers: by hand, against shuffled markers, and matched as people write genes."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from tissuegraph.characterise.enrichment import (
    ALPHA,
    detection_bins,
    enrich,
    marker_lists,
    match_sets,
)

GENES = np.array([f"g{k}" for k in range(100)])


def matched(sets, genes=GENES, ids=GENES, symbols=GENES):
    return match_sets(sets, genes, ids, symbols)


def enriched(markers, sets, bins=None, seed=0):
    found = np.isin(GENES, markers)
    bins = np.zeros(100, dtype=int) if bins is None else bins
    return enrich(found, matched(sets).member, bins, np.random.default_rng(seed))


def test_overlap_odds_and_p_by_hand():
    found = enriched(GENES[:10], {"half": GENES[5:15], "none": GENES[50:53]})
    assert found.overlap.tolist() == [5, 0]
    assert found.p == pytest.approx([hypergeom.sf(4, 100, 10, 10), 1])
    assert found.odds_ratio[0] == pytest.approx(5.5 * 85.5 / 5.5**2)
    assert found.p_adjusted == pytest.approx([2 * found.p[0], 1])


def test_shuffled_markers_share_as_many_as_expected():
    found = enriched(GENES[:10], {"half": GENES[5:15]})
    assert found.null_mean[0] == pytest.approx(1.0, abs=0.1)  # 10 * 10 / 100
    assert found.p_shuffled[0] == pytest.approx(1 / 1001, abs=0.003)
    assert found.found_by_chance <= 0.07


def test_a_set_of_abundant_genes_is_no_finding_beside_shuffles_of_abundant_markers():
    seen = np.r_[np.full(20, 1000), np.full(80, 10)] + np.arange(100)
    sets = {"abundant": GENES[:20]}
    found = enriched(GENES[5:15], sets, detection_bins(seen, 5))
    assert found.p[0] < 1e-6
    assert found.null_mean[0] == 10
    assert found.p_shuffled[0] == 1


def test_random_lists_find_sets_as_rarely_as_p_says():
    rng = np.random.default_rng(1)
    sets = {f"s{k}": rng.choice(GENES, 12, replace=False) for k in range(30)}
    lists = [enriched(rng.choice(GENES, 15, replace=False), sets, seed=draw) for draw in range(20)]
    assert np.mean([(each.p < ALPHA).mean() for each in lists]) <= 0.07
    assert np.mean([(each.p_adjusted < ALPHA).any() for each in lists]) <= 0.1


def test_genes_are_known_by_name_identifier_and_symbol_but_not_in_other_case():
    genes = np.array(["MBP", "x2", "x3", "x4"])
    ids = np.array(["ENSG01.5", "ENSG02", "ENSG03", "ENSG04"])
    symbols = np.array(["MBP", "PLP1", "GFAP", "AQP4"])
    sets = {
        "mixed": ("MBP", "ENSG02", "GFAP"),
        "versions": ("ENSG01", "ENSG02.9", "ENSG03"),
        "mouse": ("Mbp", "Plp1"),
        "small": ("AQP4",),
        "alien": ("none",),
    }
    found = matched(sets, genes, ids, symbols)
    assert found.names == ("mixed", "versions")
    assert found.member.toarray().T.tolist() == [[1, 1, 1, 0], [1, 1, 1, 0]]
    assert (found.unmeasured, found.small, found.n_other_case) == (("mouse", "alien"), ("small",), 2)


def test_markers_are_those_of_the_split_p_where_it_is_known():
    nan = np.nan
    table = pd.DataFrame(
        {
            "domain": ["1", "1", "2", "2", "3"],
            "gene": list("abcde"),
            "p_adjusted": [0.0, 0.0, 0.0, 0.9, nan],
            "p_adjusted_split": [0.5, 0.01, nan, nan, nan],
        }
    )
    assert marker_lists(table) == {"1": ["b"], "2": ["c"], "3": ["e"]}
