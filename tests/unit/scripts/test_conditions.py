"""composition.py and differential.py: what was planted in a group is found, what cannot be told is not."""

import json

import pandas as pd
import pytest
from helpers.conditions import write_group
from helpers.scripts import invoke_script

from tissuegraph.records import read_record
from tissuegraph.synthetic.conditions import plan_conditions


@pytest.fixture(scope="module")
def cohort():
    return plan_conditions(0)


@pytest.fixture(scope="module")
def group(tmp_path_factory, cohort):
    """Options that name ten patients of two sections each, with the true domains."""
    return write_group(cohort, tmp_path_factory.mktemp("group"))


def run(script, words, out):
    out.mkdir(exist_ok=True)
    more = ("--figures", "png", "--outdir", out, "--record", out / f"{script}.json")
    if script == "composition":
        result = invoke_script("composition", "--sample", "group:g", *words, *more)
    else:
        result = invoke_script("differential", "--sample", "group:g", *words, *more)
    assert result.exit_code == 0, result.output
    return read_record(out / f"{script}.json")


def with_design(group, path, change):
    """The same group with another design."""
    rows = json.loads(group[-1].read_text())
    path.write_text(json.dumps([change(dict(row)) for row in rows]))
    return [*group[:-1], path]


def test_the_share_that_was_planted_is_found_and_sections_of_a_patient_agree(group, cohort, tmp_path):
    record = run("composition", group, tmp_path)
    assert (record.status, record.reasons) == ("passed", [])
    shares = pd.read_csv(tmp_path / "composition.csv")
    assert shares.columns.tolist() == ["sample", "patient", "condition", "domain", "n_spots", "share"]
    assert shares.groupby("sample")["share"].sum().to_numpy() == pytest.approx(1, abs=1e-5)
    table = pd.read_csv(tmp_path / "composition_test.csv", dtype={"domain": str})
    first = table.sort_values("p_value").iloc[0]
    planted = cohort.truth["domains"].index(cohort.truth["share_change"]["domain"]) + 1
    assert first["domain"] == str(planted)
    assert (first["condition_a"], first["condition_b"]) == ("control", "treated")
    assert first["p_adjusted"] <= 0.05
    assert first["effect"] == pytest.approx(cohort.truth["share_change"]["log2_of_thickness"], abs=0.3)
    told = record.metrics["agreement"]
    assert told["one_patient"] < told["one_condition"] < told["two_conditions"]
    assert record.metrics["files"] == {"composition": "g.composition.png"}
    assert (tmp_path / "g.composition.png").is_file()
    assert len(pd.read_csv(tmp_path / "sections.csv")) == 20


def test_the_genes_that_were_planted_are_found_in_their_domain(group, cohort, tmp_path):
    record = run("differential", group, tmp_path)
    assert (record.status, record.reasons) == ("passed", [])
    table = pd.read_csv(tmp_path / "differential.csv", dtype={"domain": str})
    assert table.columns.tolist() == [
        *("domain", "gene", "condition_a", "condition_b", "base_mean", "log2_fold_change"),
        *("standard_error", "p_value", "p_adjusted", "n_patients_a", "n_patients_b"),
    ]
    truth = cohort.truth["differential"]
    own = str(cohort.truth["domains"].index(truth["domain"]) + 1)
    found = table[table["p_adjusted"] <= 0.1]
    right = found[(found["domain"] == own) & found["gene"].isin(truth["log2_fold_changes"])]
    assert len(right) >= 8  # of ten
    assert len(found) - len(right) <= 2
    signs = right["gene"].map(truth["log2_fold_changes"]) * right["log2_fold_change"]
    assert (signs > 0).all()
    assert record.metrics["pairs"][0]["n_found"] == len(found)
    assert (tmp_path / "g.differential.png").is_file()


def test_too_few_patients_are_described_and_not_tested(group, tmp_path):
    kept = {"P01", "P02", "P03", "P04"}  # two of each
    words = with_design(
        group, tmp_path / "d.json", lambda row: row | ({} if row["patient"] in kept else {"condition": None})
    )
    for script, name in (("composition", "composition_test.csv"), ("differential", "differential.csv")):
        record = run(script, words, tmp_path)
        assert record.status == "passed"
        assert "described, not tested, as it has 2 and 2 patients" in record.notes[0]
        assert not record.metrics["pairs"][0]["tested"]
        table = pd.read_csv(tmp_path / name)
        assert len(table)
        assert table["p_value"].isna().all()
    assert not (tmp_path / "g.differential.png").exists()


def test_without_conditions_shares_are_described_and_no_gene_is_compared(group, tmp_path):
    words = with_design(group, tmp_path / "d.json", lambda row: row | {"condition": None})
    record = run("composition", words, tmp_path)
    assert record.notes == [
        "no two conditions are known in the group: shares are described, nothing is compared"
    ]
    assert (tmp_path / "composition.csv").is_file()
    assert not (tmp_path / "composition_test.csv").exists()
    assert run("differential", words, tmp_path).notes == [
        "no two conditions are known in the group: no genes are compared"
    ]
    assert not (tmp_path / "differential.csv").exists()


def test_domains_that_are_not_matched_are_not_compared_and_it_is_said(tmp_path):
    words = write_group(plan_conditions(0, n_sections=4), tmp_path, matched=False)
    for script in ("composition", "differential"):
        record = run(script, words, tmp_path / "out")
        assert record.status == "warned"
        assert "not matched over the group" in record.reasons[0]
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".json"}
