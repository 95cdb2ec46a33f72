"""Slices without counts: how they are read, checked and told apart from those with counts."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.reading import describe, read_slice
from tissuegraph.io.request import Request
from tissuegraph.io.stored import read_kept, read_stored
from tissuegraph.records import Record
from tissuegraph.slices.qc import Thresholds, judge, spot_metrics, write_spots

XY = np.stack(np.divmod(np.arange(30), 6), axis=1) * 10.0 + 5


def position_table(path, header="barcode,x,y"):
    lines = [f"s{number},{x},{y}" for number, (x, y) in enumerate(XY)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def read_target(path, **options):
    return read_slice(Request(path=path, sample="T", counts_needed=False, **options))


def test_a_table_of_positions_is_a_slice_without_genes(tmp_path):
    slice_ = read_target(position_table(tmp_path / "spots.csv"))
    assert slice_.shape == (30, 0)
    assert np.array_equal(slice_.obsm["spatial"], XY)
    assert slice_.obs_names[3] == "s3"
    assert not describe(slice_)["has_counts"]
    assert not slice_.uns["tissuegraph"]["has_counts"]


def test_a_table_without_x_and_y_says_what_it_needs(tmp_path):
    with pytest.raises(InputError, match="has the columns barcode, a, b; expected barcode, x and y"):
        read_target(position_table(tmp_path / "spots.csv", "barcode,a,b"))


def test_a_reference_cannot_be_a_table_of_positions(tmp_path):
    with pytest.raises(InputError, match=r"nor an \.h5ad file"):
        read_slice(Request(path=position_table(tmp_path / "spots.csv"), sample="T"))


def h5ad(path, counts=None, inferred=None):
    obs = pd.DataFrame(index=[f"s{number}" for number in range(30)])
    var = pd.DataFrame(index=[f"g{number}" for number in range(0 if counts is None else counts.shape[1])])
    data = anndata.AnnData(X=counts, obs=obs, var=var, obsm={"spatial": XY})
    if inferred is not None:
        data.uns["tissuegraph"] = {"inferred": inferred}
    data.write_h5ad(path)
    return path


def test_an_h5ad_without_matrix_is_a_target_but_no_reference(tmp_path):
    path = h5ad(tmp_path / "a.h5ad")
    assert read_target(path).shape == (30, 0)
    with pytest.raises(InputError, match="role target"):
        read_slice(Request(path=path, sample="T"))


def test_a_target_with_counts_keeps_them_to_be_compared(tmp_path):
    counts = sparse.csr_matrix(np.ones((30, 4), dtype=np.float32))
    slice_ = read_target(h5ad(tmp_path / "a.h5ad", counts))
    assert slice_.shape == (30, 4)
    assert describe(slice_)["has_counts"]


def test_expression_that_was_inferred_is_never_taken_for_measured(tmp_path):
    counts = sparse.csr_matrix(np.ones((30, 4), dtype=np.float32))
    path = h5ad(tmp_path / "a.h5ad", counts, inferred=True)
    said = []
    assert read_target(path, warn=said.append).shape == (30, 0)
    assert "inferred, not measured" in said[0]
    with pytest.raises(InputError, match="inferred from its image, not measured"):
        read_slice(Request(path=path, sample="T"))


def test_space_ranger_output_without_matrix_gives_its_spots_under_tissue(tmp_path):
    spatial = tmp_path / "outs" / "spatial"
    spatial.mkdir(parents=True)
    lines = [f"b{n},{int(n % 2 == 0)},0,{n},{y},{x}" for n, (x, y) in enumerate(XY)]
    (spatial / "tissue_positions_list.csv").write_text("\n".join(lines) + "\n")
    slice_ = read_target(tmp_path / "outs")
    assert slice_.shape == (15, 0)
    assert np.array_equal(slice_.obsm["spatial"], XY[::2])


def test_quality_control_keeps_every_spot_of_a_slice_without_counts(tmp_path):
    slice_ = read_target(position_table(tmp_path / "spots.csv"))
    slice_.write_h5ad(tmp_path / "slice.h5ad", compression="lzf")
    data = read_stored(tmp_path / "slice.h5ad")
    metrics = spot_metrics(data.counts, data.symbols)
    record = Record("T", "qc")
    strict = Thresholds(min_counts=100, max_mito=1, n_mads=3)
    reasons = judge(record, data.counts, data.xy, data.pitch, metrics, strict)
    assert (record.status, record.metrics["n_spots"], record.metrics["median_counts"]) == ("passed", 30, None)
    assert not any(record.metrics["histograms"].values())
    write_spots(tmp_path / "spots.csv.gz", data.barcodes, metrics, reasons)
    assert read_kept(tmp_path / "slice.h5ad", tmp_path / "spots.csv.gz").counts.shape == (30, 0)
