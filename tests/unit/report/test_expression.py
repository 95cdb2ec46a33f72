"""The report's chapter on inferred expression: what may be claimed, what is flagged, what the table says."""

import json

import pytest
from helpers.fake_slices import PIXEL, fake_run

from tissuegraph.records import Record
from tissuegraph.report import expression, methods
from tissuegraph.report.outcomes import Outcome, read_outcomes
from tissuegraph.report.section import Section
from tissuegraph.report.table import table_row

GENES = {"gene": ["A", "B", "C"], "reliability": [0.6, 0.3, None], "pcc": [0.5, 0.1, None]}


def runs(*pcc):
    return [{"pcc": value, "spot_pcc": 0.7, "rmse": 0.4} for value in pcc]


def outcome(sample, scores=None, goes_on=False, **more):
    metrics = {
        "method": "spahgc",
        "genes": GENES,
        "scores": scores or {},
        "goes_on": goes_on,
        "held_out_by": "slice",
    }
    metrics |= {"median_reliability": 0.45, "pictures": {"inferred": PIXEL}} | more
    return Outcome(sample, {"sample": sample}, "passed", (), {"expression": metrics})


def held_out(sample, own, best):
    scores = {"spahgc": runs(*own), "ridge": runs(best), "knn": runs(0.05), "mean": runs(0.0)}
    return outcome(sample, scores)


def by_id(outcomes) -> dict[str, Section]:
    return {section.id: section for section in expression.sections(outcomes, {})}


def test_a_run_without_inference_has_no_such_chapter():
    assert expression.sections([Outcome("S", {}, "passed")], {}) == []


def words_on(outcomes) -> str:
    return by_id(outcomes)["expression_summary"].data


def test_no_gain_is_claimed_where_a_baseline_is_as_good():
    text = words_on([held_out("S", (0.2, 0.2), 0.2), held_out("T", (0.3, 0.3), 0.3)])
    assert "a PCC per gene of 0.250 against 0.250 of each slice's best control" in text
    assert "above controls on 0, no difference shown on 2, below a control on 0 of 2" in text
    assert "no gain of SpaHGC" in text


def test_a_gain_is_judged_on_each_slice_by_the_spread_over_its_seeds():
    # 0.40 +- 0.014 against 0.2 is above, 0.25 +- 0.07 against 0.2 within, 0.6 against 0.4 above
    two = [held_out("S", (0.39, 0.41), 0.2), held_out("T", (0.2, 0.3), 0.2)]
    assert "above controls on 1, no difference shown on 1, below a control on 0 of 2" in words_on(two)
    assert "Over all 2, no gain" in words_on(two)
    text = words_on([*two, held_out("U", (0.6, 0.6), 0.4)])
    assert "above controls on 2" in text
    assert "a difference of +0.150" in text
    assert "no gain" not in text.lower()


def test_one_seed_has_no_spread_and_claims_no_gain():
    assert "With one seed there is no spread" in words_on([held_out("S", (0.6,), 0.2)])


def test_the_best_control_is_the_best_on_that_slice():
    scores = {"spahgc": runs(0.5, 0.5), "ridge": runs(0.2), "knn": runs(0.4, 0.44), "mean": runs(0.0)}
    found = expression.gain_of(outcome("S", scores))
    assert (found["best_control"], found["best_control_score"]) == ("Nearest images", pytest.approx(0.42))
    assert found["spread"] == pytest.approx(0.02 * 2**0.5)  # that of the control, which is the larger one


def test_methods_have_their_spread_over_slices_and_over_seeds():
    outcomes = [held_out("S", (0.3, 0.5), 0.2), held_out("T", (0.2, 0.2), 0.3)]
    rows = by_id(outcomes)["expression_methods"].data
    assert rows["SpaHGC"]["pcc"] == pytest.approx(0.3)
    assert rows["SpaHGC"]["sd_slices"] == pytest.approx(0.02**0.5)  # of 0.4 and 0.2
    assert rows["SpaHGC"]["sd_seeds"] == pytest.approx(0.02**0.5 / 2)  # of 0.3 and 0.5, and 0
    assert rows["Ridge regression"]["n_slices"] == 2
    assert "sd_seeds" not in rows["Ridge regression"]


