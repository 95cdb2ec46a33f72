"""What a resumed run repeats: what changed and what follows from it, everything when the code changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import ROOT, Run, run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline

# Whatever changed in sheet or parameters: they are checked again, and the report says what they are
ALWAYS = {"VALIDATE_SAMPLESHEET", "SUMMARISE", "MULTIQC"}
TAKEN_HOME = ("ASSEMBLE", "EXPLORE")
STEPS = ("INGEST", "QC", "BASELINE", "GRAPH", "TRAIN", "CLUSTER", *TAKEN_HOME)
PER_METHOD = ("GRAPH", "TRAIN", "CLUSTER")
OF_GROUP = {"COHORT (group:a)", "MATCH (group:a)", "ASSEMBLE_COHORT (group:a)"}
OF_TAUGHT_GROUP = {name.replace("group:a", "group:taught") for name in OF_GROUP}
PRESET = "extends: default\noptimiser:\n  epochs: 50\n"


def tasks(sample: str, *steps: str) -> set[str]:
    """Names of the tasks of one slice, as the trace has them."""
    return {f"{step} ({sample} stmfg)" if step in PER_METHOD else f"{step} ({sample})" for step in steps}


class Cohort:
    """One launch directory with a sheet, a preset and a finished stub run; each change resumes from there."""

    def __init__(self, folder: Path, rows: list[dict[str, str]]):
        self.folder, self.rows = folder, rows
        self.preset, self.written = folder / "mine.yaml", None
        self.run(self.rows)
        self.repeated_unchanged = self.repeated()

    def run(self, rows: list[dict[str, str]], preset: str = PRESET, *more: str) -> Run:
        sheet = self.folder / "sheet.csv"
        if (rows, preset) != self.written:  # a file written again is another one for the engine
            self.preset.write_text(preset)
            write_sheet(sheet, rows)
            self.written = (rows, preset)
        run = run_pipeline(
            self.folder, "-stub", "-resume", "--input", str(sheet), "--stmfg_preset", str(self.preset), *more
        )
        assert run.code == 0, run.output
        return run

    def repeated(
        self, rows: list[dict[str, str]] | None = None, preset: str = PRESET, *more: str
    ) -> set[str]:
        """Tasks that are run again although the run is resumed."""
        trace = self.run(rows or self.rows, preset, *more).trace()
        return {name for name, status in trace.items() if status != "CACHED"}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    path = str(ROOT / "tests" / "data" / "patchy.h5ad")
    rows = [{"sample": name, "path": path, "n_domains": "3", "group": "a"} for name in ("one", "two")]
    return Cohort(tmp_path_factory.mktemp("resume"), rows)


def test_an_unchanged_run_repeats_nothing(cohort):
    assert cohort.repeated_unchanged == set()


def test_a_section_added_repeats_its_own_slice_and_what_is_made_of_the_group(cohort):
    added = [*cohort.rows, {**cohort.rows[0], "sample": "three"}]
    assembled = tasks("one", *TAKEN_HOME) | tasks("two", *TAKEN_HOME)
    assert cohort.repeated(added) == ALWAYS | OF_GROUP | assembled | tasks("three", *STEPS)


def test_a_slice_without_group_added_repeats_nothing_of_the_others(cohort):
    added = [*cohort.rows, {**cohort.rows[0], "sample": "lone", "group": ""}]
    assert cohort.repeated(added) == ALWAYS | tasks("lone", *STEPS)


def test_a_section_added_to_a_group_without_number_repeats_no_estimate_of_the_others(cohort):
    asked = [{**row, "n_domains": "", "group": "b"} for row in cohort.rows]
    cohort.run(asked)
    found = cohort.repeated([*asked, {**asked[0], "sample": "asking"}])
    assert "ESTIMATE (asking)" in found
    assert "POOL_NUMBERS (group:b)" in found
    assert not found & {
        f"{step} ({name})" for step in ("ESTIMATE", "BASELINE", "QC") for name in ("one", "two")
    }


@pytest.mark.parametrize("teaches", [False, True])
def test_a_section_added_to_a_taught_group_repeats_the_teaching_if_it_teaches_itself(cohort, teaches):
    teacher = {**cohort.rows[0], "group": "taught", "annotation": "layer", "teaches": "true"}
    taught = [teacher, {**cohort.rows[1], "group": "taught"}]
    cohort.run(taught)
    new = "teacher" if teaches else "pupil"  # no other test adds it: all share one cache
    added = {**(teacher if teaches else taught[1]), "sample": new}
    named = {"TEACH (group:taught)", "NAME_REGIONS (two)"} if teaches else {f"NAME_REGIONS ({new})"}
    own = tasks(new, *STEPS) | tasks("one", *TAKEN_HOME) | tasks("two", *TAKEN_HOME)
    assert cohort.repeated([*taught, added]) == ALWAYS | OF_TAUGHT_GROUP | own | named


def test_a_row_removed_repeats_the_assembly_of_the_section_that_is_left_alone(cohort):
    assert cohort.repeated(cohort.rows[1:]) == ALWAYS | tasks("two", *TAKEN_HOME)


def test_a_renamed_row_repeats_that_slice_and_its_group_only(cohort):
    renamed = [{**cohort.rows[0], "sample": "uno"}, cohort.rows[1]]
    found = ALWAYS | OF_GROUP | tasks("uno", *STEPS) | tasks("two", *TAKEN_HOME)
    assert cohort.repeated(renamed) == found


def test_reordered_rows_repeat_the_report_only(cohort):
    assert cohort.repeated(cohort.rows[::-1]) == ALWAYS


def test_the_group_of_a_row_repeats_the_assembly_of_its_sections_only(cohort):
    rows = [{**row, "n_domains": "5"} for row in cohort.rows]  # as in no other test: all share one cache
    cohort.run(rows)
    found = cohort.repeated([{**rows[0], "group": "b"}, rows[1]])
    assert found == ALWAYS | tasks("one", *TAKEN_HOME) | tasks("two", *TAKEN_HOME)


def test_the_number_of_domains_of_a_row_repeats_its_clusterings_only(cohort):
    found = cohort.repeated([{**cohort.rows[0], "n_domains": "4"}, cohort.rows[1]])
    own = tasks("one", "BASELINE", "CLUSTER", *TAKEN_HOME)
    assert found == ALWAYS | OF_GROUP | own | tasks("two", *TAKEN_HOME)


def test_a_threshold_of_a_row_repeats_that_slice_from_quality_control_on(cohort):
    found = cohort.repeated([{**cohort.rows[0], "min_counts": "3"}, cohort.rows[1]])
    assert found == ALWAYS | OF_GROUP | tasks("one", *STEPS[1:]) | tasks("two", *TAKEN_HOME)


def test_a_title_and_another_outdir_repeat_the_report_only(cohort):
    assert cohort.repeated(None, PRESET, "--multiqc_title", "Monday") == ALWAYS
    assert cohort.repeated(None, PRESET, "--outdir", str(cohort.folder / "results" / "..")) == ALWAYS


def test_a_comment_in_a_preset_repeats_nothing_before_the_report(cohort):
    assert cohort.repeated(None, "# ours\n" + PRESET) == ALWAYS


def test_a_value_of_a_preset_repeats_from_the_step_that_reads_it(cohort):
    everyone = [row["sample"] for row in cohort.rows]
    always = ALWAYS | {"MATCH (group:a)", "ASSEMBLE_COHORT (group:a)"}
    training = cohort.repeated(None, PRESET.replace("50", "60"))
    assert training == always.union(*(tasks(name, "TRAIN", "CLUSTER", *TAKEN_HOME) for name in everyone))
    clustering = cohort.repeated(None, PRESET + "clustering:\n  clusterer: kmeans\n")
    assert clustering == always.union(*(tasks(name, "CLUSTER", *TAKEN_HOME) for name in everyone))
    graphs = cohort.repeated(None, PRESET + "feature_graph:\n  k: 9\n")
    assert graphs == always.union(*(tasks(name, *STEPS[3:]) for name in everyone))


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


def test_a_file_written_over_in_a_directory_repeats_what_reads_it(tmp_path):
    """The time of a directory stays the same then, and it is all that the engine compares."""
    outs = tmp_path / "outs"
    shutil.copytree(ROOT / "tests" / "data" / "layered" / "outs", outs)
    model = tmp_path / "model"
    model.mkdir()
    for name in ("model.json", "model.safetensors"):
        (model / name).write_text("{}")
    folder = tmp_path / "launch"
    folder.mkdir()
    cohort = Cohort(folder, [{"sample": "one", "path": str(outs), "n_domains": "3"}])
    words = (None, PRESET, "--region_model", str(model))
    cohort.repeated(*words)
    assert cohort.repeated(*words) == set()
    (model / "model.json").write_text('{"format": 1}')
    named = {"NAME_REGIONS (one)", *tasks("one", *TAKEN_HOME)}
    assert cohort.repeated(*words) == named | {"SUMMARISE", "MULTIQC"}
    matrix = next(outs.glob("*.h5"))
    matrix.write_bytes(matrix.read_bytes() + b" ")
    assert set(tasks("one", *STEPS)) <= cohort.repeated(*words)


def test_resume_repeats_only_the_report_for_its_configuration_and_everything_for_new_code(
    project, sheet, tmp_path
):
    rows = write_sheet(tmp_path / "sheet.csv", sheet[:1])
    arguments = ("--input", str(rows), "--n_seeds", "1")
    first = run_pipeline(tmp_path, *arguments, project=project)
    assert first.code == 0, first.output
    assert set(first.trace().values()) == {"COMPLETED"}

    with (project / "assets" / "multiqc_config.yml").open("a") as config:
        config.write("\nreport_comment: another comment\n")
    second = run_pipeline(tmp_path, *arguments, "-resume", project=project)
    assert second.code == 0, second.output
    assert {name for name, status in second.trace().items() if status == "COMPLETED"} == {"MULTIQC"}

    with (project / "bin" / "tissuegraph" / "keys.py").open("a") as module:
        module.write("\n# another comment\n")
    third = run_pipeline(tmp_path, *arguments, "-resume", project=project)
    assert third.code == 0, third.output
    assert "CACHED" not in third.trace().values()


def test_stub_run_reaches_the_report_and_every_slice(tmp_path, sheet):
    rows = write_sheet(tmp_path / "sheet.csv", sheet)
    run = run_pipeline(tmp_path, "--input", str(rows), "-stub")
    assert run.code == 0, run.output
    assert {path.name for path in (run.outdir / "slices").iterdir()} == {row["sample"] for row in sheet}
    assert (run.outdir / "multiqc" / "multiqc_report.html").exists()
