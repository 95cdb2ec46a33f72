"""Reading back the spots that QC kept, straight from HDF5."""

from __future__ import annotations

import gzip

import anndata
import h5py
import numpy as np
import pytest
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.stored import read_kept


@pytest.fixture
def files(tmp_path):
    """A canonical slice of four spots of which two are kept, and its table of spots."""
    slice_ = anndata.AnnData(sparse.csr_matrix(np.arange(12, dtype=np.float32).reshape(4, 3)))
    slice_.obs_names = ["a", "b", "c", "d"]
    slice_.var_names = ["g1", "g2", "g3"]
    slice_.var["gene_symbol"] = ["S1", "S2", "S3"]
    slice_.var["gene_id"] = ["I1", "I2", "I3"]
    slice_.obsm["spatial"] = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0]])
    slice_.uns["tissuegraph"] = {"pitch_px": 1.0}
    slice_.write_h5ad(tmp_path / "slice.h5ad")
    write_spots(tmp_path, "abcd", (False, True, False, True))
    return tmp_path


def write_spots(folder, barcodes, keep):
    rows = [f"{barcode},5,{kept}" for barcode, kept in zip(barcodes, keep, strict=True)]
    with gzip.open(folder / "spots.csv.gz", "wt") as table:
        table.write("\n".join(["barcode,total_counts,keep", *rows]) + "\n")


def read(files):
    return read_kept(files / "slice.h5ad", files / "spots.csv.gz")


def test_kept_spots_keep_their_order_counts_and_positions(files):
    kept = read(files)
    assert kept.barcodes.astype(str).tolist() == ["b", "d"]
    assert kept.counts.toarray().tolist() == [[3, 4, 5], [9, 10, 11]]
    assert kept.xy.tolist() == [[1, 0], [3, 0]]
    assert kept.genes.astype(str).tolist() == ["g1", "g2", "g3"]
    assert kept.gene_ids.astype(str).tolist() == ["I1", "I2", "I3"]


@pytest.mark.parametrize("rows", [1, 3, 7, 100])
@pytest.mark.parametrize("compression", [None, "lzf"])
def test_counts_read_in_pieces_are_the_rows_of_the_whole(tmp_path, monkeypatch, rows, compression):
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(0.5, (20, 6)) * (np.arange(20) % 4 > 0)[:, None], dtype=np.float32)
    keep = rng.random(20) < 0.6
    slice_ = anndata.AnnData(counts)
    slice_.var["gene_symbol"] = slice_.var["gene_id"] = slice_.var_names
    slice_.obsm["spatial"] = rng.random((20, 2))
    slice_.uns["tissuegraph"] = {"pitch_px": 1.0}
    slice_.write_h5ad(tmp_path / "slice.h5ad", compression=compression)
    write_spots(tmp_path, slice_.obs_names, keep)
    monkeypatch.setattr("tissuegraph.io.stored._CHUNK_SPOTS", rows)
    found = read(tmp_path).counts
    assert found.dtype == np.float32
    for part in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(found, part), getattr(counts[keep], part))


def test_rows_that_do_not_follow_each_other_are_damage(files):
    with h5py.File(files / "slice.h5ad", "r+") as file:
        file["X/indptr"][2] = 99
    with pytest.raises(InputError, match="rows of X do not follow each other"):
        read(files)


def test_a_table_of_other_spots_is_refused(files):
    write_spots(files, "abdc", (True,) * 4)
    with pytest.raises(InputError, match="must list the same spots in the same order"):
        read(files)


def test_a_single_kept_spot_is_refused_with_the_remedy(files):
    write_spots(files, "abcd", (True, False, False, False))
    with pytest.raises(InputError, match="at least two spots are needed, QC kept 1; relax its thresholds"):
        read(files)
