"""Results that can be trusted: where runs write, alone and with room, and what they leave when stopped."""

from __future__ import annotations

import json
import platform
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.engine import UNRECORDED, engine_environment

from .conftest import ROOT, TABLES, Run, run_pipeline, write_sheet
from .faults import QUICK, trained_for

pytestmark = pytest.mark.pipeline

PATCHY = str(ROOT / "tests" / "data" / "patchy.h5ad")
ENDLESS = trained_for(100_000)
# Trainings that last, of a run in which nothing else takes long
SLEEPING = "process { withName: TRAIN { beforeScript = 'sleep 300 & wait $!' } }\n"
# Results of a size, of a stub run
FILLED = "for f in slices/*/*.h5ad; do head -c 3M /dev/zero > $f; done"
LARGE = f"process {{ withName: COMPLETE {{ afterScript = '{FILLED}' }} }}\n"
LOCK = Path("pipeline_info") / ".running"


def sheet_of(folder: Path, *names: str) -> str:
    rows = [{"sample": name, "path": PATCHY, "n_domains": "3"} for name in names]
    return str(write_sheet(folder / "sheet.csv", rows))


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a run as `run_pipeline` does, without waiting for it; its output goes to a file `log`."""
    environment = engine_environment(folder)
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [ROOT / "engine" / "nextflow", "run", ROOT, "-ansi-log", "false", "-profile", "test",
             "--outdir", folder / "results", *arguments],
            cwd=folder, env=environment, text=True, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip


def wait_for(condition, seconds: float = 300):
    """What the condition gives, once it gives something."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)
    return found


def lines_with(output: str, word: str) -> list[str]:
    return [line for line in output.splitlines() if word in line]


@contextmanager
def small_disk(path: Path, size: str, *options: str):
    """A file system of that size; the test is skipped where none may be made."""
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", *options)), "none", str(path)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("file systems may not be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.long
def test_a_file_in_the_place_of_a_folder_of_results_is_refused_before_any_task(tmp_path, opening):
    """There the engine's own records go; test_refusal has the others."""
    place = tmp_path / "results" / "pipeline_info"
    place.parent.mkdir()
    place.touch()
    run = run_pipeline(tmp_path, "-stub", "--input", sheet_of(tmp_path, "one"), project=opening)
    assert run.code != 0
    assert f"--outdir: '{place}' is a file - expected a directory" in run.output.splitlines()
    assert "Submitted" not in run.output


def test_a_directory_that_cannot_be_written_is_refused_before_any_task(tmp_path, opening):
    with small_disk(tmp_path / "disk", "1m", "ro") as disk:
        words = ("-stub", "--input", sheet_of(tmp_path, "one"))
        run = run_pipeline(tmp_path, *words, "--outdir", str(disk), project=opening)
    assert run.code != 0
    assert len(lines_with(run.output, f"--outdir: '{disk}' cannot be written (Read-only file system)")) == 1
    assert "Submitted" not in run.output


@pytest.mark.long
def test_a_work_directory_that_cannot_be_written_is_refused_before_any_task(tmp_path, opening):
    with small_disk(tmp_path / "disk", "1m", "ro") as disk:
        words = ("-stub", "--input", sheet_of(tmp_path, "one"), "-work-dir", str(disk / "work"))
        work = run_pipeline(tmp_path, *words, project=opening)
    assert work.code != 0
    assert str(disk) in work.output
    assert "Submitted" not in work.output


def test_a_second_place_for_results_is_refused_in_one_line(tmp_path, opening):
    words = ("-stub", "--input", sheet_of(tmp_path, "one"), "-output-dir", "elsewhere")
    run = run_pipeline(tmp_path, *words, project=opening)
    assert run.code != 0
    (line,) = lines_with(run.output, "-output-dir")
    assert line.startswith(f"-output-dir: '{tmp_path / 'elsewhere'}' - expected --outdir alone")
    assert not (tmp_path / "elsewhere").exists()


def test_room_that_cannot_do_is_refused_and_one_that_is_tight_is_warned_about(tmp_path, opening):
    """The warning is that of the next test."""
    sheet = sheet_of(tmp_path, "one", "two")
    with small_disk(tmp_path / "tiny", "1m") as disk:
        run = run_pipeline(tmp_path, "-stub", "--input", sheet, "--outdir", str(disk), project=opening)
    assert run.code != 0
    assert len(lines_with(run.output, f"--outdir '{disk}': 1 MB free where this cohort needs about")) == 1
    assert run.output.count("Submitted process") == 1  # the check of the sheet


