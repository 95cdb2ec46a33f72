"""The cohort table and the report: failed slices first, names as given, no more claimed than shown."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.fake_slices import fake_run, summarise_words
from helpers.scripts import invoke_script

from tissuegraph.records import Record
from tissuegraph.report import CHAPTERS, ORDER_FILE, histology, maps, n_domains, overview, scores
from tissuegraph.report.outcomes import CHARACTERISING, Outcome, read_outcomes
from tissuegraph.report.quality import density
from tissuegraph.scores.table import gain
from tissuegraph.sheet.check import read_samplesheet

SAMPLE_0, SAMPLE_1, SAMPLE_2 = "donor1.section_1-v0", "donor1.section_2-v1", "donor1.section_3-v2"


def summarise(folder: Path):
    """Run the script in bin/; returns the table's rows and the content folder."""
    result = invoke_script("summarise", *summarise_words(folder))
    assert result.exit_code == 0, result.output
    with open(folder / "slices.csv", newline="") as file:
        return list(csv.DictReader(file)), folder / "content"


def section(content: Path, name: str) -> dict:
    return json.loads((content / f"{name}_mqc.json").read_text())


def order_of(content: Path) -> dict:
    return json.loads((content / ORDER_FILE).read_text())


def outcomes_of(folder: Path) -> list[Outcome]:
    return read_outcomes(json.loads((folder / "rows.json").read_text()), folder / "records")


@pytest.fixture
def three(tmp_path):
    """Three slices: one passed, one failed in QC, one warned and without annotation."""
    fake_run(tmp_path, 3, failed=(1,), warned=(2,))
    return tmp_path


def test_the_table_has_one_row_per_slice_in_the_order_of_the_sheet(three):
    rows, _ = summarise(three)
    assert [row["sample"] for row in rows] == [SAMPLE_0, SAMPLE_1, SAMPLE_2]
    assert [row["status"] for row in rows] == ["passed", "failed", "warned"]


def test_a_next_run_can_start_from_the_table(three, root):
    rows, _ = summarise(three)
    schema = json.loads((root / "assets" / "schema_input.json").read_text())
    again = read_samplesheet(three / "slices.csv", schema)
    assert again.problems == []
    assert [row["sample"] for row in again.rows] == [SAMPLE_0, SAMPLE_1, SAMPLE_2]
    assert rows[0]["path"] == f"slices/{SAMPLE_0}/{SAMPLE_0}.h5ad"
    assert (rows[0]["platform"], rows[0]["annotation"]) == ("h5ad", "annotation")
    assert int(rows[0]["n_domains_found"]) >= 2
    assert rows[0]["n_domains"] == ""  # no row gave it: an estimate is no fact for the next run
    assert (rows[2]["platform"], rows[2]["annotation"]) == ("h5ad", "")
    assert rows[0]["group"] == "control"


def test_a_failed_slice_keeps_its_input_and_tells_why(three):
    rows, _ = summarise(three)
    assert (rows[1]["path"], rows[1]["platform"]) == (f"data/{SAMPLE_1}/outs", "visium")
    assert rows[1]["reason"].startswith("qc: no spot is left after quality control")
    assert rows[1]["ari_stmfg"] == rows[1]["domains_png"] == ""


def test_scores_of_methods_and_controls_are_columns(three):
    rows, _ = summarise(three)
    for column in (
        "ari_stmfg",
        "ari_sd_stmfg",
        "nmi_stmfg",
        "ari_stmfg_untrained",
        "ari_baseline",
        "ari_pca_kmeans",
    ):
        assert float(rows[0][column]) <= 1
        assert rows[2][column] == ""


def test_a_slice_whose_task_died_without_a_record_is_failed_not_forgotten(tmp_path):
    fake_run(tmp_path, 2)
    shutil.rmtree(tmp_path / "records" / "1")
    rows, _ = summarise(tmp_path)
    assert rows[1]["status"] == "failed"
    assert rows[1]["reason"] == "no result: a task after ingest stopped; see pipeline_info for its log"


