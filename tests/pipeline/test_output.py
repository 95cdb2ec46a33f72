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
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.engine import engine_environment

from .conftest import ROOT, Run, run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline

PATCHY = str(ROOT / "tests" / "data" / "patchy.h5ad")
QUICK = "extends: default\noptimiser:\n  epochs: 2\n"
ENDLESS = "extends: default\noptimiser:\n  epochs: 100000\n"
# Trainings that last, of a run in which nothing else takes long
SLEEPING = "process { withName: TRAIN { beforeScript = 'sleep 120 & wait $!' } }\n"
# Results of a size, of a stub run
LARGE = (
    "process { withName: COMPLETE { afterScript = 'for f in *.h5ad; do head -c 3M /dev/zero > $f; done' } }\n"
)
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


def wait_for(condition, seconds: float = 180):
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


def test_an_outdir_that_is_a_file_is_refused_in_one_line_before_any_task(tmp_path):
    (tmp_path / "file").touch()
    run = run_pipeline(
        tmp_path, "-stub", "--input", sheet_of(tmp_path, "one"), "--outdir", str(tmp_path / "file")
    )
    assert run.code != 0
    assert lines_with(run.output, "--outdir") == [
        f"--outdir: '{tmp_path / 'file'}' is a file - expected a directory"
    ]
    assert "Submitted" not in run.output


def test_a_file_in_the_place_of_a_folder_of_results_is_refused_before_any_task(tmp_path):
    """There the engine's own records go; test_refusal has the others."""
    place = tmp_path / "results" / "pipeline_info"
    place.parent.mkdir()
    place.touch()
    run = run_pipeline(tmp_path, "-stub", "--input", sheet_of(tmp_path, "one"))
    assert run.code != 0
    assert f"--outdir: '{place}' is a file - expected a directory" in run.output.splitlines()
    assert "Submitted" not in run.output


def test_a_directory_that_cannot_be_written_is_refused_before_any_task(tmp_path):
    with small_disk(tmp_path / "disk", "1m", "ro") as disk:
        sheet = sheet_of(tmp_path, "one")
        run = run_pipeline(tmp_path, "-stub", "--input", sheet, "--outdir", str(disk))
        work = run_pipeline(tmp_path, "-stub", "--input", sheet, "-work-dir", str(disk / "work"))
    assert run.code != 0
    assert len(lines_with(run.output, f"--outdir: '{disk}' cannot be written (Read-only file system)")) == 1
    assert "Submitted" not in run.output
    assert work.code != 0
    assert str(disk) in work.output
    assert "Submitted" not in work.output


def test_room_that_cannot_do_is_refused_and_one_that_is_tight_is_warned_about(tmp_path):
    sheet = sheet_of(tmp_path, "one", "two")
    with small_disk(tmp_path / "tiny", "1m") as disk:
        run = run_pipeline(tmp_path, "-stub", "--input", sheet, "--outdir", str(disk))
    assert run.code != 0
    assert len(lines_with(run.output, f"--outdir '{disk}': 1 MB free where this cohort needs about")) == 1
    assert "INGEST" not in run.output


def test_a_disk_that_fills_while_publishing_names_the_file_and_the_cause(tmp_path):
    large = written(tmp_path / "large.config", LARGE)
    with small_disk(tmp_path / "disk", "5m") as disk:
        run = run_pipeline(
            tmp_path, "-stub", "-c", large, "--input", sheet_of(tmp_path, "one", "two"), "--outdir", str(disk)
        )
    assert lines_with(run.output, "the run goes on, but may run out of room")
    assert run.code != 0
    assert "No space left on device" in run.output
    assert re.search(rf"{disk}/slices/(one|two)/(one|two)\.", run.output)


@pytest.fixture
def training(tmp_path):
    """A stub run of two slices that train, and will for long; it is stopped at the end where it goes on."""
    sleeping = written(tmp_path / "sleeping.config", SLEEPING)
    run = start(tmp_path, "-stub", "-c", sleeping, "--input", sheet_of(tmp_path, "one", "two"))
    try:
        log = tmp_path / "log"
        steps = ("TRAIN", "BASELINE")
        wait_for(lambda: all(len(lines_with(log.read_text(), step)) == 2 for step in steps))
        time.sleep(3)  # what was finished is noted
        yield run
    finally:
        run.terminate()
        run.wait()


def stop(run: subprocess.Popen[str], folder: Path, number: int) -> None:
    """Tell a run to stop, which it does soon and without untrue words."""
    told = time.monotonic()
    run.send_signal(number)
    assert run.wait(timeout=30) != 0
    assert time.monotonic() - told < 10
    said = (folder / "log").read_text()
    assert "No slice is left" not in said
    assert "slices failed" not in said
    assert "ERROR" not in said
    assert not (folder / "results" / LOCK).exists()


