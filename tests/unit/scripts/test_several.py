"""several.py: what one process makes of several slices is what a process for each would have made."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import click
import pytest
from helpers.characterised_slices import planted_slice, write_planted
from helpers.image_view_tiny import small_arrays
from helpers.scripts import run_script
from helpers.step_files import write_regions, write_steps

import several

FEW = ("model.dims=[8]", "model.decoder_dim=8", "optimiser.epochs=2")


@click.command()
@click.option("--sample")
@click.option("--read", type=click.Path(exists=True, path_type=Path))
@click.option("--end")
def step(sample, read, end):
    """Write what is read, warn, and end as told."""
    Path("said.txt").write_text(f"{sample} {read.read_text()}")
    warnings.warn("once", stacklevel=1)
    if end == "usage":
        raise click.UsageError("wrong")
    if end == "raise":
        raise KeyError("unforeseen")
    if end:
        raise SystemExit(int(end))


def entry(name, *more):
    words = ["--sample", name, "--read", "in/table.txt", *more]
    return {"folder": f"slices/{name}", "files": {"in": [f"given_{name}/table.txt"]}, "words": words}


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A task's folder with the inputs of slices a and b, which have equal names."""
    for name in "ab":
        (tmp_path / f"given_{name}").mkdir()
        (tmp_path / f"given_{name}" / "table.txt").write_text(f"of {name}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_slice_reads_its_own_files_and_writes_into_its_own_folder(task):
    assert [several.run(step, "step.py", entry(name)) for name in "ab"] == [0, 0]
    assert {name: (task / "slices" / name / "said.txt").read_text() for name in "ab"} == {
        "a": "a of a",
        "b": "b of b",
    }
    assert Path.cwd() == task


def test_a_directory_is_given_as_one(task):
    (task / "given_a" / "outs").mkdir()
    (task / "given_a" / "outs" / "one").write_text("1")
    several.run(step, "step.py", entry("a") | {"files": {"in": ["given_a/table.txt", "given_a/outs"]}})
    assert (task / "slices" / "a" / "in" / "outs" / "one").read_text() == "1"


@pytest.mark.parametrize(("end", "status"), [("3", 3), ("137", 137), ("usage", 2), ("raise", 1)])
def test_a_slice_ends_with_the_status_of_a_process_of_its_own(task, end, status):
    assert several.run(step, "step.py", entry("a", "--end", end)) == status
    assert Path.cwd() == task
    assert several.run(step, "step.py", entry("b")) == 0


def test_a_run_that_is_told_to_stop_begins_no_other_slice(task, monkeypatch):
    def stop(*_words, **_more):
        raise click.Abort

    monkeypatch.setattr(step, "main", stop)
    with pytest.raises(click.Abort):
        several.run(step, "step.py", entry("a"))


def test_each_slice_hears_the_warnings_that_another_heard(task):
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        for name in "ab":
            with pytest.warns(UserWarning, match="once"):
                several.run(step, "step.py", entry(name))


def words_of(sample, seeds, arrays):
    words = ["--sample", sample, "--arrays", arrays, "--preset", "stmfg/default", "--n-seeds", str(seeds)]
    words += ["--device", "cpu", "--embedding", "e.npz", "--record", "train.json"]
    return words + [word for setting in FEW for word in ("--set", setting)]


def record_of(folder):
    record = json.loads((folder / "train.json").read_text())
    for name in ("seconds", "peak_memory_gb"):
        record["metrics"].pop(name, None)
    return record


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A batch of three trainings, of which the second cannot read its arrays and the fourth has no preset."""
    folder = tmp_path_factory.mktemp("trained")
    small_arrays().save(folder / "arrays.npz")
    (folder / "cut").mkdir()
    (folder / "cut" / "arrays.npz").write_bytes((folder / "arrays.npz").read_bytes()[:100])
    given = {"one": "arrays.npz", "bad": "cut/arrays.npz", "two": "arrays.npz", "unset": "arrays.npz"}
    commands = [
        {"folder": f"slices/{name}", "files": {"in": [path]}, "words": words_of(name, seeds, "in/arrays.npz")}
        for seeds, (name, path) in enumerate(given.items(), start=1)
    ]
    commands[-1]["words"] += ["--set", "optimiser.nothing=1"]
    (folder / "commands.json").write_text(json.dumps(commands))
    return folder, run_script("several", "train.py", "commands.json", cwd=folder)


def test_a_slice_in_a_batch_gets_what_it_gets_alone_to_the_byte(trained, tmp_path):
    folder, _ = trained
    alone = run_script("train", *words_of("two", 3, folder / "arrays.npz"), cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    beside = folder / "slices" / "two"
    assert (beside / "e.npz").read_bytes() == (tmp_path / "e.npz").read_bytes()
    assert record_of(beside) == record_of(tmp_path)


def test_a_slice_that_fails_is_a_record_and_the_others_go_on(trained):
    folder, done = trained
    statuses = {name: record_of(folder / "slices" / name)["status"] for name in ("one", "bad", "two")}
    assert statuses == {"one": "passed", "bad": "failed", "two": "passed"}
    assert not (folder / "slices" / "bad" / "e.npz").exists()
    assert "bad: " in done.stderr


def test_the_batch_ends_with_the_largest_status_when_all_are_done(trained):
    folder, done = trained
    assert done.returncode == 2
    assert "unknown key 'nothing'" in done.stderr
    assert not (folder / "slices" / "unset" / "train.json").exists()


# --- tables, figures and h5ad files -----------------------------------------------------------------------


def files_of(folder):
    """What a step wrote there, by name, without what it took."""
    found = {path.name: path for path in folder.iterdir() if path.is_file()}
    record = json.loads(found.pop("record.json").read_text())
    record["metrics"].pop("seconds")
    return {name: path.read_bytes() for name, path in found.items()} | {"record": record}


def in_batch_and_alone(folder, script, words, first, second):
    """Files that a step writes of the second of two slices in a batch, and of that slice alone."""
    words = [*words, "--figures", "png,svg", "--outdir", ".", "--record", "record.json"]
    commands = [
        {"folder": f"slices/{name}", "files": {"in": [str(path) for path in paths]}, "words": words}
        for name, paths in {"first": first, "second": second}.items()
    ]
    (folder / "commands.json").write_text(json.dumps(commands))
    done = run_script("several", f"{script}.py", "commands.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    alone = folder / "alone"
    several.link_into(alone / "in", second)
    done = run_script(script, *words, cwd=alone)
    assert done.returncode == 0, done.stderr
    return files_of(folder / "slices" / "second"), files_of(alone)


@pytest.mark.long  # (as the next one, of other steps)
def test_tables_and_figures_of_a_slice_in_a_batch_are_those_it_gets_alone(tmp_path):
    paths = []
    for name, columns in {"first": 12, "second": 18}.items():
        (tmp_path / name).mkdir()
        paths.append([write_planted(tmp_path / name / "s.h5ad", planted_slice(columns))])
    words = ["--sample", "s", "--h5ad", "in/s.h5ad", "--seed", "0"]
    beside, alone = in_batch_and_alone(tmp_path, "markers", words, *paths)
    assert {"s.markers.csv", "s.domain_means.csv", "s.marker_dots.png", "s.marker_dots.svg"} <= set(alone)
    assert beside == alone


def test_the_h5ad_of_a_slice_in_a_batch_is_what_it_gets_alone(tmp_path):
    paths = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_steps(tmp_path / name)
        if name == "first":
            write_regions(tmp_path / name)
        paths.append(sorted((tmp_path / name).iterdir()))
    words = ["--sample", "a.b", "--parts", "in", "--methods", "stmfg"]
    beside, alone = in_batch_and_alone(tmp_path, "assemble", words, *paths)
    assert {"a.b.h5ad", "a.b.domains.png", "a.b.domains.svg"} <= set(alone)
    assert beside == alone
