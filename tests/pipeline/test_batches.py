"""Several small slices in one task: which share one, what is repeated, and what a slice that fails costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import ROOT, run_pipeline, write_sheet
from .faults import QUICK, UNFORESEEN, rows, run_with_faults, with_line
from .test_output import published
from .test_resume import Launch

pytestmark = pytest.mark.pipeline

BY_TWO = ("--slices_per_gpu_task", "2", "--slices_per_task", "2")
SHARED = (
    "BASELINE", "GRAPH", "TRAIN", "CLUSTER", "ASSEMBLE", "MARKERS", "SPATIAL_GENES", "COMPLETE", "EXPLORE",
)  # fmt: skip
OF_A_SLICE = {
    ".h5ad", ".html", ".domains.png", ".domains.svg",
    ".markers.csv", ".domain_means.csv", ".marker_dots.png", ".spatial_genes.csv", ".spatial_genes.png",
}  # fmt: skip


def every(*slices: str) -> dict[str, set[str]]:
    """The same tasks in each step."""
    return {step: set(slices) for step in SHARED}


def batches(names) -> dict[str, set[str]]:
    """Slices of the tasks of each step that may have several, as `one+1` of two."""
    return {
        step: {name.split("(")[1].rstrip(")").split(" ")[0] for name in names if name.startswith(f"{step} (")}
        for step in SHARED
    }


class Batched(Launch):
    """Stub runs of five slices, two a task: at first, and with a row more and another threshold in one.

    The first two have no number of domains.
    """

    def __init__(self, folder: Path):
        super().__init__(folder)
        five = rows("one", "two", "three", "four", "five")
        five[0]["n_domains"] = five[1]["n_domains"] = ""
        first = self.run(five, *BY_TWO)
        self.first, self.published = first.statuses(), sorted((first.outdir / "slices").glob("*/*"))
        sheet = [row | {"min_counts": "5" if row["sample"] == "four" else ""} for row in five + rows("six")]
        self.repeated_then = self.repeated(sheet, *BY_TWO)


@pytest.fixture(scope="module")
def batched(tmp_path_factory):
    return Batched(tmp_path_factory.mktemp("batched"))


def test_rows_next_to_each_other_share_a_task(batched):
    assert batches(batched.first) == every("one+1", "three+1", "five")
    assert {name for name in batched.first if name.startswith("ESTIMATE")} == {"ESTIMATE (one+1)"}


def test_every_slice_is_published_as_it_is_without_batches(batched):
    found = {(path.parent.name, path.name.removeprefix(path.parent.name)) for path in batched.published}
    assert found == {(s, name) for s in ("one", "two", "three", "four", "five") for name in OF_A_SLICE}


def test_a_row_added_at_the_end_and_a_slice_that_changes_repeat_their_own_batches_alone(batched):
    assert batches(batched.repeated_then) == every("three+1", "five+1")
    assert {name for name in batched.repeated_then if name.startswith("QC")} == {"QC (four)", "QC (six)"}
    assert not [name for name in batched.repeated_then if name.startswith("ESTIMATE")]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A run whose batches of two have a slice that raises, one without memory, and one that failed before.

    The method reads images, and of the first batch the second slice has one.
    """
    folder = tmp_path_factory.mktemp("broken")
    line = (
        f"error = {{'raises': {UNFORESEEN}, 'large': MemoryError('none')}}.get(record.sample)\n"
        "    if error: raise error"
    )
    fault = with_line(folder / "some", line, "main", ["train.py"])
    sheet = rows("raises", "beside_raises", "beside_large", "large", "left", "few")
    sheet[-1] |= {"min_counts": "1000000"}
    sheet[1] |= {"path": str(ROOT / "tests" / "data" / "layered" / "outs")}
    faults = {"raises+1 train": fault, "beside_large+1 train": fault}
    return run_with_faults(folder, sheet, faults, "--methods", "multist", *BY_TWO)


@pytest.mark.long
def test_a_slice_that_fails_in_a_batch_costs_none_of_the_others(broken):
    assert broken.code == 0, broken.output
    table = broken.table()
    assert table["raises"]["status"] == "failed"
    assert "train broke off: KeyError at train.py" in table["raises"]["reason"]
    assert table["beside_raises"]["status"] != "failed"


@pytest.mark.long
def test_a_slice_in_a_batch_is_given_its_own_image(broken):
    record = next(broken.outdir.parent.glob("work/*/*/slices/beside_raises/multist.train.json"))
    assert "own tile" in json.loads(record.read_text())["metrics"]["views"]


@pytest.mark.long
def test_a_batch_goes_on_without_a_slice_that_failed_before(broken):
    assert "TRAIN (left multist)" in broken.statuses()
    assert broken.table()["left"]["status"] != "failed"


@pytest.mark.long
def test_a_batch_that_is_lost_is_told_of_each_of_its_slices(broken):
    lost = "train: multist: the task of 2 slices left no result, exit status 137, attempt 2; its last line: "
    for sample in ("beside_large", "large"):
        row = broken.table()[sample]
        assert row["status"] == "failed"
        assert lost in row["reason"]
    assert "out of memory in train" in broken.table()["large"]["reason"]


@pytest.mark.long
def test_a_batch_trains_as_single_tasks_do(broken, tmp_path):
    sheet = rows("beside_raises", "left")
    sheet[0] |= {"path": str(ROOT / "tests" / "data" / "layered" / "outs")}
    alone = run_with_faults(tmp_path, sheet, {}, "--methods", "multist")
    for sample in ("beside_raises", "left"):
        name = f"slices/{sample}/multist.embedding.npz"
        one, other = (next(run.outdir.parent.glob(f"work/*/*/{name}")) for run in (broken, alone))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.long
def test_what_is_published_of_a_batch_is_what_single_tasks_publish(tmp_path):
    sheet = rows("spots", "image")
    sheet[1] |= {"path": str(ROOT / "tests" / "data" / "layered" / "outs")}
    found = []
    for name, words in {"batch": BY_TWO, "alone": ()}.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "stmfg.yaml").write_text(QUICK)
        given = ("--input", str(write_sheet(folder / "sheet.csv", sheet)), "--n_seeds", "1")
        words = (*given, "--stmfg_preset", str(folder / "stmfg.yaml"), *words)
        run = run_pipeline(folder, *words, characterise=True)
        assert run.code == 0, run.output
        assert batches(run.statuses()) == every(*(["spots+1"] if name == "batch" else ["spots", "image"]))
        found.append({place: held for place, held in published(run).items() if place.startswith("slices")})
    batch, alone = found
    assert batch.keys() == alone.keys()
    assert [name for name in batch if batch[name] != alone[name]] == []
    assert {f"slices/image/image{ending}" for ending in OF_A_SLICE} <= batch.keys()
