"""What a platform says of each spot is carried to the canonical slice."""

import anndata
import numpy as np
import pandas as pd

from tissuegraph.io.canonical import RawSlice, to_canonical

XY = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])


def raw(**columns):
    names = np.array(["A", "B"])
    obs = pd.DataFrame(columns)
    return RawSlice("xenium", np.ones((3, 2)), np.array(["x", "y", "z"]), names, names, XY, obs=obs)


def canonical(slice_):
    return to_canonical(slice_, "S", warn=lambda line: None)


def test_numbers_and_text_of_a_platform_come_back_from_the_file(tmp_path):
    slice_ = raw(cell_area=[1.5, np.nan, 3.0], fov=["F1", "F2", None])
    canonical(slice_).write_h5ad(tmp_path / "S.h5ad")
    obs = anndata.read_h5ad(tmp_path / "S.h5ad").obs
    assert list(obs.index) == ["x", "y", "z"]
    np.testing.assert_array_equal(obs["cell_area"], [1.5, np.nan, 3.0])
    assert obs["fov"].isna().tolist() == [False, False, True]
    assert obs["fov"].astype(str).tolist()[:2] == ["F1", "F2"]


def test_columns_follow_their_spots_when_some_are_left_out():
    slice_ = raw(cell_area=[1.0, 2.0, 3.0]).select(np.array([True, False, True]))
    obs = canonical(slice_).obs
    assert dict(zip(obs.index, obs["cell_area"], strict=True)) == {"x": 1.0, "z": 3.0}


def test_columns_that_the_pipeline_writes_get_the_platform_in_front():
    own = ("total_counts", "annotation", "domain_stmfg", "region", "domain")
    obs = canonical(raw(**{name: [1.0, 2.0, 3.0] for name in (*own, "domains", "regional_area")})).obs
    assert list(obs.columns) == [*(f"xenium_{name}" for name in own), "domains", "regional_area"]


def test_a_slash_in_a_name_makes_no_group_of_the_file(tmp_path):
    canonical(raw(**{"a/b": [1.0, 2.0, 3.0]})).write_h5ad(tmp_path / "S.h5ad")
    assert anndata.read_h5ad(tmp_path / "S.h5ad").obs["a.b"].tolist() == [1.0, 2.0, 3.0]