def lose(folder: Path, **task) -> list[dict[str, str]]:
    """Rows of the table after a task died without a record."""
    context = json.loads((folder / "context.json").read_text())
    (folder / "context.json").write_text(json.dumps({**context, "lost": [task]}))
    return summarise(folder)[0]


def test_a_task_that_died_is_named_with_attempt_status_and_last_line(tmp_path):
    fake_run(tmp_path, 2)
    (tmp_path / "records" / "1" / "assemble.json").unlink()
    task = {"process": "DOMAINS:TRAIN", "tag": f"{SAMPLE_1} stmfg", "attempt": 2, "exitStatus": 137}
    rows = lose(tmp_path, **task, said="Killed\n")
    assert rows[1]["status"] == "failed"
    expected = "train: stmfg: the task left no result, exit status 137, attempt 2; its last line: Killed"
    assert rows[1]["reason"] == expected


def test_a_task_of_several_slices_that_died_is_told_of_each(tmp_path):
    fake_run(tmp_path, 2)
    for place in (0, 1):
        (tmp_path / "records" / str(place) / "assemble.json").unlink()
    task = {"process": "DOMAINS:TRAIN", "tag": f"{SAMPLE_0}+1 stmfg", "attempt": 2, "exitStatus": 137}
    rows = lose(tmp_path, **task, slices=[SAMPLE_0, SAMPLE_1])
    expected = "train: stmfg: the task of 2 slices left no result, exit status 137, attempt 2"
    assert [row["reason"] for row in rows] == [expected, expected]


def test_a_lost_task_without_exit_status_says_so(tmp_path):
    fake_run(tmp_path, 2)
    (tmp_path / "records" / "1" / "assemble.json").unlink()
    rows = lose(tmp_path, process="QC", tag=SAMPLE_1, attempt=6, exitStatus=2**31 - 1, said=None)
    assert rows[1]["reason"] == "qc: the task left no result, was lost without an exit status, attempt 6"


def test_what_a_step_after_assembly_warns_of_is_told_of_the_slice(tmp_path):
    fake_run(tmp_path, 2)
    entry = Record(SAMPLE_0, "export")
    entry.warn("loupe left out: names")
    (tmp_path / "records" / "exported").mkdir()
    entry.write(tmp_path / "records" / "exported" / "export.json")
    told, other = outcomes_of(tmp_path)
    assert (told.status, told.reasons) == ("warned", ("export: loupe left out: names",))
    assert other.status == "passed"


def test_a_slice_that_lost_one_method_is_warned_and_keeps_the_rest(tmp_path):
    fake_run(tmp_path, 2)
    rows = lose(
        tmp_path, process="DOMAINS:TRAIN", tag=f"{SAMPLE_0} multist", attempt=1, exitStatus=1, said="no"
    )
    assert rows[0]["status"] == "warned"
    assert rows[0]["reason"].startswith("train: multist: the task left no result, exit status 1")
    assert rows[0]["ari_stmfg"]
    assert rows[1]["status"] == "passed"


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ((), "All 2 slices finished, 0 of them with a warning"),
        ((1,), f"1 of 2 slices failed ({SAMPLE_1}); slices.csv and the report say why"),
        ((0, 1), "No slice is left: all 2 failed; slices.csv and the report say why"),
    ],
)
def test_the_verdict_of_a_run_is_one_true_sentence(tmp_path, failed, expected):
    fake_run(tmp_path, 2, failed=failed)
    summarise(tmp_path)
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict == {
        "n_slices": 2,
        "n_finished": 2 - len(failed),
        "n_failed": len(failed),
        "sentence": expected,
    }


def test_failed_slices_come_before_warned_ones_and_both_before_all_else(three):
    _, content = summarise(three)
    text = section(content, "status")["data"]
    assert text.index(SAMPLE_1) < text.index(SAMPLE_2)
    assert SAMPLE_0 not in text
    assert "1 slice of 3 failed and left the run; 1 slice of 3 finished with a warning; 1 passed." in text
    assert order_of(content)["custom_content"]["order"][:2] == ["tissuegraph_status", "tissuegraph_overview"]


