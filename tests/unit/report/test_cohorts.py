"""The chapter of a cohort: it begins with what was shown, and says no more of it than the records do."""

import json
from dataclasses import replace

import pytest
from helpers.fake_slices import fake_cohort, fake_run

from tissuegraph.records import Record
from tissuegraph.report import CHAPTERS, cohorts, status, write_sections
from tissuegraph.report.outcomes import read_outcomes, verdict_of

SAMPLE_0, SAMPLE_1 = "donor1.section_1-v0", "donor1.section_2-v1"


@pytest.fixture
def group(tmp_path):
    def write(guard="shown", n=3, lost=()):
        fake_run(tmp_path, n)
        fake_cohort(tmp_path, guard=guard)
        return read_outcomes(json.loads((tmp_path / "rows.json").read_text()), tmp_path / "records", lost)

    return write


def found(outcomes):
    return {section.id.removeprefix("cohort_0_"): section for section in cohorts.sections(outcomes, {})}


def test_the_chapter_stands_right_after_what_needs_attention(group, tmp_path):
    assert CHAPTERS.index(cohorts) == CHAPTERS.index(status) + 1
    (tmp_path / "content").mkdir()
    ids = [section.id for section in write_sections(group(), {}, tmp_path / "content")]
    assert ids[:3] == ["status", "cohort_0_verdict", "cohort_0_taught"]


def test_the_pictures_stand_in_every_file_of_the_chapter(group, tmp_path):
    """MultiQC takes a chapter's pictures from whichever of its files it reads first."""
    (tmp_path / "content").mkdir()
    write_sections(group(), {}, tmp_path / "content")
    files = sorted((tmp_path / "content").glob("cohort_0_*_mqc.json"))
    assert len(files) > 2
    for path in files:
        assert json.loads(path.read_text())["extra"].count('class="tg-section"') == 6


def test_regions_come_first_only_where_transfer_was_shown(group):
    text = found(group("shown"))["verdict"].extra
    assert text.index("<h4>Regions") < text.index("<h4>Domains")
    outcomes = group("not shown")
    text = found(outcomes)["verdict"].extra
    assert text.index("<h4>Domains") < text.index("<h4>Regions")
    words = found(outcomes)["verdict"].data
    assert "Transfer was not shown: macro-F1 .71" in words
    assert "domains found without labels come first" in found(group("not checked"))["verdict"].data


def test_a_teacher_shows_its_annotation_among_the_regions_of_the_others(group):
    text = found(group())["verdict"].extra
    assert text.count(f'alt="Annotation of {SAMPLE_0}"') == 1
    assert text.count(f'alt="Regions of {SAMPLE_1}"') == 1
    assert f'alt="Regions of {SAMPLE_0}"' not in text
    assert "tumour &amp; &lt;stroma&gt;" in text  # names are the annotation's, never markup


def test_the_composition_too_begins_with_domains_where_transfer_was_not_shown(group):
    for guard, titles in (("shown", ["Regions", "Domains"]), ("not shown", ["Domains", "Regions"])):
        assert found(group(guard))["composition"].config["data_labels"] == titles


def test_a_section_of_inferred_expression_says_so_under_its_picture(group):
    outcomes = group()
    assert "expression inferred" not in found(outcomes)["verdict"].extra
    outcomes[1].metrics["expression"] = {"goes_on": True}
    assert found(outcomes)["verdict"].extra.count("expression inferred") == 2  # regions and domains


def test_a_section_that_its_teachers_do_not_carry_is_questioned_under_its_picture_and_in_the_table(group):
    outcomes = group()
    assert "another tissue?" not in found(outcomes)["verdict"].extra
    outcomes[1].metrics["regions"]["carried"] = 0.41
    sections = found(outcomes)
    assert sections["verdict"].extra.count("another tissue?") == 1
    assert "41%" in sections["taught"].data


def test_the_verdict_is_told_with_the_figures_that_are_known(group):
    words = found(group())["verdict"].data
    assert "3 of 7 domains lie in one section." in words
    assert "Joint domains are not the final answer here" in words
    assert "0.43" in words
    assert "deepest over shallowest" not in words
    assert "stMFG: 2 of 7 domains lie in several sections; without a counterpart: 7." in words


def test_a_joint_encoder_has_a_verdict_of_its_own_before_that_of_the_components(group, tmp_path):
    group()
    verdict = {"kind": "shared", "sentence": "The encoder shares all.", "joint_refused": False, "figures": {}}
    Record("group:lung__left", "join", metrics={"verdict": verdict}).write(tmp_path / "records" / "join.json")
    words = found(group())["verdict"].data
    assert words.index("stMFG over all sections") < words.index("The encoder shares all.")
    assert words.index("The encoder shares all.") < words.index("Shared components")


