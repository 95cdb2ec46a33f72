"""What a resumed run repeats: what changed and what follows from it, everything when the code changed.

Runs are dear and tasks are cheap: each resumed run makes several changes, to slices and groups that do not
meet.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from helpers.engine import AS_TEXT

from .conftest import ROOT, Run, run_pipeline, without_counts, write_sheet
from .faults import trained_for

pytestmark = pytest.mark.pipeline

# Whatever changed in sheet or parameters: they are checked again, and the report says what they are
ALWAYS = {"VALIDATE_SAMPLESHEET", "SUMMARISE", "MULTIQC"}
TAKEN_HOME = ("ASSEMBLE", "MARKERS", "SPATIAL_GENES", "COMPLETE", "EXPLORE")
QUESTIONS = ("TRAJECTORY", "INTERACTIONS", "ENRICHMENT", "DENOISE")  # that are not asked by default
STEPS = ("INGEST", "QC", "BASELINE", "GRAPH", "TRAIN", "CLUSTER", *TAKEN_HOME)
PER_METHOD = ("GRAPH", "TRAIN", "CLUSTER")
PRESET = trained_for(50)
Row = dict[str, str]


def tasks(sample: str, *steps: str) -> set[str]:
    """Names of the tasks of one slice, as `Run.statuses` has them."""
    return {f"{step} ({sample} stmfg)" if step in PER_METHOD else f"{step} ({sample})" for step in steps}


def of_group(name: str) -> set[str]:
    """Names of the tasks over all sections of a group."""
    return {f"{step} (group:{name})" for step in ("COHORT", "MATCH", "ASSEMBLE_COHORT", "COMPOSITION")}


def home(*samples: str) -> set[str]:
    """Names of the tasks that make what the user takes home of these slices."""
    return set().union(*(tasks(sample, *TAKEN_HOME) for sample in samples))


class Launch:
    """One launch directory: stub runs of one cache, with a sheet and a preset."""

    def __init__(self, folder: Path, project: Path = ROOT):
        self.folder, self.project = folder, project
        self.preset, self.written = folder / "mine.yaml", None

    def run(self, rows: list[Row], *more: str, preset: str = PRESET, outdir: str = "results") -> Run:
        sheet = self.folder / "sheet.csv"
        if (rows, preset) != self.written:  # a file written again is another one for the engine
            self.preset.write_text(preset)
            write_sheet(sheet, rows)
            self.written = (rows, preset)
        words = ("--input", str(sheet), "--stmfg_preset", str(self.preset), "--outdir", outdir, *more)
        run = run_pipeline(self.folder, "-stub", "-resume", *words, project=self.project)
        assert run.code == 0, run.output
        return Run(run.code, run.output, self.folder / outdir)

    def repeated(self, rows: list[Row], *more: str, **files: str) -> set[str]:
        """Tasks that are run again although the run is resumed."""
        return {
            name for name, status in self.run(rows, *more, **files).statuses().items() if status != "CACHED"
        }


class Cohort(Launch):
    """A finished run of three groups: `a` and `b`, and `taught`, which has no number of domains.

    reconfigured: what the next run repeats, before which the report got another configuration.
    """

    def __init__(self, folder: Path, project: Path):
        super().__init__(folder, project)
        path = str(ROOT / "tests" / "data" / "patchy.h5ad")
        groups = {"one": "a", "two": "a", "three": "b", "four": "b", "five": "taught", "six": "taught"}
        self.rows = [
            {"sample": name, "path": path, "n_domains": "" if group == "taught" else "3", "group": group}
            for name, group in groups.items()
        ]
        self.rows[4] |= {"annotation": "layer", "teaches": "true"}
        self.run(self.rows)
        with (project / "assets" / "multiqc_config.yml").open("a") as config:
            config.write("\nreport_comment: another comment\n")
        self.reconfigured = self.repeated(self.rows)

    def row(self, of: str, **changed: str) -> Row:
        """The row of a sample with some values changed."""
        return next(row for row in self.rows if row["sample"] == of) | changed

    def changed(self, **rows: Row | None) -> list[Row]:
        """The sheet with other rows for some samples, or none."""
        found = [rows.get(row["sample"], row) for row in self.rows]
        return [row for row in found if row is not None]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the pipeline that a test may edit; environment and engine are shared."""
    copy = tmp_path_factory.mktemp("project") / "tissuegraph"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".engine", ".uv", "demo", "tests", ".nextflow*", ".pytest_cache"
    )
    shutil.copytree(ROOT, copy, ignore=ignored, symlinks=True)
    for shared in (".venv", ".engine"):
        (copy / shared).symlink_to(ROOT / shared)
    return copy


@pytest.fixture(scope="module")
def cohort(tmp_path_factory, project):
    return Cohort(tmp_path_factory.mktemp("resume"), project)


