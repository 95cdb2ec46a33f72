"""How the page reads: it fits the window, names what it draws, explains what it scores, says what it cuts."""

from __future__ import annotations

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

from tissuegraph.methods import METHODS
from tissuegraph.multist.fusion import TERMS as FUSION_TERMS
from tissuegraph.multist.genes import TERMS as GENE_TERMS
from tissuegraph.report import graphs, overview, quality, scores, training
from tissuegraph.report.glossary import LOSSES, SCORES
from tissuegraph.report.n_domains import short_number
from tissuegraph.report.outcomes import Outcome, read_outcomes, shared_unit
from tissuegraph.report.references import reference
from tissuegraph.report.section import MOST_NAMED
from tissuegraph.stmfg.objective import TERMS_WITH_IMAGE

MULTIST_TERMS = (*GENE_TERMS, *FUSION_TERMS, "total")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def with_multist(folder: Path) -> None:
    """Give every slice of `fake_run` a second method with all terms that it can have, and their scores."""
    for path in folder.glob("records/*/assemble.json"):
        entry = json.loads(path.read_text())
        metrics = entry["metrics"]
        metrics["methods"] = ["stmfg", "multist"]
        metrics["training"]["multist"] = {term: [[1, 2.0], [2, 1.0]] for term in MULTIST_TERMS}
        own = [row for row in metrics["scores"] if row["method"] == "stmfg"]
        swapped = [{**row, "method": "multist", "key": row["key"].replace("stmfg", "multist")} for row in own]
        metrics["scores"] = [*own, *swapped, *(row for row in metrics["scores"] if row not in own)]
        metrics["gain"]["multist"] = metrics["gain"]["stmfg"]
        path.write_text(json.dumps(entry))


def outcomes_of(folder: Path) -> list[Outcome]:
    return read_outcomes(json.loads((folder / "rows.json").read_text()), folder / "records")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    fake_run(folder, 3)
    with_multist(folder)
    return folder


@pytest.fixture
def outcomes(both):
    return outcomes_of(both)


@pytest.mark.parametrize("chapter", [training, quality, graphs])
def test_the_lines_of_a_plot_are_named_beside_it(outcomes, chapter):
    plots = chapter.sections(outcomes, {})
    assert plots
    assert all(plot.config["showlegend"] for plot in plots)


def test_a_legend_of_more_lines_than_can_be_read_is_left_out(outcomes):
    many = [replace(outcomes[0], sample=f"s{k}") for k in range(MOST_NAMED + 1)]
    assert not quality.sections(many, {})[0].config["showlegend"]


def test_every_loss_of_every_method_is_explained():
    assert set(LOSSES["stmfg"]) == set(TERMS_WITH_IMAGE)
    assert set(LOSSES["multist"]) == set(MULTIST_TERMS)


def test_losses_stand_explained_above_the_plot_of_their_method(outcomes):
    plots = training.sections(outcomes, {})
    assert [plot.name for plot in plots] == ["stMFG", "MultiST"]
    for label in plots[1].config["data_labels"]:
        assert f"<strong>{label['name']}</strong>: " in plots[1].description


def test_a_term_of_weight_0_has_no_tab(outcomes):
    metrics = {**outcomes[0].metrics, "training": {"stmfg": {"total": [[1, 2.0]], "zinb": [[1, 0.0]]}}}
    (plot,) = training.sections([replace(outcomes[0], metrics=metrics)], {})
    assert [label["name"] for label in plot.config["data_labels"]] == ["total"]


@pytest.mark.parametrize("title", ["ARI", "PAS", "CHAOS", "ASW"])
def test_a_score_is_explained_with_its_direction_and_range(title):
    assert re.search(r"(higher|lower) is", SCORES[title])
    assert re.search(r"\d to \d|1 is|from 0", SCORES[title])


def test_every_score_that_a_table_shows_is_explained_beside_it(outcomes):
    table = next(each for each in scores.sections(outcomes, {}) if each.id == "scores_table")
    shown = {header["title"] for header in table.headers.values() if not header.get("hidden")}
    assert {"ARI", "PAS", "CHAOS", "ASW", "Moran's I", "Gain"} <= shown
    for title in shown & set(SCORES):
        assert f"<strong>{title.replace(chr(39), '&#x27;')}</strong>" in table.description
    assert "<strong>ARI</strong>" in overview.sections(outcomes, {})[0].parent[2]