def test_members_stand_by_weight_and_what_could_not_be_tried_is_said(group):
    words = found(group())["taught"].data
    assert f"<strong>{SAMPLE_0}</strong> taught 2 regions" in words
    assert words.index("stMFG network") < words.index("linear discriminant analysis at several scales")
    assert "weighs what it adds where a teacher is left out" in words
    assert "<td>80%</td>" in words
    assert "Not tried, as no teacher could be left out: a section of another patient." in words
    assert "<td>3</td>" in words
    assert "counted as different regions: tumour / Tumour." in words


def test_members_that_nothing_could_judge_are_said_to_weigh_the_same(group):
    outcomes = group("not checked")
    taught = outcomes[0].cohort.metrics["teach"]
    taught["members"] = [{"name": "lda", "weight": 0.5}, {"name": "image", "weight": 0.5}]
    taught["left_out"] = {}
    words = found(outcomes)["taught"].data
    assert "all weigh the same, as nothing could be left out" in words
    assert "weighs what it adds" not in words


def test_left_out_sections_of_unknown_patients_are_told_with_their_calibration(group):
    outcomes = group()
    figures = {"macro_f1": 0.71, "ece": 0.04, "coverage": 0.88, "accuracy_called": 0.97, "n_sections": 2}
    outcomes[0].cohort.metrics["teach"]["left_out"] = {"sections": figures}
    words = found(outcomes)["taught"].data
    assert "another section, as patients are not known" in words
    for head, value in (("Calibration error", "0.04"), ("Called", "0.88"), ("Accuracy where called", "0.97")):
        assert head in words
        assert f"<td>{value}</td>" in words
    assert "Not tried" not in words


def test_a_teacher_has_its_annotated_composition_among_the_regions(group):
    outcomes = group()
    metrics = outcomes[0].metrics
    metrics["annotation_names"] = ["L2", "other", "tumour & <stroma>"]
    metrics |= {"annotation_composition": {"1": 30, "2": 5, "3": 20}, "n_spots": 60}
    regions = found(outcomes)["composition"].data[0]
    assert regions[SAMPLE_0] == {"L2": 30, "tumour & <stroma>": 20, "other or unlabelled": 10}
    colours = found(outcomes)["composition"].categories[0]
    domains = found(outcomes)["composition"].categories[1]
    taught = {colours[name]["color"] for name in ("L2", "tumour & <stroma>")}
    assert not taught & {entry["color"] for entry in domains.values()}


def test_two_sections_are_not_asked_which_one_stands_out(group):
    outcomes = group()
    told = [{"sample": name, "profile": None, "composition": None} for name in (SAMPLE_0, SAMPLE_1)]
    outcomes[0].cohort.metrics["cohort"]["standing_out"] = told
    words = found(outcomes)["outstanding"].data
    assert "Not asked of 2 sections: it takes 4" in words
    assert "<table" not in words


def test_domains_that_two_sections_of_one_patient_share_are_told_as_that_patients(group):
    """Each of four sections has a twin: no domain lies in one section, two of three lie in one patient."""
    outcomes = group(n=4)
    for outcome, patient in zip(outcomes, "AABB", strict=True):
        outcome.row["patient"] = patient
    names = [outcome.sample for outcome in outcomes]
    rows = ([0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0.25] * 4)
    shares = {str(k): dict(zip(names, row, strict=True)) for k, row in enumerate(rows, start=1)}
    outcomes[0].cohort.metrics["cohort"]["shares"] = shares
    assert "<strong>By patient: 2 of 3 joint domains lie in one patient" in found(outcomes)["verdict"].data
    outcomes[3].row["patient"] = None
    assert "By patient" not in found(outcomes)["verdict"].data


def test_controls_are_not_among_what_was_matched(group):
    outcomes = group()
    one = {"n_domains": 3, "shared": {"1": []}, "alone": []}
    results = dict.fromkeys(("stmfg", "stmfg_untrained", "baseline", "pca_kmeans", "joint"), one)
    outcomes[0].cohort.metrics["match"]["results"] = results
    words = found(outcomes)["verdict"].data
    assert [title in words for title in ("stMFG:", "Smoothed PCA:")] == [True] * 2
    assert "Joint: all sections:" not in words  # its spread is the verdict's to tell
    assert "pca_kmeans" not in words
    assert "untrained" not in words