def test_a_second_run_into_the_same_outdir_is_refused_while_the_first_goes_on_until_interrupted(
    training, tmp_path
):
    trace = tmp_path / "results" / "pipeline_info" / "execution_trace.txt"
    assert "QC" in trace.read_text()
    (tmp_path / "second").mkdir()
    words = ("--input", str(tmp_path / "sheet.csv"), "--outdir", str(tmp_path / "results"))
    second = run_pipeline(tmp_path / "second", "-stub", *words)
    assert second.code != 0
    told = lines_with(second.output, "is in use by the run")
    assert len(told) == 1
    assert f"on {platform.node()} (process {training.pid})" in told[0]
    assert "Submitted" not in second.output
    assert "QC" in trace.read_text()  # not emptied by the run that was refused
    assert (tmp_path / "results" / LOCK).exists()
    stop(training, tmp_path, signal.SIGINT)


def test_a_run_that_is_terminated_resumes(training, tmp_path):
    stop(training, tmp_path, signal.SIGTERM)
    again = run_pipeline(tmp_path, "-stub", "-resume", "--input", str(tmp_path / "sheet.csv"))
    assert again.code == 0, again.output
    trace = again.trace()
    for step in ("INGEST (one)", "QC (two)", "BASELINE (one)", "GRAPH (two stmfg)"):
        assert trace[step] == "CACHED", step
    assert trace["TRAIN (one stmfg)"] == "COMPLETED"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, Run, dict[str, object]]:
    """Launch directory of a finished real run of one slice with image, the run, and what it published."""
    folder = tmp_path_factory.mktemp("finished")
    run = run_one(folder)
    return folder, run, published(run)


def run_one(folder: Path, *more: str) -> Run:
    outs = str(ROOT / "tests" / "data" / "layered" / "outs")
    if not (folder / "quick.yaml").exists():  # a file written again is another one for the engine
        write_sheet(folder / "sheet.csv", [{"sample": "one", "path": outs, "n_domains": "3"}])
        (folder / "quick.yaml").write_text(QUICK)
    arguments = ("--n_seeds", "1", "--stmfg_preset", "quick.yaml", "--image_view", "--outdir", "results")
    return run_pipeline(folder, "--input", "sheet.csv", *arguments, *more)


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


def test_two_equal_runs_publish_the_same(finished, tmp_path):
    _, one, first = finished
    other = run_one(tmp_path)
    assert one.code == other.code == 0, other.output
    second = published(other)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert {Path(name).suffix for name in first} >= {".h5ad", ".png", ".svg", ".csv", ".html"}
    assert b"coloured by" in first["slices/one/one.html"]


def test_a_damaged_file_of_a_task_is_named_and_made_again_by_the_command_given(finished):
    folder, _, _ = finished
    arrays = next(path for path in folder.glob("work/*/*/stmfg.arrays.npz") if not path.is_symlink())
    with arrays.open("r+b") as file:
        file.truncate(1000)
    damaged = run_one(folder, "-resume")
    row = damaged.table()["one"]
    assert row["status"] == "failed"
    assert f"{arrays} is damaged" in row["reason"]
    command = re.search(r"rm -r (\S+) and run with -resume", row["reason"])[1]
    assert command == str(arrays.parent)
    # What the run before published of the slice is not current any more, nor gone
    assert not (damaged.outdir / "slices" / "one").exists()
    assert (damaged.outdir / "outdated" / "one" / "one.h5ad").exists()

    subprocess.run(["rm", "-r", command], check=True)
    again = run_one(folder, "-resume")
    assert again.code == 0, again.output
    assert again.table()["one"]["status"] != "failed"
    assert (again.outdir / "slices" / "one" / "one.h5ad").exists()


@pytest.fixture(scope="module")
def set_aside(tmp_path_factory) -> tuple[Path, Run]:
    """Where results lie, and a run of one slice that follows one of a group and files of the user."""
    folder = tmp_path_factory.mktemp("set_aside")
    rows = [
        {"sample": name, "path": PATCHY, "n_domains": "3", "group": "a", "annotation": "layer"}
        | {"teaches": "true" if name == "one" else "false"}
        for name in ("one", "two", "three.b")
    ]
    first = run_pipeline(folder, "-stub", "--input", str(write_sheet(folder / "sheet.csv", rows)))
    assert first.code == 0, first.output
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


def test_a_killed_engine_leaves_no_training_behind_and_no_lock_in_the_way(tmp_path):
    endless = written(tmp_path / "endless.yaml", ENDLESS)
    sheet = sheet_of(tmp_path, "one")
    engine = start(tmp_path, "--input", sheet, "--stmfg_preset", endless, "--n_seeds", "1")
    wait_for(lambda: trainings(tmp_path))
    time.sleep(5)  # it trains
    engine.kill()
    engine.wait()
    wait_for(lambda: not trainings(tmp_path), 10)
    assert (tmp_path / "results" / LOCK).exists()
    again = run_pipeline(tmp_path, "-stub", "-resume", "--input", sheet)
    assert again.code == 0, again.output
    assert "was killed; this one takes over" in again.output
    assert not (tmp_path / "results" / LOCK).exists()
