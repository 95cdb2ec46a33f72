"""interactions.py: from the assembled slice and a table of pairs to files; a bad table names its line."""

import pandas as pd
from helpers.characterised import border_slice
from helpers.scripts import invoke_script, run_script

from tissuegraph.records import FAILED, read_record


def words(folder, *more):
    paths = ("--h5ad", folder / "s.h5ad", "--outdir", folder / "out", "--record", folder / "r.json")
    return ("--sample", "s", *paths, "--figures", "png", "--pairs", folder / "pairs.csv", *more)


def test_interactions_are_written(tmp_path):
    border_slice(32, 20).write_h5ad(tmp_path / "s.h5ad")
    (tmp_path / "pairs.csv").write_text("ligand,receptor,why\nG0,G1,x\nG2,G3&G4,y\nG5,NOTHING,z\n")
    done = run_script("interactions", *words(tmp_path, "--n-permutations", 200), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "s.interactions.csv", "s.interactions.png",
    }  # fmt: skip
    record = read_record(tmp_path / "r.json")
    assert (record.metrics["n_pairs"], record.metrics["n_measured"]) == (3, 2)
    frame = pd.read_csv(tmp_path / "out" / "s.interactions.csv")
    assert len(frame) == record.metrics["n_tested"] == 12
    assert record.metrics["rows"][0]["ligand"] == frame["ligand"][0] == "G0"
    assert record.metrics["pictures"]["interactions"].startswith("data:image/webp")


def test_a_table_without_receptors_is_a_failed_record(tmp_path):
    border_slice(16, 10).write_h5ad(tmp_path / "s.h5ad")
    (tmp_path / "pairs.csv").write_text("ligand,receptor\nG0,G1\nG2\n")
    assert invoke_script("interactions", *words(tmp_path)).exit_code == 0
    record = read_record(tmp_path / "r.json")
    assert record.status == FAILED
    assert "line 3, column receptor is empty" in record.reasons[0]


def test_pairs_that_the_slice_does_not_measure_are_a_note(tmp_path):
    border_slice(16, 10).write_h5ad(tmp_path / "s.h5ad")
    (tmp_path / "pairs.csv").write_text("ligand,receptor\nENSG1,ENSG2\n")
    assert invoke_script("interactions", *words(tmp_path)).exit_code == 0
    record = read_record(tmp_path / "r.json")
    assert record.status == "passed"
    assert "0 of 1 pairs have all their genes in the slice" in record.notes[0]
    assert "no interactions" in record.notes[1]
    assert not (tmp_path / "out" / "s.interactions.csv").exists()