def test_a_disk_that_fills_while_publishing_names_the_file_and_the_cause(tmp_path):
    large = written(tmp_path / "large.config", LARGE)
    with small_disk(tmp_path / "disk", "5m") as disk:
        run = run_pipeline(
            tmp_path, "-stub", "-c", large, "--input", sheet_of(tmp_path, "one", "two"), "--outdir", str(disk)
        )
    assert lines_with(run.output, "the run goes on, but may run out of room")
    assert run.code != 0
    told = lines_with(run.output, "The run is not complete: ")
    assert len(told) == 1
    assert re.search(rf"{disk}/slices/(one|two)/(one|two)\.\S+: No space left on device", told[0])


@dataclass(frozen=True, kw_only=True)
class Stop:
    """How a run ended that was told to stop."""

    code: int
    seconds: float
    output: str
    locked: bool  # whether its lock is there still


def stop(run: subprocess.Popen[str], folder: Path, number: int) -> Stop:
    told = time.monotonic()
    run.send_signal(number)
    code = run.wait(timeout=30)
    seconds = time.monotonic() - told
    locked = (folder / "results" / LOCK).exists()
    return Stop(code=code, seconds=seconds, output=(folder / "log").read_text(), locked=locked)


@contextmanager
def training(folder: Path, *arguments: str):
    """A stub run of the two slices of folder/sheet.csv that train, and will for long."""
    sleeping = written(folder / "sleeping.config", SLEEPING)
    run = start(folder, "-stub", "-c", sleeping, "--input", str(folder / "sheet.csv"), *arguments)
    try:
        log = folder / "log"
        steps = ("TRAIN", "BASELINE")
        wait_for(lambda: all(len(lines_with(log.read_text(), step)) == 2 for step in steps))
        time.sleep(3)  # what was finished is noted
        yield run
    finally:
        run.terminate()
        run.wait()


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """A run beside which a second was started; interrupted, and resumed with another slice and as a group."""

    process: int
    traces: tuple[str, str]  # before the second run and after it
    second: Run
    locked: bool  # after the second run
    interrupted: Stop
    resumed: Run
    statuses: dict[str, str]  # of the tasks of the run that was resumed last
    published: dict[str, set[str]]  # names of files by folder, after it


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, opening) -> Stopped:
    folder = tmp_path_factory.mktemp("stopped")
    rows = [
        {"sample": name, "path": PATCHY, "n_domains": "3", "annotation": "layer"}
        for name in ("one", "two", "three.b")
    ]
    sheet = str(write_sheet(folder / "sheet.csv", rows[:2]))
    out = folder / "results"
    trace = out / "pipeline_info" / "execution_trace.txt"
    with training(folder) as run:
        before = trace.read_text()
        (folder / "second").mkdir()
        words = ("-stub", "--input", sheet, "--outdir", str(out))
        second = run_pipeline(folder / "second", *words, project=opening)
        after, locked = trace.read_text(), (out / LOCK).exists()
        interrupted = stop(run, folder, signal.SIGINT)
    grouped = [row | {"group": "a", "teaches": str(row["sample"] == "one").lower()} for row in rows]
    write_sheet(folder / "sheet.csv", grouped)
    (folder / "sets.gmt").write_text("set\tours\tG1\tG2\n")
    (folder / "pairs.csv").write_text("ligand,receptor\nG1,G2\n")
    questions = "markers,spatial_genes,trajectory,interactions,enrichment,denoise"
    files = ("--gene_sets", str(folder / "sets.gmt"), "--interaction_pairs", str(folder / "pairs.csv"))
    words = ("--input", sheet, "--characterise", questions, *files)
    resumed = run_pipeline(folder, "-stub", "-resume", *words)
    return Stopped(
        process=run.pid, traces=(before, after), second=second, locked=locked, interrupted=interrupted,
        resumed=resumed, statuses=resumed.statuses(),
        published={path.name: {file.name for file in path.iterdir()} for path in out.glob("[sc]*/*/")},
    )  # fmt: skip


def test_a_second_run_into_the_same_outdir_is_refused_while_the_first_goes_on(stopped):
    assert stopped.second.code != 0
    told = lines_with(stopped.second.output, "is in use by the run")
    assert len(told) == 1
    assert f"on {platform.node()} (process {stopped.process})" in told[0]
    assert "Submitted" not in stopped.second.output
    assert "QC" in stopped.traces[0]
    assert "QC" in stopped.traces[1]  # not emptied by the run that was refused
    assert stopped.locked


@pytest.fixture(scope="module")
def interrupted(stopped) -> Stop:
    return stopped.interrupted


@pytest.fixture(scope="module")
def terminated(tmp_path_factory) -> Stop:
    folder = tmp_path_factory.mktemp("terminated")
    sheet_of(folder, "one", "two")
    with training(folder, *UNRECORDED) as run:
        return stop(run, folder, signal.SIGTERM)


