"""assemble.py: one h5ad, figures and a record per slice, from the files of its steps in one directory."""

import pytest
from helpers.scripts import invoke_script, run_script
from helpers.step_files import assemble_words, write_steps

from tissuegraph.records import read_record


@pytest.fixture
def files(tmp_path):
    return write_steps(tmp_path)


def test_everything_of_a_slice_is_written_under_its_name(files):
    done = run_script("assemble", *assemble_words(files, "stmfg"), cwd=files)
    assert done.returncode == 0, done.stderr
    figures = {f"a.b.{name}.{ending}" for name in ("domains", "confidence", "quality", "training")
               for ending in ("png", "svg")}  # fmt: skip
    assert {path.name for path in (files / "out").iterdir()} == {"a.b.h5ad", "assemble.json", *figures}


def test_the_final_answer_is_that_of_the_first_method(files):
    result = invoke_script("assemble", *assemble_words(files, "multist", "stmfg"))
    assert result.exit_code == 0, result.output
    assert read_record(files / "out" / "assemble.json").metrics["final_method"] == "multist"
