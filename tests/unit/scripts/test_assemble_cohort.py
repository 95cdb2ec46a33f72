"""assemble_cohort.py: one h5ad, figures and a record per group, named after the group's id."""

import shutil

import pytest
from helpers.scripts import invoke_script, run_script
from helpers.step_files import assemble_words, write_steps

from tissuegraph.records import read_record


@pytest.fixture
def words(tmp_path):
    """Options for a group of two equal sections, without shared components."""
    steps = tmp_path / "steps"
    steps.mkdir()
    assert invoke_script("assemble", *assemble_words(write_steps(steps), "stmfg")).exit_code == 0
    for name in ("sections", "parts", "records"):
        (tmp_path / name).mkdir()
    for name in ("one", "two"):
        shutil.copy(steps / "out" / "a.b.h5ad", tmp_path / "sections" / f"{name}.h5ad")
    found = [
        word for name in ("sections", "parts", "records") for word in (f"--{name}", str(tmp_path / name))
    ]
    out = tmp_path / "out"
    return ["--sample", "group:lung", *found, "--outdir", str(out), "--record", str(out / "record.json")]


def test_everything_of_a_group_is_written_under_its_id(words, tmp_path):
    done = run_script("assemble_cohort", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {"lung.h5ad", "lung.domains.png", "lung.domains.svg", "record.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    record = read_record(tmp_path / "out" / "record.json")
    assert (record.sample, record.step, record.metrics["sections"]) == (
        "group:lung", "assemble_cohort", ["one", "two"],
    )  # fmt: skip


def test_a_damaged_section_is_told_in_the_groups_record_and_leaves_no_file(words, tmp_path):
    (tmp_path / "sections" / "two.h5ad").write_bytes(b"no HDF5")
    assert run_script("assemble_cohort", *words, cwd=tmp_path).returncode == 0
    record = read_record(tmp_path / "out" / "record.json")
    assert record.status == "failed"
    assert "two.h5ad" in record.reasons[0]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"record.json"}