def test_a_run_without_trouble_says_so_in_one_line(tmp_path):
    fake_run(tmp_path, 2)
    _, content = summarise(tmp_path)
    assert "All 2 slices passed without a warning." in section(content, "status")["data"]


def test_a_run_in_which_every_slice_failed_still_has_a_report(tmp_path):
    fake_run(tmp_path, 2, failed=(0, 1))
    rows, content = summarise(tmp_path)
    assert {row["status"] for row in rows} == {"failed"}
    written = {path.name for path in content.iterdir()}
    names = ("status", "general_statistics", "receipt", "parameters")
    assert written == {ORDER_FILE, *(f"{name}_mqc.json" for name in names)}


def test_what_users_wrote_cannot_become_markup(three):
    entry = json.loads((three / "records" / "1" / "qc.json").read_text())
    entry["reasons"] = ["<script>alert(1)</script>"]
    (three / "records" / "1" / "qc.json").write_text(json.dumps(entry))
    context = json.loads((three / "context.json").read_text())
    context["params"]["input"] = "<img src=x>.csv"
    context["lost"] = [{"process": "TRAIN", "tag": f"{SAMPLE_1} stmfg", "exitStatus": 1, "said": "<b>"}]
    (three / "context.json").write_text(json.dumps(context))
    _, content = summarise(three)
    assert "&lt;script&gt;alert(1)" in section(content, "status")["data"]
    assert "<img src=x>" not in section(content, "parameters")["data"]
    assert "its last line: &lt;b&gt;" in section(content, "status")["data"]


def test_columns_that_no_slice_has_are_left_out(tmp_path):
    fake_run(tmp_path, 3)
    for index in (0, 1, 2):
        path = tmp_path / "records" / str(index) / "assemble.json"
        entry = json.loads(path.read_text())
        entry["metrics"]["median_mito"] = None
        path.write_text(json.dumps(entry))
    _, content = summarise(tmp_path)
    table = section(content, "general_statistics")
    assert "median_mito" not in table["headers"]
    assert "mitochondrial share is unknown" in table["parent_description"]
    assert "ari_stmfg" in table["headers"]


def test_the_share_of_controls_is_a_column_where_a_slice_had_any(tmp_path):
    fake_run(tmp_path, 2)
    _, content = summarise(tmp_path)
    assert "control_share" not in section(content, "general_statistics")["headers"]
    entry = {"sample": SAMPLE_0, "step": "ingest", "status": "passed", "reasons": [], "metrics": {}}
    entry["metrics"]["control_share"] = 0.0125
    (tmp_path / "records" / "0" / "ingest.json").write_text(json.dumps(entry))
    _, content = summarise(tmp_path)
    table = section(content, "general_statistics")
    assert table["headers"]["control_share"]["title"] == "Controls"
    assert table["data"][SAMPLE_0]["control_share"] == 1.25
    assert "control_share" not in table["data"][SAMPLE_1]


def with_gains(*verdicts: str) -> list[Outcome]:
    """Slices on which a method is above, within or below its controls, by scores that say so."""
    ari = {"above": 0.65, "within": 0.6, "below": 0.55, "one seed": 0.8}
    found = []
    for number, verdict in enumerate(verdicts):
        rows = [
            {"key": "m", "method": "m", "kind": "learned", "what": "consensus", "ari": ari[verdict]},
            {"key": "baseline", "method": "baseline", "kind": "control", "what": "PCA", "ari": 0.6},
        ]
        if verdict != "one seed":
            rows[0] |= {"ari_mean": ari[verdict], "ari_sd": 0.01}
        metrics = {"methods": ["m"], "scores": rows, "gain": {"m": gain(rows, "m")}, "n_labelled": 9}
        found.append(Outcome(f"S{number}", {}, "passed", (), metrics))
    return found