@pytest.mark.parametrize("how", ["interrupted", pytest.param("terminated", marks=pytest.mark.long)])
def test_a_run_that_is_told_to_stop_does_so_soon_and_without_untrue_words(request, how):
    told = request.getfixturevalue(how)
    assert told.code != 0
    assert told.seconds < 10
    assert "No slice is left" not in told.output
    assert "slices failed" not in told.output
    assert "ERROR" not in told.output
    assert not told.locked


def test_a_run_that_is_stopped_resumes(stopped):
    assert stopped.resumed.code == 0, stopped.resumed.output
    for step in ("INGEST (one)", "QC (two)", "BASELINE (one)", "GRAPH (two stmfg)"):
        assert stopped.statuses[step] == "CACHED", step
    assert stopped.statuses["TRAIN (one stmfg)"] == "COMPLETED"


def test_the_answer_to_every_question_is_published(stopped):
    for sample in ("one", "two", "three.b"):
        assert stopped.published[sample] >= {f"{sample}.{name}.csv" for name in TABLES}
    assert stopped.published["a"] >= {"a.h5ad", "composition.csv"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, Run, dict[str, object]]:
    """Launch directory of a finished real run of one slice with image, the run, and what it published."""
    folder = tmp_path_factory.mktemp("finished")
    write_inputs(folder)
    run = run_one(folder)
    return folder, run, published(run)


OUTS = str(ROOT / "tests" / "data" / "layered" / "outs")
ONE = ("--input", "sheet.csv", "--n_seeds", "1", "--image_view", "--outdir", "results")


def write_inputs(folder: Path) -> None:
    """What runs of one slice read; a file that is written again is another one for the engine."""
    write_sheet(folder / "sheet.csv", [{"sample": "one", "path": OUTS, "n_domains": "3"}])
    (folder / "quick.yaml").write_text(QUICK)


def run_one(folder: Path, *more: str) -> Run:
    return run_pipeline(folder, *ONE, "--stmfg_preset", "quick.yaml", *more)


def published(run: Run) -> dict[str, object]:
    """Everything in outdir by its name, without what says how long something took, or when."""
    found: dict[str, object] = {}
    for path in sorted(run.outdir.rglob("*")):
        name = str(path.relative_to(run.outdir))
        if path.name.startswith("execution_") or path.name in ("multiqc_report.html", "pipeline_dag.html"):
            found[name] = "exists"
        elif path.name == "receipt.json":
            found[name] = {**json.loads(path.read_text()), "run": "exists"}
        elif path.is_file():
            found[name] = values_of(path) if path.suffix == ".h5ad" else path.read_bytes()
    return found