def of_platform(outcome: Outcome, platform: str) -> Outcome:
    steps = {"ingest": {"platform": platform}}
    return replace(outcome, metrics={**outcome.metrics, "steps": steps})


@pytest.mark.parametrize(
    ("platforms", "unit"),
    [
        (("visium", "slideseq"), "UMIs"),
        (("xenium", "cosmx"), "transcripts"),
        (("visium", "xenium"), "counts"),
        (("h5ad",), "counts"),  # may hold any technology
    ],
)
def test_counts_are_called_umis_only_where_they_are(outcomes, platforms, unit):
    slices = [of_platform(outcomes[0], platform) for platform in platforms]
    assert shared_unit(slices) == unit
    title = f"{unit[:1].upper()}{unit[1:]}"
    assert overview.sections(slices, {})[0].headers["median_counts"]["title"] == title
    assert quality.sections(slices, {})[0].name == f"{title} per spot"


def test_results_and_controls_of_every_method_differ_in_colour(outcomes):
    bars = next(each for each in scores.sections(outcomes, {}) if each.id == "scores_agreement")
    colours = [category["color"] for category in bars.categories[0].values()]
    assert len(colours) == 6  # two methods, their untrained networks, two controls without a network
    assert len(set(colours)) == 6


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_is_cited_with_authors_title_and_year(method):
    text = reference(method.name)
    assert re.search(r"^\S+: [A-Z]\w+ [A-Z]+, .+\. .{30,}\(20\d\d\)", text)
    assert f"https://doi.org/10.48550/arXiv.{method.citation.split()[1]}" in text


@pytest.mark.parametrize(
    ("low", "high", "text"), [(6, 8, "7 (6 to 8)"), (7, 7, "7 (estimated)"), (None, None, "7")]
)
def test_a_number_of_domains_is_short_in_a_column(low, high, text):
    metrics = {"n_domains": 7, "n_domains_given": low is None, "n_domains_low": low, "n_domains_high": high}
    assert short_number(metrics) == text


@pytest.fixture(scope="module")
def page(both, root):
    """The report of three slices and two methods, as MultiQC builds it."""
    result = invoke_script("summarise", *summarise_words(both))
    assert result.exit_code == 0, result.output
    command = [sys.executable, "-m", "multiqc", "--force", "--quiet"]
    for config in (both / "content" / "report_order.yaml", root / "assets" / "multiqc_config.yml"):
        command += ["--config", str(config)]
    command += ["--filename", "report.html", "--outdir", str(both), str(both / "content")]
    subprocess.run(command, check=True, capture_output=True)
    return both / "report.html"


# A frame per width, as Chromium's own window is not narrower than 500 pixels. 2 s after a page was loaded,
# what it measures: width of the page, of the frame, and the lines that its script has put under tables.
FRAMES = """<title></title><script>
function measure(frame) {
  setTimeout(function () {
    var page = frame.contentDocument.documentElement;
    var cues = page.querySelectorAll('.tg-cue').length;
    document.title += [frame.width, page.scrollWidth, cues].join(' ') + ';';
  }, 2000);
}
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser")
def test_the_page_is_no_wider_than_the_window_of_a_laptop_a_tablet_or_a_phone(page):
    frames = [
        f'<iframe src="{page.name}" width="{width}" frameborder="0" onload="measure(this)"></iframe>'
        for width in (1400, 1024, 390)
    ]
    page.with_name("frames.html").write_text(FRAMES + "".join(frames))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    options += ["--window-size=1600,1000", "--virtual-time-budget=60000", "--dump-dom"]
    options.append(f"file://{page.with_name('frames.html')}")
    dom = subprocess.run([CHROMIUM, *options], capture_output=True, text=True, timeout=300).stdout
    measured = [tuple(map(int, line)) for line in re.findall(r"(\d+) (\d+) (\d+);", dom)]
    assert sorted(width for width, _, _ in measured) == [390, 1024, 1400]
    for width, wide, cues in measured:
        assert wide <= width
        assert cues >= 2  # the script ran: every table has a line for what it cuts
