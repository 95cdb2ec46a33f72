"""graph.py on files: kept spots in slice order, and failures that stay with their slice."""

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.scripts import invoke_script
from scipy import sparse

from tissuegraph.records import read_record
from tissuegraph.slices.arrays import SliceArrays

N_SPOTS = 64


@pytest.fixture
def slice_files(tmp_path):
    """An 8 x 8 slice of which QC dropped every ninth spot."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(1, 2, 40), (N_SPOTS, 40))
    adata = anndata.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    adata.obs_names = [f"spot{i}" for i in range(N_SPOTS)]
    adata.var_names = [f"gene{i}" for i in range(40)]
    adata.var["gene_symbol"] = adata.var["gene_id"] = adata.var_names
    adata.uns["tissuegraph"] = {"pitch_px": 100.0}
    adata.obsm["spatial"] = np.column_stack(np.divmod(np.arange(N_SPOTS), 8)) * 100.0
    adata.write_h5ad(tmp_path / "slice.h5ad")
    spots = pd.DataFrame({"keep": np.arange(N_SPOTS) % 9 != 0}, index=adata.obs_names)
    spots.to_csv(tmp_path / "spots.csv.gz", index_label="barcode")
    return tmp_path, counts, spots


def run(folder, preset="stmfg/default"):
    files = {
        "--slice": "slice.h5ad",
        "--spots": "spots.csv.gz",
        "--arrays": "arrays.npz",
        "--record": "graph.json",
    }
    options = [part for option, name in files.items() for part in (option, str(folder / name))]
    return invoke_script("graph", "--sample", "S", "--preset", preset, *options)


def test_arrays_hold_the_kept_spots_in_slice_order(slice_files):
    folder, counts, spots = slice_files
    result = run(folder)
    assert result.exit_code == 0, result.output
    arrays, keep = SliceArrays.load(folder / "arrays.npz"), spots["keep"].to_numpy()
    assert arrays.n_spots == keep.sum() == 56
    selected = [int(name.removeprefix("gene")) for name in arrays.genes]
    np.testing.assert_array_equal(arrays.counts.toarray(), counts[keep][:, selected])
    np.testing.assert_array_equal(arrays.depth, counts[keep].sum(axis=1))
    assert arrays.pitch == 100
    metrics = read_record(folder / "graph.json").metrics
    assert metrics["n_genes"] == len(selected)
    assert metrics["spatial_degree"]["mean"] == pytest.approx(arrays.spatial.nnz / 56)


def test_two_runs_write_the_same_arrays(slice_files):
    folder, *_ = slice_files
    run(folder)
    first = (folder / "arrays.npz").read_bytes()
    run(folder)
    with np.load(folder / "arrays.npz") as again:
        (folder / "first.npz").write_bytes(first)
        with np.load(folder / "first.npz") as before:
            assert all(np.array_equal(before[key], again[key]) for key in before.files)


def test_a_table_of_other_spots_fails_the_slice_and_not_the_run(slice_files):
    folder, _, spots = slice_files
    spots.iloc[::-1].to_csv(folder / "spots.csv.gz", index_label="barcode")
    assert run(folder).exit_code == 0
    record = read_record(folder / "graph.json")
    assert record.status == "failed"
    assert "the same spots in the same order" in record.reasons[0]
    assert not (folder / "arrays.npz").exists()


def test_a_gene_filter_that_leaves_nothing_fails_the_slice(slice_files):
    folder, *_ = slice_files
    run(folder, "stmfg/paper")  # wants genes in 100 spots
    assert "no gene is seen in at least 100 of the 56 spots" in read_record(folder / "graph.json").reasons[0]


def test_an_unreadable_preset_stops_the_run(slice_files):
    folder, *_ = slice_files
    result = run(folder, "nonesuch")
    assert result.exit_code == 2
    assert "nonesuch" in result.output
    assert not (folder / "graph.json").exists()


@pytest.mark.parametrize("inferred", [True, False])
def test_arrays_say_whether_their_counts_were_inferred(slice_files, inferred):
    folder = slice_files[0]
    adata = anndata.read_h5ad(folder / "slice.h5ad")
    adata.uns["tissuegraph"]["inferred"] = inferred
    adata.write_h5ad(folder / "slice.h5ad")
    run(folder)
    assert SliceArrays.load(folder / "arrays.npz").inferred is inferred
