"""Chapters on trajectory, interactions and denoising: what slices have is told, and names are text."""

from types import SimpleNamespace

import pytest

from tissuegraph.report import denoise, interactions, trajectory
from tissuegraph.report.characterised import figures_of
from tissuegraph.report.section import p_text

PICTURE = "data:image/webp;base64,AAAA"


def outcome(sample: str, **steps):
    return SimpleNamespace(sample=sample, metrics={"characterised": steps} if steps else {})


def domain(name, rank, median, low=None, high=None):
    return {
        "domain": name, "rank": rank, "pseudotime_median": median, "rank_lowest": low or rank,
        "rank_highest": high or rank,
    }  # fmt: skip


ORDERED = {
    "root_why": "domain WM, as asked",
    "spearman_mean": 0.91,
    "spearman_sd": 0.02,
    "rows": [domain("WM", 1, 0.05), domain("L<6", 2, 0.63, 2, 3), domain("x", None, None)],
    "pictures": {"trajectory": PICTURE},
}
PAIRED = {
    "n_pairs": 30, "n_measured": 12, "n_tested": 200, "n_below_5_percent": 3,
    "rows": [
        {"sender": "1", "receiver": "2", "ligand": "A", "receptor": "B&C", "score": 1.234,
         "specificity": 0.5, "effect": 5.6, "p_value": 0.00002, "p_adjusted": 0.012},
    ],
}  # fmt: skip
DENOISED = {
    "means": {"pearson_network": 0.0712, "pearson_smoothing": 0.06, "pearson_counts": 0.05},
    "share_network_better": 0.71,
    "sentence": "plain smoothing over the neighbours is as good as the network",
    "rows": [{"gene": "A"}],
}


@pytest.mark.parametrize("chapter", [trajectory, interactions, denoise])
def test_nothing_is_said_where_no_slice_has_it(chapter):
    assert chapter.sections([outcome("a"), outcome("b", markers={"rows": [1]})], {}) == []
    assert chapter.sections([outcome("a", **{chapter.STEP: {"by": "domain"}})], {}) == []


def test_domains_stand_in_their_order_with_the_ranks_of_repeats_that_differ():
    (section,) = trajectory.sections([outcome("s", trajectory=ORDERED), outcome("t")], {})
    assert "WM (0.05) → L&lt;6 (0.63, ranks 2 to 3); not reached: x" in section.data
    assert "0.91 ± 0.02" in section.data
    assert "domain WM, as asked" in section.data
    assert PICTURE in section.extra


def test_leading_pairs_are_told_with_effect_and_p():
    (section,) = interactions.sections([outcome("a<b", interactions=PAIRED)], {})
    for told in (
        "A – B&amp;C",
        "1 → 2",
        "<td>1.23</td>",
        "<td>5.60</td>",
        "<td>2.0e-05</td>",
        "<td>0.012</td>",
    ):
        assert told in section.data
    assert "a&lt;b: 12 of 30 pairs measured, 200 tests, 3 with" in section.data


def test_inferred_slices_have_empty_cells_for_p():
    row = PAIRED["rows"][0] | {"p_value": None, "p_adjusted": None}
    (section,) = interactions.sections([outcome("s", interactions=PAIRED | {"rows": [row]})], {})
    assert section.data.count("<td></td>") == 2


def test_what_smoothing_does_is_told_beside_the_network():
    (section,) = denoise.sections([outcome("s", denoise=DENOISED)], {})
    for told in ("<td>0.071</td>", "<td>0.060</td>", "71%", "as good as the network"):
        assert told in section.data


def test_pictures_stop_at_the_budget_and_the_rest_is_counted():
    found = [(name, {"pictures": {"x": "p" * 10}}) for name in "abc"]
    shown = figures_of(found, "x", budget=20)
    assert shown.count("<img") == 2
    assert "1 more are in" in shown


def test_small_p_are_written_short():
    shown = [p_text(value) for value in (None, float("nan"), 0.5, 0.00042, 0.0)]
    assert shown == ["", "", "0.500", "4.2e-04", "&lt; 1e-300"]


def test_a_slice_with_too_few_counts_to_judge_its_denoising_is_told_so():
    told = {
        "sentence": "No gene has 50 held-out counts",
        "means": {},
        "share_network_better": None,
        "rows": [],
    }
    (section,) = denoise.sections([outcome("s", denoise=told)], {})
    assert "No gene has 50 held-out counts" in section.data
