"""The final h5ad with tables and values of spots that were found after it was assembled."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.final_slices import COUNTS, final_data
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.results.complete import complete_slice

MARKERS = "domain,gene,rank,auc,p_adjusted_split\n1,TP53,1,0.9,\n2,ACTB,1,0.8,0.01\n"


@pytest.fixture
def assembled(tmp_path):
    path = tmp_path / "in.h5ad"
    final_data().write_h5ad(path)
    return path


@pytest.fixture
def found(tmp_path):
    folder = tmp_path / "found"
    folder.mkdir()
    return folder


def completed(assembled, found) -> anndata.AnnData:
    target = assembled.parent / "out.h5ad"
    complete_slice(assembled, found, "S", target)
    return anndata.read_h5ad(target)


def test_tables_become_frames_of_uns_and_all_else_stays(assembled, found):
    (found / "S.markers.csv").write_text(MARKERS)
    (found / "S.other.csv").write_text("a\n1\n")
    data, before = completed(assembled, found), anndata.read_h5ad(assembled)
    table = data.uns["markers"]
    assert list(table["domain"].astype(str)) == ["1", "2"]  # names, though they look like numbers
    assert list(table["gene"].astype(str)) == ["TP53", "ACTB"]
    assert np.isnan(table["p_adjusted_split"].iloc[0])
    assert table["auc"].tolist() == [0.9, 0.8]
    assert set(data.uns) == {*before.uns, "markers"}
    assert (data.X != before.X).nnz == 0
    pd.testing.assert_frame_equal(data.obs, before.obs)


def test_pseudotime_is_a_column_of_spots_and_denoised_counts_a_layer(assembled, found):
    time = np.float32([0, 1, np.nan, 0.5])
    np.savez(found / "trajectory.npz", pseudotime=time)
    mean = sparse.csr_matrix(COUNTS / 2)
    np.savez(
        found / "denoised.npz", data=mean.data, indices=mean.indices, indptr=mean.indptr, shape=mean.shape
    )
    data = completed(assembled, found)
    np.testing.assert_array_equal(data.obs["pseudotime"], time)
    assert list(data.obs.columns)[-1] == "pseudotime"
    np.testing.assert_array_equal(data.layers["denoised"].toarray(), COUNTS / 2)
    np.testing.assert_array_equal(data.layers["counts"].toarray(), COUNTS)


def test_what_is_not_of_the_slice_is_refused(assembled, found):
    np.savez(found / "trajectory.npz", pseudotime=np.zeros(3, dtype=np.float32))
    with pytest.raises(InputError, match="expected one value for each of 4 spots"):
        completed(assembled, found)


def test_a_table_that_was_there_is_replaced(assembled, found):
    (found / "S.markers.csv").write_text(MARKERS)
    completed(assembled, found).write_h5ad(assembled)
    (found / "S.markers.csv").write_text(MARKERS.replace("TP53", "GAPDH"))
    assert list(completed(assembled, found).uns["markers"]["gene"].astype(str)) == ["GAPDH", "ACTB"]


def test_names_that_look_like_something_else_stay_names(assembled, found):
    (found / "S.markers.csv").write_text("domain,gene,rank\nNA,'-Rik,1\n01,NaN,1\n")
    table = completed(assembled, found).uns["markers"]
    assert list(table["domain"].astype(str)) == ["NA", "01"]
    assert list(table["gene"].astype(str)) == ["-Rik", "NaN"]


def test_regions_with_a_slash_are_columns_and_no_folders(assembled, found, recwarn):
    (found / "S.domain_means.csv").write_text("gene,L2/3,L2_3,L4/5,'=WM,ligand\nTP53,1,2,3,4,5\n")
    table = completed(assembled, found).uns["domain_means"]
    assert table.columns.tolist() == ["gene", "L2_3_2", "L2_3", "L4_5", "=WM", "ligand"]
    assert table.iloc[0].tolist() == ["TP53", 1, 2, 3, 4, 5]
    assert not [warning for warning in recwarn if "slash" in str(warning.message)]


def test_regions_of_names_that_no_column_can_have_are_numbered(assembled, found):
    (found / "S.domain_means.csv").write_text("gene,.,_index\nTP53,1,2\n")
    table = completed(assembled, found).uns["domain_means"]
    assert table.columns.tolist() == ["gene", "._2", "_index_2"]
    assert table.iloc[0].tolist() == ["TP53", 1, 2]


def test_what_is_true_or_false_stays_so(assembled, found):
    (found / "S.trajectory.csv").write_text("domain,is_root\n1,True\n2,False\n")
    assert completed(assembled, found).uns["trajectory"]["is_root"].tolist() == [True, False]