@pytest.mark.parametrize(
    ("verdicts", "says", "gained"),
    [
        (("above", "above", "within"), "above controls on 2, no difference shown on 1", True),
        (("above", "within"), "Over all 2, no gain of m over its controls is shown here.", False),
        (("above",), "Judged by its spread over seeds: above controls.", True),
        (("below",), "Judged by its spread over seeds: below a control.", False),
        (("one seed",), "no gain is claimed", False),
    ],
)
def test_no_more_is_claimed_than_the_scores_show(verdicts, says, gained):
    text = scores.sections(with_gains(*verdicts), {})[0].data
    assert says in text
    assert ("no gain" not in text.lower()) == gained


def test_text_and_both_tables_give_a_slice_the_same_verdict():
    (outcome,) = with_gains("above")
    text, _, table = scores.sections([outcome], {})
    (general,) = overview.sections([outcome], {})
    assert "above controls" in text.data
    assert table.data["S0 · m"]["verdict"] == "above controls"
    assert "+0.05 ± 0.01, above controls" in general.data["S0"]["gain_m"]


def test_nothing_is_claimed_without_labels():
    (outcome,) = with_gains("within")
    rows = [{**row, "ari": None, "pas": 0.1} for row in outcome.metrics["scores"]]
    # 3: labelled spots of one region, with which nothing can be compared
    outcome.metrics.update(scores=rows, gain={"m": gain(rows, "m")}, n_labelled=3)
    text = scores.sections([outcome], {})[0].data
    assert text.startswith("<p>1 slice without annotation of two regions or more cannot be scored")


def test_the_methods_paragraph_cites_what_ran_and_nothing_else(three):
    _, content = summarise(three)
    text = section(content, "methods_description")["data"]
    assert "2 slices with" in text
    assert "10.48550/arXiv.2512.16188" in text
    assert "2601.13331" not in text  # MultiST did not run
    assert "scanpy" not in text.lower()  # no step imports it
    assert "10.1016/j.cell.2019.05.031" in text  # the score that ranks genes
    assert "trained for 200 epochs from each of 5 seeds" in text
    assert "fewer than 10 UMIs or fewer than 5 genes" in text
    assert text.index("[1]") < text.index("[2]") < text.index("[3]") < text.index("[4]")


def test_bins_of_different_width_give_comparable_lines():
    # All spots between 10 and 100, once in one bin and once in two: ten tenths of a decade, 10 % each.
    one = density({"edges": [10, 100], "counts": [4]}, logarithmic=True)
    two = density({"edges": [10, 10**1.5, 100], "counts": [2, 2]}, logarithmic=True)
    assert [share for _, share in one] == [10.0]
    assert [share for _, share in two] == pytest.approx([10, 10], rel=1e-3)
    assert density({"edges": [0, 2, 4], "counts": [3, 1]}, logarithmic=False) == [[1.0, 37.5], [3.0, 12.5]]
    assert density(None, logarithmic=True) == []


def test_failed_slices_are_in_the_quality_plots(three):
    entry = json.loads((three / "records" / "1" / "qc.json").read_text())
    entry["metrics"]["histograms"] = {
        "counts": {"edges": [1, 10], "counts": [5]},
        "genes": None,
        "mito": None,
    }
    (three / "records" / "1" / "qc.json").write_text(json.dumps(entry))
    _, content = summarise(three)
    assert section(content, "qc_counts")["data"][SAMPLE_1] == [[3.162, 10.0]]


def test_pictures_that_do_not_fit_are_left_out_least_important_first(three):
    shown = [outcome for outcome in outcomes_of(three) if outcome.assembled]
    for outcome in shown:
        outcome.metrics["pictures"].update(
            card="c" * 10, domains="d" * 100, confidence="e" * 100, quality="f" * 100
        )
    assert maps.affordable(shown, budget=10_000) == (["domains", "confidence", "quality"], [])
    assert maps.affordable(shown, budget=500) == (["domains", "confidence"], ["quality"])
    assert maps.affordable(shown, budget=1) == (["domains"], ["confidence", "quality"])