def test_slices_without_counts_are_named_as_inferred():
    found = by_id([outcome("T<1>", goes_on=True)])
    assert "<strong>T&lt;1&gt;</strong>" in found["expression_summary"].data
    assert "inferred, not measured" in found["expression_maps"].extra
    assert "expression_methods" not in found
    assert found["expression_pcc"].data == [{"T<1>": [0.5, 0.1]}, {"T<1>": [0.6, 0.3]}]


def test_it_is_said_what_was_left_out_and_what_calibration_costs():
    costs = {"sd_ratio": 0.4, "sd_ratio_calibrated": 0.98, "rmse": 0.5, "rmse_calibrated": 0.61}
    text = words_on(
        [
            outcome("S", validated_by="patient", calibration=costs),
            outcome("T", goes_on=True, validated_by="half of a slice", n_genes_on=1200, n_genes=1500),
        ]
    )
    assert "Reliability of S: whole patients were left out" in text
    assert "Reliability of T: halves of the only reference were left out" in text
    assert "vary 0.40 times as much as measurements" in text
    assert "to 0.98 times, and the RMSE changes from 0.500 to 0.610" in text
    assert "take part in domains: 1,200 of 1,500 for T" in text


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (
            0.5,
            "in S as a whole are told by the image: on held-out references they miss by 0.080",
        ),
        (0.0, "Levels of genes in S as a whole are those of the references"),
    ],
)
def test_it_is_said_whether_slides_may_be_compared(share, words):
    level = {"share": share, "error": 0.08, "error_of_mean": 0.2}
    assert words in words_on([outcome("S", level=level)])
    assert "Levels" not in words_on([outcome("S", level=None)])


def test_genes_are_ranked_by_what_was_measured():
    text = by_id([held_out("S", (0.2,), 0.1)])["expression_genes"].data
    assert text.index("<td>A</td>") < text.index("<td>B</td>")
    assert "<td>C</td>" not in text


def test_where_no_reliability_is_known_there_is_no_distribution_of_it():
    """Genes asked for that no reference counts: the chapter is there without a box."""
    found = by_id([outcome("T", goes_on=True, genes={"gene": ["A"], "reliability": [None]})])
    assert list(found) == ["expression_summary", "expression_genes", "expression_maps"]


def test_the_methods_paragraph_says_what_was_inferred_and_what_was_held_out():
    found = [outcome("T", goes_on=True), held_out("S", (0.2,), 0.1), held_out("U", (0.2,), 0.1)]
    for each in found:
        each.metrics["n_spots"] = 10
    (section,) = methods.sections(found, {"spahgc_preset": "paper"})
    assert "With SpaHGC [3], preset paper, expression of 1 slice without counts was inferred" in section.data
    assert "2 slices with counts were each held out to compare" in section.data
    assert "2603.22821" in section.data


def test_slices_that_a_model_of_an_earlier_run_inferred_are_not_called_held_out():
    found = [held_out("S", (0.2,), 0.1)]
    for each in found:
        each.metrics["n_spots"] = 10
        each.metrics["expression"]["held_out_by"] = "model"
    words = by_id(found)["expression_summary"].data
    assert "A reference model of an earlier run inferred these, none of which taught it" in words
    settings = {"spahgc_preset": "default", "reference_model": "models/a/expression"}
    (section,) = methods.sections(found, settings)
    assert "With SpaHGC [3], learned in an earlier run, expression of 1 slice with counts" in section.data
    assert "held out" not in section.data


def test_an_evaluation_that_fails_warns_but_does_not_fail_the_slice(tmp_path):
    fake_run(tmp_path, 2)
    rows = json.loads((tmp_path / "rows.json").read_text())
    record = Record(rows[0]["sample"], "infer_expression")
    record.fail("no reference")
    record.write(tmp_path / "records" / "expression.json")
    first, second = read_outcomes(rows, tmp_path / "records")
    assert (first.status, second.status) == ("warned", "passed")
    assert "infer_expression: no reference" in first.reasons


def test_the_table_flags_inferred_slices_and_points_at_their_file():
    row = table_row(outcome("T", goes_on=True))
    assert (row["inferred"], row["reliability"]) == (True, 0.45)
    assert row["inferred_h5ad"] == "slices/T/T.inferred.h5ad"
    assert table_row(held_out("S", (0.3, 0.5), 0.2))["pcc_spahgc"] == pytest.approx(0.4)
