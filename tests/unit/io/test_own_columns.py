"""What users keep beside counts and positions comes back with the result."""

import h5py
import numpy as np
import pandas as pd
import pytest
from helpers.tiny import tiny_anndata, write_h5ad

from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request


@pytest.fixture
def given():
    data = tiny_anndata()
    data.obs["cell_type"] = pd.Categorical(["B", None, "A"])
    data.obs["score"] = [0.5, np.nan, -1.0]
    data.obs["n_nuclei"] = [3, 0, 12]
    data.obs["doublet"] = [True, False, True]
    data.obs["note"] = ["a/b", "", "\u00e9"]
    data.obs["domain"] = ["x", "y", "y"]  # a name that is ours
    data.obsm["X_umap"] = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    return data


def read(path, **more):
    said = []
    return read_slice(Request(sample="s", path=path, warn=said.append, **more)), said


def test_columns_come_back_with_their_types(tmp_path, given):
    found, said = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert found.obs["cell_type"].isna().tolist() == [False, True, False]
    assert found.obs["cell_type"].astype(object).tolist()[::2] == ["B", "A"]
    np.testing.assert_array_equal(found.obs["score"], [0.5, np.nan, -1.0])
    assert found.obs["n_nuclei"].tolist() == [3, 0, 12]
    assert found.obs["doublet"].tolist() == [True, False, True]
    assert found.obs["note"].astype(str).tolist() == ["a/b", "", "\u00e9"]
    np.testing.assert_array_equal(found.obsm["X_umap"], given.obsm["X_umap"])
    assert said == []


def test_a_column_of_our_name_is_kept_under_another(tmp_path, given):
    found, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert found.obs["h5ad_domain"].astype(str).tolist() == ["x", "y", "y"]
    assert "domain" not in found.obs


def test_they_survive_being_written_and_read_again(tmp_path, given):
    first, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    first.write_h5ad(tmp_path / "b.h5ad")
    again, said = read(tmp_path / "b.h5ad")
    pd.testing.assert_frame_equal(again.obs[sorted(again.obs)], first.obs[sorted(first.obs)])
    np.testing.assert_array_equal(again.obsm["X_umap"], given.obsm["X_umap"])
    assert said == []


def test_spots_that_are_left_out_take_their_values_with_them(tmp_path, given):
    given.obs["in_tissue"] = [1, 0, 1]
    found, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert found.obs["n_nuclei"].tolist() == [3, 12]
    np.testing.assert_array_equal(found.obsm["X_umap"], [[0.0, 1.0], [4.0, 5.0]])


def test_what_cannot_be_carried_is_said_and_the_slice_goes_on(tmp_path, given):
    given.obsm["flags"] = pd.DataFrame({"a": ["x", "y", "z"]}, index=given.obs_names)
    path = write_h5ad(tmp_path / "a.h5ad", given)
    with h5py.File(path, "a") as file:
        del file["obs/score"]
        file["obs/score"] = np.zeros(2)  # one value too few
    found, said = read(path)
    assert found.n_obs == 3
    assert "score" not in found.obs
    assert any("score" in line for line in said)
    assert any("flags" in line for line in said)