def test_few_slices_are_all_open_and_many_have_a_chooser(three, tmp_path_factory):
    _, content = summarise(three)
    assert (
        "tg-cards" not in section(content, "tissue_maps")["extra"].split("</style>")[1].split("<script>")[0]
    )
    many = tmp_path_factory.mktemp("many")
    fake_run(many, 6)
    _, content = summarise(many)
    gallery = section(content, "tissue_maps")["extra"]
    assert gallery.count('class="tg-card"') == gallery.count('class="tg-slice"') == 6


def test_the_gallery_links_the_page_of_a_slice_that_has_one(three):
    Record(SAMPLE_0, "explore", metrics={"page": f"{SAMPLE_0}.html"}).write(
        three / "records" / "explore.json"
    )
    _, content = summarise(three)
    gallery = section(content, "tissue_maps")["extra"]
    assert re.findall(r'<a href="([^"]*)"', gallery) == [f"../slices/{SAMPLE_0}/{SAMPLE_0}.html"]


def test_a_page_that_failed_is_a_warning_of_its_slice(three):
    record = Record(SAMPLE_0, "explore", metrics={"page": f"{SAMPLE_0}.html"})
    record.fail("the h5ad holds no spots")
    record.write(three / "records" / "explore.json")
    rows, content = summarise(three)
    assert (rows[0]["status"], rows[0]["reason"]) == ("warned", "explore: the h5ad holds no spots")
    assert "<a href" not in section(content, "tissue_maps")["extra"]


def multiqc(folder: Path, content: Path, *configs: Path) -> str:
    """The page that MultiQC makes of the content, with configurations as the pipeline gives them."""
    (content / "software_mqc_versions.yml").write_text("INGEST:\n  anndata: 0.12.1\n")
    command = [sys.executable, "-m", "multiqc", "--force"]
    for config in (content / ORDER_FILE, *configs):
        command += ["--config", str(config)]
    command += ["--filename", "multiqc_report.html", "--outdir", str(folder / "mqc"), str(content)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "mqc" / "multiqc_report.html").read_text()


def headings(page: str) -> list[str]:
    """Ids of the chapters in the order of the page."""
    return re.findall(r'<h2 class="mb-0" id="([^"]+)"', page)


def test_multiqc_builds_one_offline_page_with_the_names_of_the_sheet(three, root):
    _, content = summarise(three)
    page = multiqc(three, content, root / "assets" / "multiqc_config.yml")
    for text in (SAMPLE_0, SAMPLE_1, SAMPLE_2, "Slices that need attention", "Software Versions", "0.12.1"):
        assert text in page
    assert not re.search(r"<(script|link|iframe)[^>]*(src|href)=.https?:", page)  # nothing is fetched
    assert "Summarize report" not in page  # no button that sends data away
    assert (three / "mqc" / "multiqc_data").is_dir()


def test_the_page_follows_the_list_of_chapters_and_the_order_within_each(three, root):
    _, content = summarise(three)
    page = multiqc(three, content, root / "assets" / "multiqc_config.yml")
    chapters = [f"tissuegraph_{module.__name__.rpartition('.')[2]}" for module in CHAPTERS]
    without = {"expression", "histology", "cohorts", "conditions", "differential"}  # no image, no group
    without |= {*CHARACTERISING}  # no record of any of these steps
    without = {f"tissuegraph_{name}" for name in without}
    assert headings(page)[:-1] == [name for name in chapters if name not in without]
    within = ["scores_summary", "scores_agreement", "scores_table", "qc_counts", "qc_genes", "qc_mito"]
    places = [page.index(f'id="mqc-section-wrapper-{name}"') for name in within]
    assert places == sorted(places)


def test_no_chapter_is_named_like_a_task_whose_versions_multiqc_would_set_beside_its_heading(root):
    report, tasks = root / "bin" / "tissuegraph" / "report", root / "modules" / "local"
    texts = [path.read_text() for path in report.glob("*.py")]
    names = [name for text in texts for name in re.findall(r'"tissuegraph_\w+",\s*"([^"]+)"', text)]
    assert len(names) >= 15
    assert not {re.sub(r"[ _-]", "", name.lower()) for name in names} & {
        path.name.replace("_", "") for path in tasks.iterdir()
    }


