"""complete.py: the final h5ad with tables; one that does not fit costs the tables, not the slice."""

import anndata
import numpy as np
from helpers.final_slices import final_data
from helpers.scripts import run_script

from tissuegraph.records import FAILED, read_record


def completed(folder):
    final_data().write_h5ad(folder / "in.h5ad")
    words = ["--sample", "S", "--h5ad", folder / "in.h5ad", "--found", folder / "found"]
    words += ["--completed", folder / "S.h5ad", "--record", folder / "r.json"]
    done = run_script("complete", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return read_record(folder / "r.json")


def test_tables_are_in_the_h5ad_and_the_record_names_them(tmp_path):
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "S.spatial_genes.csv").write_text("gene,morans_i\nTP53,0.5\n")
    record = completed(tmp_path)
    assert record.metrics["tables"] == ["spatial_genes"]
    assert anndata.read_h5ad(tmp_path / "S.h5ad").uns["spatial_genes"]["morans_i"].tolist() == [0.5]


def test_values_of_another_slice_are_a_failed_record_and_no_h5ad(tmp_path):
    (tmp_path / "found").mkdir()
    np.savez(tmp_path / "found" / "trajectory.npz", pseudotime=np.zeros(9, dtype=np.float32))
    record = completed(tmp_path)
    assert record.status == FAILED
    assert "expected one value for each of 4 spots" in record.reasons[0]
    assert not (tmp_path / "S.h5ad").exists()
