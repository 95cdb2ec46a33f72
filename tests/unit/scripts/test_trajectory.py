"""trajectory.py: from the assembled slice to files; an unknown root costs the trajectory, not the run."""

import json

from helpers.characterised import gradient_slice
from helpers.scripts import invoke_script, run_script

from tissuegraph.records import FAILED, read_record


def words(folder, *more):
    paths = ("--h5ad", folder / "s.h5ad", "--outdir", folder / "out", "--record", folder / "r.json")
    return ("--sample", "s", *paths, "--figures", "png", *more)


def test_a_trajectory_is_written(tmp_path):
    gradient_slice(20, 10)[0].write_h5ad(tmp_path / "s.h5ad")
    (tmp_path / "root.json").write_text(json.dumps("gene:G29"))
    done = run_script("trajectory", *words(tmp_path, "--root-file", tmp_path / "root.json"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "s.trajectory.csv", "s.paga_edges.csv", "s.trajectory.png", "trajectory.npz",
    }  # fmt: skip
    assert read_record(tmp_path / "r.json").metrics["root"] == "5"


def test_an_unknown_root_is_a_failed_record_that_names_what_there_is(tmp_path):
    gradient_slice(10, 10)[0].write_h5ad(tmp_path / "s.h5ad")
    assert invoke_script("trajectory", *words(tmp_path, "--root", "cortex")).exit_code == 0
    record = read_record(tmp_path / "r.json")
    assert record.status == FAILED
    assert "'cortex' is neither a domain nor a gene" in record.reasons[0]
    assert not (tmp_path / "out").exists()
