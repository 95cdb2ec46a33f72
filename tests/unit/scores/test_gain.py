"""Whether a method gains: on one slice against its own controls, and over all slices."""

import pytest

from tissuegraph.scores.gain import Result, gain_over, overall
from tissuegraph.scores.table import gain


def row(method, kind, ari, sd=None):
    return {"method": method, "kind": kind, "what": f"{method} {kind}", "ari": ari, "ari_sd": sd}


@pytest.mark.parametrize(
    ("ari", "spread", "verdict"),
    [
        (0.64, 0.01, "above"),
        (0.60, 0.03, "within"),
        (0.55, 0.01, "below"),
        (0.605, 0.0, "within"),
        (0.9, None, "one seed"),
    ],
)
def test_a_gain_counts_only_beyond_the_spread(ari, spread, verdict):
    rows = [
        row("stmfg", "learned", ari, spread),
        row("stmfg", "control", 0.6),
        row("baseline", "control", 0.5),
    ]
    found = gain(rows, "stmfg")
    assert (found["verdict"], found["best_control"]) == (verdict, "stmfg control")


def test_the_spread_of_the_control_counts_too():
    rows = [row("stmfg", "learned", 0.64, 0.01), row("stmfg", "control", 0.6, 0.05)]
    assert gain(rows, "stmfg")["verdict"] == "within"


def test_a_methods_control_is_no_control_of_another():
    rows = [
        row("stmfg", "learned", 0.64, 0.01),
        row("stmfg", "control", 0.5),
        row("multist", "learned", 0.64, 0.01),
        row("multist", "control", 0.7),
    ]
    assert gain(rows, "stmfg")["verdict"] == "above"
    assert gain(rows, "multist")["verdict"] == "below"


def test_there_is_no_gain_to_speak_of_without_labels_or_controls():
    assert gain([row("stmfg", "learned", None), row("baseline", "control", None)], "stmfg") is None
    assert gain([row("stmfg", "learned", 0.5, 0.1)], "stmfg") is None


def on_slices(*pairs):
    return [gain_over(Result("own", own, 0.02), [Result("control", 0.5)], 0.01) for own in pairs]


def test_over_slices_means_are_taken_and_verdicts_counted():
    found = overall(on_slices(0.6, 0.51, 0.42))
    assert (found.n_slices, found.n_judged) == (3, 3)
    assert found.score == pytest.approx(0.51)
    assert found.gain == pytest.approx(0.01)
    assert found.verdicts == {"above": 1, "within": 1, "below": 1, "one seed": 0}


@pytest.mark.parametrize(
    ("scores", "shown"),
    [((0.6, 0.6, 0.5), True), ((0.6, 0.5), False), ((0.53, 0.53, 0.1), False)],
    ids=["above on most and on average", "above on half", "above on most but below on average"],
)
def test_a_gain_is_shown_where_most_slices_and_the_mean_agree(scores, shown):
    assert overall(on_slices(*scores)).shown == shown


def test_a_slice_with_one_seed_leaves_the_verdict_to_the_others():
    one_seed = gain_over(Result("own", 0.6), [Result("control", 0.5)], 0.01)
    found = overall([*on_slices(0.6), one_seed])
    assert (found.n_judged, found.shown) == (1, True)
