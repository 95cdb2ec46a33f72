"""assemble.py: one h5ad, figures and a summary per slice; options that do not go together are refused."""

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
    assert {path.name for path in (files / "out").iterdir()} == {"a.b.h5ad", "slice.json", *figures}


def test_the_final_answer_is_that_of_the_method_named(files):
    result = invoke_script("assemble", *assemble_words(files, "stmfg", "multist"), "--final", "multist")
    assert result.exit_code == 0, result.output
    assert read_record(files / "out" / "slice.json").metrics["final_method"] == "multist"


def test_a_final_method_that_did_not_run_is_refused(files):
    result = invoke_script("assemble", *assemble_words(files, "stmfg"), "--final", "multist")
    assert result.exit_code == 2
    assert "'multist' is not among the methods stmfg" in result.output


def test_every_method_needs_its_embedding_and_domains(files):
    result = invoke_script("assemble", *assemble_words(files, "stmfg"), "--method", "multist")
    assert result.exit_code == 2
    assert "each --method needs one --embedding and one --domains, got 2, 1 and 1" in result.output
