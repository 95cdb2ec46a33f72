"""A damaged file between two steps: one line that names it and the command that has it made again."""

from __future__ import annotations

import os

import numpy as np
import pytest
from helpers.step_files import write_steps

from tissuegraph.errors import InputError
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.intermediate import read_arrays
from tissuegraph.io.stored import read_images, read_kept, read_places, read_stored
from tissuegraph.results.steps import read_steps, read_whole
from tissuegraph.scores.labellings import read_baseline
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.spahgc.prediction import Prediction


@pytest.fixture
def task(tmp_path):
    """The directory of a finished task, with the files of one slice."""
    folder = tmp_path / "work" / "ab" / "c d"
    folder.mkdir(parents=True)
    (folder / ".command.run").touch()
    write_steps(folder)
    np.savez(folder / "prediction.npz", genes=np.ones(5))
    return folder


def steps_of(path):
    return read_steps("a.b", path.parent, ["stmfg"])


READERS = {
    "stmfg.arrays.npz": (SliceArrays.load,),
    "features.npz": (ImageFeatures.load,),
    "prediction.npz": (Prediction.load,),
    "stmfg.embedding.npz": (lambda path: read_arrays(path, "embeddings", ["embeddings"]), steps_of),
    "stmfg.domains.npz": (steps_of,),
    "baseline.npz": (lambda path: read_baseline(path, 61),),
    "stmfg.train.json": (steps_of,),
    "slice.h5ad": (
        read_stored,
        read_images,
        lambda path: read_kept(path, path.parent / "spots.csv.gz"),
        lambda path: read_places(path, path.parent / "spots.csv.gz"),
        lambda path: read_whole(path, path.parent / "spots.csv.gz"),
    ),
    "spots.csv.gz": (
        lambda path: read_places(path.parent / "slice.h5ad", path),
        lambda path: read_whole(path.parent / "slice.h5ad", path),
    ),
}
CASES = [(name, reader) for name, readers in READERS.items() for reader in readers]


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize(("name", "reader"), CASES)
def test_a_truncated_file_is_named_with_the_command_that_removes_its_task(
    task, tmp_path, name, reader, share
):
    if name == "features.npz":  # (assembly reads it wherever it lies)
        np.savez(task / name, features=np.ones((5, 5)))
    whole = (task / name).read_bytes()
    (task / name).write_bytes(whole[: int(share * len(whole))])
    staged = tmp_path / "in"
    staged.mkdir()
    for path in task.iterdir():
        (staged / path.name).symlink_to(path)
    with pytest.raises(InputError) as refused:
        reader(staged / name)
    assert f"{task / name} is damaged" in str(refused.value)
    assert f"rm -r '{task}' and run with -resume" in str(refused.value)


@pytest.mark.parametrize("place", [".", "slices/a.b"])  # a task of several slices has a folder for each
def test_a_copy_in_the_own_task_is_not_what_has_to_go(task, place, monkeypatch):
    (task / "baseline.npz").write_bytes(b"")
    (task / place).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(task / place)
    with pytest.raises(InputError, match="write it again with the step before") as refused:
        read_baseline(task / "baseline.npz", 61)
    assert "rm -r" not in str(refused.value)
    assert os.path.exists(task)
