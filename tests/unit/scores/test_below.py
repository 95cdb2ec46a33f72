"""Which results are so far below the baseline that one should look."""

import pytest

from tissuegraph.scores.below import far_below


def rows(ari=None, sd=None, pas=0.05, baseline_ari=None, kind="learned"):
    own = {"method": "stmfg", "kind": kind, "ari": ari, "ari_sd": sd, "pas": pas}
    return [own, {"method": "baseline", "kind": "control", "ari": baseline_ari, "pas": 0.05}]


@pytest.mark.parametrize(
    ("ari", "sd", "told"),
    [
        (0.50, 0.01, True),
        (0.50, None, True),  # one seed: nothing to judge by but the size of it
        (0.50, 0.2, False),  # within the spread over seeds
        (0.57, 0.01, False),  # methods differ by so much
        (0.70, 0.01, False),
    ],
)
def test_with_labels_the_ari_tells_beyond_the_spread(ari, sd, told):
    assert ("stmfg" in far_below(rows(ari, sd, baseline_ari=0.60))) == told


def test_the_line_names_method_and_both_scores():
    line = far_below(rows(0.5, 0.01, baseline_ari=0.6))["stmfg"]
    assert line.startswith("stMFG is far below the baseline: ARI 0.50 against 0.60")


def test_without_labels_scattered_domains_tell():
    assert "30% of spots" in far_below(rows(pas=0.30))["stmfg"]
    assert far_below(rows(pas=0.14)) == {}


def test_joint_domains_are_judged_and_controls_are_not():
    assert "stmfg" in far_below(rows(0.2, baseline_ari=0.6, kind="joint"))
    assert far_below(rows(0.2, baseline_ari=0.6, kind="control")) == {}
    assert far_below(rows(0.2, baseline_ari=0.6, kind="unrefined")) == {}
