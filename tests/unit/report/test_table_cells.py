"""Cells of slices.csv: no spreadsheet runs them, numbers stay numbers, a next run reads what was meant."""

import csv
import json

import pytest

from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.table import table_row, write_table
from tissuegraph.sheet.check import read_samplesheet

HOSTILE = {
    "group": "=HYPERLINK(A1)",
    "patient": "@SUM(1+1)",
    "annotation": "-2+3+cmd.csv",
    "path": "+data/a.h5ad",
}


def written(tmp_path, outcomes):
    write_table(outcomes, tmp_path / "slices.csv")
    with (tmp_path / "slices.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_text_that_a_spreadsheet_would_run_is_marked_as_text(tmp_path):
    row = {"sample": "A", "row": 2, "n_domains": 7} | HOSTILE
    (found,) = written(tmp_path, [Outcome("A", row, "failed", ("=cmd|' /C calc'!A0",))])
    assert {name: found[name] for name in HOSTILE} == {name: f"'{text}" for name, text in HOSTILE.items()}
    assert found["reason"] == "'=cmd|' /C calc'!A0"
    assert found["sample"] == "A"


def test_numbers_stay_numbers_also_below_zero(tmp_path):
    scores = [{"key": "stmfg", "ari": -0.25}]
    metrics = {"n_spots": 300, "median_mito": 2.5, "scores": scores}
    (found,) = written(tmp_path, [Outcome("A", {"sample": "A"}, "passed", (), metrics)])
    assert (found["n_spots"], found["median_mito"], found["ari_stmfg"]) == ("300", "2.5", "-0.25")


def test_the_table_is_a_samplesheet_that_says_what_the_first_one_said(tmp_path, root):
    schema = json.loads((root / "assets" / "schema_input.json").read_text())
    given = {"sample": "A", "row": 2} | HOSTILE | {"annotation": "=layer"}
    written(tmp_path, [Outcome("A", given, "failed", ("\tno spot is left",))])
    sheet = read_samplesheet(tmp_path / "slices.csv", schema)
    assert sheet.problems == []
    assert {name: sheet.rows[0][name] for name in given} == given


@pytest.mark.parametrize(("source", "written"), [("row", 7), ("group", None)])
def test_only_a_number_of_domains_that_the_row_gave_is_written_back(source, written):
    row = {"sample": "A", "row": 2, "group": "x", "group_id": "x", "n_domains": 7, "n_domains_from": source}
    cells = table_row(Outcome("A", row, "passed", metrics={"n_domains": 6}))
    assert (cells["n_domains"], cells["n_domains_found"]) == (written, 6)
    assert not {"group_id", "n_domains_from"} & set(cells)


def test_the_table_says_how_far_each_method_trusted_the_image(tmp_path):
    row = {"sample": "A"}
    outcomes = [
        Outcome("A", row, "passed", metrics={"image_trust": {"stmfg": 0.25, "multist": 0.0}}),
        Outcome("B", row | {"sample": "B"}, "passed", metrics={"image_trust": {}}),
    ]
    trusted, without = written(tmp_path, outcomes)
    assert (trusted["image_trust_stmfg"], trusted["image_trust_multist"]) == ("0.25", "0")
    assert (without["image_trust_stmfg"], without["image_trust_multist"]) == ("", "")


def test_a_teacher_without_any_label_left_is_written_back_as_none():
    row = {"sample": "A", "row": 2, "group": "x", "annotation": "l.csv", "teaches": True}
    lost = table_row(Outcome("A", row, "warned", metrics={"n_labelled": 0}))
    kept = table_row(Outcome("A", row, "warned", metrics={"n_labelled": 9}))
    assert [(each["teaches"], each["annotation"]) for each in (lost, kept)] == [
        (False, None),
        (True, "annotation"),
    ]


def test_the_table_tells_who_taught_and_how_well_and_is_still_a_samplesheet(tmp_path, root):
    row = {"sample": "A", "row": 2, "path": "a.h5ad", "group": "x", "teaches": False, "patient": "P1"}
    left_out = {"within": {"macro_f1": 0.9}, "across": {"macro_f1": 0.5, "ece": 0.125}}
    regions = {"teachers": ["B", "C"], "guard": "shown", "coverage": 0.75, "left_out": left_out}
    scored = {**regions, "scores": {"ari": 0.5, "macro_f1": 0.25, "accuracy": 1.0}}
    outcomes = [
        Outcome("A", row, "passed", metrics={"regions": scored}),
        Outcome("D", {**row, "sample": "D"}, "passed", metrics={"regions": regions}),
        Outcome("B", {**row, "sample": "B", "teaches": True, "annotation": "l.csv"}, "failed", ("qc: no",)),
    ]
    target, unscored, teacher = written(tmp_path, outcomes)
    assert (target["regions_from"], target["region_ari"], target["region_macro_f1"]) == (
        "B; C",
        "0.5",
        "0.25",
    )
    assert (target["region_coverage"], target["region_guard"]) == ("0.75", "shown")
    judged = [target[name] for name in ("left_out", "left_out_macro_f1", "left_out_ece", "left_out_ari")]
    assert judged == ["across", "0.5", "0.125", ""]
    assert (unscored["region_ari"], teacher["regions_from"]) == ("", "")
    schema = json.loads((root / "assets" / "schema_input.json").read_text())
    again = read_samplesheet(tmp_path / "slices.csv", schema)
    assert again.problems == []
    assert [(r["teaches"], r["patient"], r["group"]) for r in again.rows] == [
        (False, "P1", "x"), (False, "P1", "x"), (True, "P1", "x"),
    ]  # fmt: skip


def test_the_scale_that_was_found_is_written_with_all_its_digits_and_read_by_a_next_run(tmp_path, root):
    found = {"steps": {"ingest": {"um_per_px": 100 / 137}}}
    given = {"sample": "B", "path": "b.h5ad", "um_per_px": 0.25}
    none = {"sample": "C", "path": "c.h5ad", "um_per_px": None}
    outcomes = [
        Outcome("A", {"sample": "A", "path": "a.h5ad", "um_per_px": None}, "passed", metrics=found),
        Outcome("B", given, "failed", ("qc: no",)),
        Outcome("C", none, "passed", metrics={"steps": {"ingest": {"um_per_px": None}}}),
    ]
    assert [row["um_per_px"] for row in written(tmp_path, outcomes)] == [repr(100 / 137), "0.25", ""]
    schema = json.loads((root / "assets" / "schema_input.json").read_text())
    again = read_samplesheet(tmp_path / "slices.csv", schema)
    assert again.problems == []
    assert [row["um_per_px"] for row in again.rows] == [100 / 137, 0.25, None]


def test_what_was_picked_of_an_input_is_written_back_only_where_the_input_is():
    picked = {"library": "B", "table": "cells", "coordinate_system": "global", "bin_um": 8}
    row = {"sample": "A", "row": 2, "path": "a.zarr", "platform": "spatialdata"} | picked
    failed, passed = (table_row(Outcome("A", row, status)) for status in ("failed", "passed"))
    assert {name: failed[name] for name in picked} == picked
    assert {name: passed[name] for name in picked} == dict.fromkeys(picked)
    assert (failed["platform"], passed["platform"]) == ("spatialdata", "h5ad")