def values_of(path: Path) -> dict[str, object]:
    """All that an h5ad holds but the fields that say how long a step took and how much memory."""
    found: dict[str, object] = {}

    def note(name, node):
        if name.rpartition("/")[2] in ("seconds", "peak_memory_gb"):
            return
        if isinstance(node, h5py.Dataset):
            text = h5py.check_string_dtype(node.dtype)
            found[name] = np.asarray(node.asstr()[()]).tolist() if text else node[()].tobytes()
        else:
            found[name] = sorted((key, str(value)) for key, value in node.attrs.items())

    with h5py.File(path) as file:
        file.visititems(note)
    return found


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A run that was killed while it trained, and two that resumed it: with a damaged file, and without."""

    left: list[int]  # trainings that went on
    locked: bool
    arrays: Path  # the damaged file
    damaged: Run
    row: dict[str, str]  # of the table of the run with the damaged file
    statuses: dict[str, str]
    places: set[str]  # of files of the slice in outdir after it
    unlocked: bool
    command: str  # that the run gave
    again: Run


@pytest.fixture(scope="module")
def killed(finished, tmp_path_factory) -> Killed:
    """Of the slice of `finished`, and into a directory with what that published of it."""
    folder = tmp_path_factory.mktemp("killed")
    write_inputs(folder)
    (folder / "endless.yaml").write_text(ENDLESS)
    out = folder / "results"
    shutil.copytree(finished[0] / "results" / "slices", out / "slices")
    engine = start(folder, *ONE, "--stmfg_preset", "endless.yaml", "--characterise", "none", *UNRECORDED)
    try:
        wait_for(lambda: trainings(folder))
        time.sleep(5)  # it trains
    finally:
        engine.kill()
        engine.wait()
    until = time.monotonic() + 10
    while (left := trainings(folder)) and time.monotonic() < until:
        time.sleep(0.1)
    locked = (out / LOCK).exists()

    arrays = next(folder.glob("work/*/*/slices/one/stmfg.arrays.npz"))
    with arrays.open("r+b") as file:
        file.truncate(1000)
    damaged = run_one(folder, "-resume")
    row, statuses = damaged.table()["one"], damaged.statuses()
    places = {str(path.relative_to(out)) for path in out.rglob("one/one.h5ad")}
    unlocked = not (out / LOCK).exists()
    command = re.search(r"rm -r (\S+) and run with -resume", row["reason"])[1]
    assert Path(command).is_relative_to(folder)
    subprocess.run(["rm", "-r", command], check=True)
    return Killed(
        left=left, locked=locked, arrays=arrays, damaged=damaged, row=row, statuses=statuses, places=places,
        unlocked=unlocked, command=command, again=run_one(folder, "-resume"),
    )  # fmt: skip


@pytest.mark.long
def test_two_equal_runs_publish_the_same(finished, killed):
    """One in one go; of the other every step ran too, in three goes and in another directory."""
    _, one, first = finished
    assert one.code == killed.again.code == 0, killed.again.output
    second = {
        name: held for name, held in published(killed.again).items() if not name.startswith("outdated/")
    }
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert {Path(name).suffix for name in first} >= {".h5ad", ".png", ".svg", ".csv", ".html"}
    assert b"coloured by" in first["slices/one/one.html"]


@pytest.mark.long
def test_a_damaged_file_of_a_task_is_named_and_made_again_by_the_command_given(killed):
    assert killed.row["status"] == "failed"
    assert f"{killed.arrays} is damaged" in killed.row["reason"]
    assert killed.command == str(killed.arrays.parents[2])  # the task's own, above slices/one
    # What the run before published of the slice is not current any more, nor gone
    assert killed.places == {"outdated/one/one.h5ad"}

    assert killed.again.code == 0, killed.again.output
    assert killed.again.table()["one"]["status"] != "failed"
    assert (killed.again.outdir / "slices" / "one" / "one.h5ad").exists()


@pytest.mark.long
def test_a_killed_engine_leaves_no_training_behind_and_no_lock_in_the_way(killed):
    assert killed.left == []
    assert killed.locked
    assert "was killed; this one takes over" in killed.damaged.output
    assert killed.statuses["GRAPH (one stmfg)"] == "CACHED"
    assert killed.unlocked
    assert killed.again.code == 0, killed.again.output
    assert not (killed.again.outdir / LOCK).exists()


def trainings(folder: Path) -> list[int]:
    """Running processes of train.py of the runs of a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
            if any(word.endswith("train.py") for word in words) and (
                process / "cwd"
            ).resolve().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def set_aside(stopped) -> tuple[Path, Run]:
    """Where results lie, and a run of one slice that follows one of a group and files of the user."""
    first = stopped.resumed
    assert first.code == 0, first.output
    folder = first.outdir.parent
    out = first.outdir
    assert (out / "cohort" / "a" / "a.h5ad").exists()
    assert (out / "models" / "a" / "model.json").exists()
    texts = {
        "slices/one/one.inferred.h5ad": "of another run",
        "slices/one/one.enrichment.csv": "of another run",
        "slices/one/notes.txt": "mine",
        "slices/two/two.h5ad": "first",
        "slices/notes.txt": "mine",
        "outdated/two/older": "",
        "cohort/notes/notes.txt": "mine",
        "models/mine/notes.txt": "mine",
        "models/b/model.json": "{}",  # of another run, and read by the next one
        "models/b/model.safetensors": "{}",
    }
    for name, text in texts.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    (out / "slices" / "my folder").mkdir()
    words = ("--input", sheet_of(folder, "one"), "--region_model", str(out / "models" / "b"))
    second = run_pipeline(folder, "-stub", "-resume", *words)
    assert second.code == 0, second.output
    return out, second


def test_slices_that_left_the_sheet_are_set_aside_and_nothing_else(set_aside):
    out, second = set_aside
    assert {path.name for path in (out / "slices").iterdir()} == {"one", "my folder", "notes.txt"}
    assert {path.name for path in (out / "slices" / "one").iterdir()} == {
        "one.h5ad", "one.html", "one.domains.png", "one.domains.svg", "one.markers.csv",
        "one.domain_means.csv", "one.marker_dots.png", "one.spatial_genes.csv", "one.spatial_genes.png",
        "notes.txt",
    }  # fmt: skip
    older = out / "outdated" / "two"
    assert (older / "two.h5ad").read_text() == "first"
    assert not (older / "older").exists()
    assert (out / "outdated" / "three.b" / "three.b.h5ad").exists()
    assert (out / "outdated" / "one" / "one.inferred.h5ad").exists()
    assert (out / "outdated" / "one" / "one.enrichment.csv").exists()
    assert lines_with(second.output, f"results of two are not of this run: moved to {older}")


def test_cohorts_and_models_of_groups_that_left_the_sheet_are_set_aside(set_aside):
    out, _ = set_aside
    assert {path.name for path in (out / "cohort").iterdir()} == {"notes"}
    assert {path.name for path in (out / "models").iterdir()} == {"mine", "b"}
    assert (out / "outdated_cohort" / "a" / "a.h5ad").exists()
    assert (out / "outdated_models" / "a" / "model.safetensors").exists()