def test_a_users_own_configuration_may_change_the_order_of_chapters(three, tmp_path):
    _, content = summarise(three)
    own = tmp_path / "own.yml"
    own.write_text("run_modules: [custom_content]\ncustom_content:\n  order: [tissuegraph_parameters]\n")
    assert headings(multiqc(three, content, own))[0] == "tissuegraph_parameters"


def test_evidence_for_the_number_of_domains_is_shown_where_it_was_estimated_and_only_there(three):
    _, content = summarise(three)
    shown = section(content, "n_domains_evidence")
    assert [label["name"] for label in shown["pconfig"]["data_labels"]] == [
        "Both together",
        "Stability",
        "Gain in likelihood",
    ]
    lines = shown["data"][0]
    assert {name.partition(":")[0] for name in lines} == {SAMPLE_0, SAMPLE_2}
    assert all([k for k, _ in points] == list(range(2, 13)) for points in lines.values())
    outcomes = [replace(o, metrics={**o.metrics, "n_domains_evidence": {}}) for o in outcomes_of(three)]
    assert n_domains.sections(outcomes, {}) == []


def test_a_chapter_that_cannot_be_made_says_so_and_costs_no_other(three, monkeypatch):
    def broken(_outcomes, _settings):
        raise ValueError("<no> numbers")

    monkeypatch.setattr("tissuegraph.report.composition.sections", broken)
    _, content = summarise(three)
    assert "ValueError: &lt;no&gt; numbers" in section(content, "composition_missing")["data"]
    assert section(content, "status")["data"]


def test_a_note_is_told_and_turns_no_status(tmp_path):
    fake_run(tmp_path, 2)
    for place in ("0", "1"):
        path = tmp_path / "records" / place / "assemble.json"
        entry = json.loads(path.read_text())
        path.write_text(json.dumps({**entry, "notes": ["encode_histology: the slice has no <image>"]}))
    rows, content = summarise(tmp_path)
    assert [row["status"] for row in rows] == ["passed", "passed"]
    assert rows[0]["notes"] == "encode_histology: the slice has no <image>"
    told = section(content, "status")["data"]
    assert "All 2 slices passed without a warning" in told
    assert (
        f"<td>{SAMPLE_0}, {SAMPLE_1}</td><td>encode_histology</td><td>the slice has no &lt;image&gt;" in told
    )


def test_the_chapter_on_images_says_how_far_each_method_trusted_them():
    image = {"encoder": "handcrafted", "n_features": 119}
    slices = [
        Outcome("A", {}, "passed", metrics={"histology": image, "methods": ["stmfg", "multist"], **trusted})
        for trusted in ({"image_trust": {"multist": 0.5}}, {})
    ]
    (found,) = histology.sections([slices[0], replace(slices[1], sample="B")], {})
    assert found.data["A"]["image_trust_multist"] == 0.5
    assert "image_trust_multist" not in found.data["B"]
    assert found.headers["image_trust_multist"]["title"] == "Trust, MultiST"
    assert "image_trust_stmfg" not in found.headers


def test_the_overview_says_the_scale_of_every_slice_and_who_said_so():
    found = {"um_per_px": 0.24999, "um_per_px_source": "image (OME-XML)"}
    slices = [
        Outcome("A", {}, "passed", metrics={"steps": {"ingest": found}}),
        Outcome("B", {}, "failed", metrics=found | {"um_per_px_source": "column"}),
        Outcome("C", {}, "passed", metrics={"steps": {"ingest": {"um_per_px": None}}}),
    ]
    (table,) = overview.sections(slices, {})
    assert table.headers["scale"]["title"] == "µm per px"
    assert "0.25, image (OME-XML)" in table.data["A"]["scale"]
    assert "0.25, column" in table.data["B"]["scale"]
    assert "scale" not in table.data["C"]