def test_a_configuration_of_the_report_repeats_the_report_only(cohort):
    assert cohort.reconfigured == {"MULTIQC"}


def test_rows_added_repeat_their_own_slices_and_what_is_made_of_their_groups(cohort):
    """A section, a pupil in a group without number, a slice without group; a row gets another group.

    The order of rows, a title, another outdir and a comment in a preset repeat the report only.
    """
    added = [
        *cohort.changed(four=cohort.row("four", group="other")),
        cohort.row("one", sample="added"),
        cohort.row("six", sample="pupil"),
        cohort.row("one", sample="lone", group=""),
    ]
    words = ("--multiqc_title", "Monday")
    found = cohort.repeated(added[::-1], *words, preset="# ours\n" + PRESET, outdir="other")
    section = of_group("a") | home("one", "two") | tasks("added", *STEPS)
    # (no estimate of the others is repeated, nor the teaching)
    pupil = of_group("taught") | home("five", "six") | tasks("pupil", *STEPS, "ESTIMATE", "NAME_REGIONS")
    assert found == (
        ALWAYS
        | section
        | pupil
        | {"POOL_NUMBERS (group:taught)"}
        | tasks("lone", *STEPS)
        | home("three", "four")  # no longer of one group
    )


def test_values_of_a_row_repeat_what_reads_them_and_a_new_teacher_repeats_the_teaching(cohort):
    changed = cohort.changed(one=cohort.row("one", n_domains="4"), three=cohort.row("three", min_counts="3"))
    found = cohort.repeated([*changed, cohort.row("five", sample="second")])
    number = of_group("a") | tasks("one", "BASELINE", "CLUSTER", *TAKEN_HOME) | home("two")
    threshold = of_group("b") | tasks("three", *STEPS[1:]) | home("four")
    teacher = of_group("taught") | home("five", "six") | tasks("second", *STEPS, "ESTIMATE")
    taught = {"TEACH (group:taught)", "NAME_REGIONS (six)", "POOL_NUMBERS (group:taught)"}
    assert found == ALWAYS | number | threshold | teacher | taught


@pytest.mark.long
def test_a_row_removed_or_renamed_repeats_what_is_made_of_its_group_only(cohort):
    """With one section left, a group is none: that section is assembled again.

    More questions about all slices repeat nothing but what takes the answers in.
    """
    (cohort.folder / "sets.gmt").write_text("set\tours\tG1\tG2\n")
    (cohort.folder / "pairs.csv").write_text("ligand,receptor\nG1,G2\n")
    words = ("--gene_sets", str(cohort.folder / "sets.gmt"))
    words += ("--interaction_pairs", str(cohort.folder / "pairs.csv"))
    asked = ["markers", "spatial_genes", *(name.lower() for name in QUESTIONS)]
    rows = cohort.changed(one=None, three=cohort.row("three", sample="uno"))
    found = cohort.repeated(rows, "--characterise", ",".join(asked), *words)
    answered = {name for row in rows for name in tasks(row["sample"], *QUESTIONS, "COMPLETE", "EXPLORE")}
    removed = home("two") | of_group("b") | tasks("uno", *STEPS) | home("four")
    assert found == ALWAYS | removed | answered


@pytest.mark.long
def test_a_value_of_a_preset_repeats_from_the_step_that_reads_it(cohort):
    rows = cohort.rows[:2]
    always = ALWAYS | of_group("a") - {"COHORT (group:a)"}

    def of_both(*steps: str) -> set[str]:
        return tasks("one", *steps) | tasks("two", *steps)

    training = cohort.repeated(rows, preset=trained_for(60))
    assert training == always | of_both("TRAIN", "CLUSTER", *TAKEN_HOME)
    clustering = cohort.repeated(rows, preset=PRESET + "clustering:\n  clusterer: kmeans\n")
    assert clustering == always | of_both("CLUSTER", *TAKEN_HOME)
    # (without any question what was assembled is taken home, and answers of earlier runs are set aside)
    tables = cohort.folder / "results" / "slices" / "one" / "one.markers.csv"
    assert tables.exists()
    words = ("--characterise", "none")
    graphs = cohort.repeated(rows, *words, preset=PRESET + "feature_graph:\n  k: 9\n")
    assert graphs == always - {"COMPOSITION (group:a)"} | of_both(*PER_METHOD, "ASSEMBLE", "EXPLORE")
    assert not tables.exists()


@pytest.mark.long  # (test_refusal has the digest of code that every task is told)
def test_new_code_repeats_everything(cohort, project):
    module = project / "bin" / "tissuegraph" / "keys.py"
    text = module.read_text()
    module.write_text(text + "\n# another comment\n")
    statuses = cohort.run(cohort.rows[:1]).statuses()
    module.write_text(text)  # (what counts is what a file holds: other tests go on with the cache)
    assert tasks("one", *STEPS) | ALWAYS == set(statuses)
    assert set(statuses.values()) == {"COMPLETED"}