def test_the_farthest_section_stands_first_and_is_marked(group):
    words = found(group())["outstanding"].data
    assert words.index(SAMPLE_1) < words.index(SAMPLE_0)
    assert "<strong>4.2</strong>" in words
    assert "<strong>1.0</strong>" not in words


def test_compositions_are_compared_only_where_numbers_are_matched(group):
    outcomes = group()
    assert found(outcomes)["composition"].config["data_labels"] == ["Regions", "Domains"]
    outcomes[2].metrics["matched"] = False
    section = found(outcomes)["composition"]
    assert section.config["data_labels"] == []
    assert {sample: section.data[sample] for sample in section.data if sample != SAMPLE_0} == {
        o.sample: {"L2": 500} for o in outcomes[1:]
    }
    assert "do not mean the same tissue" in found(outcomes)["verdict"].extra


def test_a_group_that_failed_costs_no_slice_and_is_told_among_what_needs_attention(group, tmp_path):
    lost = {"process": "MATCH", "tag": "group:lung__left stmfg", "attempt": 2, "exitStatus": 137}
    failed = Record("group:lung__left", "teach")
    failed.fail("no teacher is left")
    (tmp_path / "records").mkdir()
    failed.write(tmp_path / "records" / "teach.json")
    fake_run(tmp_path, 2)
    rows = json.loads((tmp_path / "rows.json").read_text())
    for row in rows:
        row |= {"group": "lung, left", "group_id": "lung__left"}
    outcomes = read_outcomes(rows, tmp_path / "records", [lost])
    assert [outcome.status for outcome in outcomes] == ["passed", "passed"]
    assert verdict_of(outcomes)["n_failed"] == 0
    (section,) = status.sections(outcomes, {})
    assert "group lung, left" in section.data
    assert "no teacher is left" in section.data
    assert "exit status 137" in section.data


def test_what_a_group_is_warned_of_is_told_once_and_not_for_each_of_its_slices(group):
    outcomes = group()
    reason = "teach: region 'x' is not taught"
    cohort = replace(outcomes[0].cohort, status="warned", reasons=(reason,))
    outcomes = [replace(o, status="warned", reasons=(reason,), cohort=cohort) for o in outcomes]
    outcomes[1] = replace(outcomes[1], reasons=(reason, "qc: few spots"))
    (section,) = status.sections(outcomes, {})
    assert section.data.count("is not taught") == 1
    assert f"<strong>{SAMPLE_0}</strong>" not in section.data
    assert f"<strong>{SAMPLE_1}</strong>" in section.data
    assert "few spots" in section.data


def test_teaching_that_failed_leaves_the_chapter_of_its_group_and_of_all_others(group):
    outcomes = group()
    outcomes[0].cohort.metrics["teach"] = {"seconds": 1.0}  # what a failed step records
    for outcome in outcomes:
        outcome.metrics.pop("regions", None)
        outcome.metrics["pictures"].pop("card_regions", None)
    assert "taught" not in found(outcomes)
    assert "verdict" in found(outcomes)


def test_a_group_whose_only_teacher_failed_says_that_nobody_was_named(tmp_path):
    fake_run(tmp_path, 3)
    rows = json.loads((tmp_path / "rows.json").read_text())
    for row in rows:
        row |= {"group": "lung", "group_id": "lung", "teaches": row is rows[0]}
    for path in (tmp_path / "records").rglob("*.json"):
        if json.loads(path.read_text())["sample"] == rows[0]["sample"]:
            path.unlink()
    failed = Record(rows[0]["sample"], "ingest")
    failed.fail("broken")
    failed.write(tmp_path / "records" / "failed.json")
    outcomes = read_outcomes(rows, tmp_path / "records")
    assert [outcome.status for outcome in outcomes] == ["failed", "warned", "warned"]
    told = f"teach: {rows[0]['sample']} failed and did not teach"
    assert outcomes[1].reasons[-1] == f"{told}; nobody was left to teach, so no region was named"
    rows[1]["teaches"] = True  # another one taught
    outcomes = read_outcomes(rows, tmp_path / "records")
    assert [outcome.status for outcome in outcomes] == ["failed", "passed", "passed"]
    assert outcomes[1].cohort.reasons == (told,)


def test_without_groups_there_is_no_chapter(tmp_path):
    fake_run(tmp_path, 2)
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert cohorts.sections(read_outcomes(rows, tmp_path / "records"), {}) == []