# --- files in directories, whose time is all that the engine compares -------------------------------------


class Directories:
    """Runs of slices and models that are directories: a first one, and one after changes.

    Changed are the counts of `outs` and a file of each of two models: of regions, which names the regions of
    all slices, and of expression, which infers that of `unseen`. Parameters do not change, but the way in
    which they arrive: of the first run as text, of the second by a file that the first one wrote, and typed.
    """

    def __init__(self, folder: Path):
        given = ROOT / "tests" / "data"
        outs = shutil.copytree(given / "layered" / "outs", folder / "outs")
        image = without_counts(given / "layered" / "outs", folder)
        rows = [
            {"sample": "outs", "path": str(outs), "n_domains": "3"},
            {"sample": "patchy", "path": str(given / "patchy.h5ad"), "n_domains": "3"},
            {"sample": "unseen", "path": image, "n_domains": "3", "role": "target"},
        ]
        models = {"region_model": "{", "reference_model": '{"kind": "expression"'}
        for name, text in models.items():
            (folder / name).mkdir()
            (folder / name / "model.json").write_text(text + "}")
            (folder / name / "model.safetensors").write_text("")
        self.outdir = folder / "2024"  # a name that is a number, which is a name
        words = ["--input", str(write_sheet(folder / "sheet.csv", rows)), "--infer_expression", "TRUE"]
        words += [word for name in models for word in (f"--{name}", str(folder / name))]
        words += ["--strict", "False", "--seed", "0"]
        both = ("-stub", "-resume", "--outdir", "2024", "--max_mito", "30", "--image_view")
        self.first = run_pipeline(folder, *both, "TRUE", *words, environment=AS_TEXT)
        assert self.first.code == 0, self.first.output
        self.statuses = self.first.statuses()
        self.written = (self.outdir / "pipeline_info" / "params.json").read_text()

        (folder / "region_model" / "model.json").write_text('{"format": 1}')
        (folder / "reference_model" / "model.json").write_text(models["reference_model"] + ', "format": 1}')
        matrix = next(outs.glob("*.h5"))
        matrix.write_bytes(matrix.read_bytes() + b" ")
        (folder / "params.json").write_text(self.written)
        after = run_pipeline(folder, *both, "true", "-params-file", "params.json")
        assert after.code == 0, after.output
        self.after = {name for name, status in after.statuses().items() if status != "CACHED"}
        self.written_after = (self.outdir / "pipeline_info" / "params.json").read_text()


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    return Directories(tmp_path_factory.mktemp("directories"))


def test_stub_run_reaches_the_report_and_every_slice(directories):
    out = directories.outdir
    assert {path.name for path in (out / "slices").iterdir()} == {"outs", "patchy", "unseen"}
    assert (out / "multiqc" / "multiqc_report.html").exists()


def test_a_directory_that_did_not_change_repeats_nothing(directories):
    """An unchanged run is that of `test_a_configuration_of_the_report_repeats_the_report_only`."""
    assert set(directories.statuses.values()) == {"COMPLETED"}
    assert not {f"{step} (unseen)" for step in ("INGEST", "ENCODE_HISTOLOGY")} & directories.after


def test_a_file_written_over_in_a_directory_of_counts_repeats_its_slice(directories):
    assert directories.after >= tasks("outs", *STEPS)


def test_a_file_written_over_in_a_model_repeats_what_reads_it(directories):
    patchy = {name for name in directories.after if "(patchy" in name}
    assert patchy == {"NAME_REGIONS (patchy)", *home("patchy")}
    assert "VALIDATE_SAMPLESHEET" not in directories.after
    assert {"SUMMARISE", "MULTIQC"} <= directories.after
    for tasks_of in (set(directories.statuses), directories.after):
        assert {name for name in tasks_of if "_EXPRESSION" in name} == {"INFER_EXPRESSION (unseen)"}


def test_text_and_types_and_a_params_file_that_is_fed_back_are_one_run(directories):
    """A sheet, numbers and flags come from the file, the rest is typed by the engine: what did not change
    otherwise is not repeated, as other tests of these runs say.
    """
    given = json.loads(directories.written)
    assert (given["image_view"], given["max_mito"], given["seed"], given["genes"]) == (True, 30, 0, None)
    assert (given["strict"], given["infer_expression"], given["outdir"]) == (False, True, "2024")
    assert directories.statuses["ENCODE_HISTOLOGY (outs)"] == "COMPLETED"  # flags are on
    assert directories.statuses["INFER_EXPRESSION (unseen)"] == "COMPLETED"
    assert directories.written_after == directories.written
