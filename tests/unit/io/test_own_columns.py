"""What users keep beside counts and positions comes back with the result."""

import h5py
import numpy as np
import pandas as pd
import pytest
from helpers.imaging_tiny import write_cosmx
from helpers.tiny import tiny_anndata, write_h5ad
from scipy import sparse

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
    data.var["highly_variable"] = [True, False, True, False][: data.n_vars]
    data.var["in_model"] = np.arange(data.n_vars)  # another
    data.layers["spliced"] = sparse.csc_matrix(np.arange(data.n_obs * data.n_vars).reshape(data.shape) % 3)
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


def test_columns_of_genes_and_layers_come_back_sparse_as_they_were(tmp_path, given):
    found, said = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert found.var["highly_variable"].tolist() == given.var["highly_variable"].tolist()
    assert found.var["h5ad_in_model"].tolist() == given.var["in_model"].tolist()  # a name that is ours
    assert sparse.issparse(found.layers["spliced"])
    np.testing.assert_array_equal(found.layers["spliced"].toarray(), given.layers["spliced"].toarray())
    assert list(found.layers) == ["spliced"]
    assert said == []


def test_layers_follow_the_spots_and_genes_that_are_kept(tmp_path, given):
    given.obs["in_tissue"] = [1, 0, 1]
    given.var["feature_types"] = ["Antibody Capture"] + ["Gene Expression"] * (given.n_vars - 1)
    layer = given.layers["spliced"].toarray()
    found, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    np.testing.assert_array_equal(found.layers["spliced"].toarray(), layer[[0, 2], 1:])
    assert found.var["highly_variable"].tolist() == given.var["highly_variable"].tolist()[1:]


def test_a_layer_of_counts_is_what_is_read_and_is_not_carried_twice(tmp_path, given):
    counts = given.X.copy()
    given.layers["counts"] = counts
    given.X = np.log1p(sparse.csr_matrix(counts).toarray())
    found, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    np.testing.assert_array_equal(found.X.toarray(), sparse.csr_matrix(counts).toarray())
    assert list(found.layers) == ["spliced"]


def test_a_layer_of_our_name_that_holds_no_counts_is_kept_under_another(tmp_path, given):
    given.layers["counts"] = np.full(given.shape, 0.5)
    found, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert set(found.layers) == {"h5ad_counts", "spliced"}
    assert (found.layers["h5ad_counts"] == 0.5).all()


def test_layers_that_do_not_fit_are_said_in_one_line(tmp_path, given):
    path = write_h5ad(tmp_path / "a.h5ad", given)
    with h5py.File(path, "a") as file:
        file["layers/narrow"] = np.zeros((given.n_obs, given.n_vars - 1))
        file["layers/words"] = np.full(given.shape, b"a")
    found, said = read(path)
    assert list(found.layers) == ["spliced"]
    (line,) = said
    assert line.startswith(f"layers are kept where they hold numbers, {given.n_obs} x {given.n_vars} as the")
    assert line.endswith("left out: narrow, words")


def test_layers_of_other_genes_than_the_counts_of_raw_are_left_out_and_said(tmp_path, given):
    given.raw = given.copy()
    normalised = given[:, 1:].copy()
    normalised.X = np.log1p(sparse.csr_matrix(normalised.X).toarray()) + 0.5
    found, said = read(write_h5ad(tmp_path / "a.h5ad", normalised))
    assert found.n_vars == given.n_vars
    assert not found.layers
    (line,) = said
    assert line.startswith(f"layers are not kept, as their genes are not the {given.n_vars} of raw")


def test_identifiers_beyond_signed_64_bits_come_back_exactly(tmp_path, given):
    hashes = np.array([2**63 + 5, 1, 2**64 - 1], dtype=np.uint64)
    given.obs["entity"] = hashes
    found, said = read(write_h5ad(tmp_path / "a.h5ad", given))
    np.testing.assert_array_equal(found.obs["entity"], hashes)
    assert said == []


def test_categories_keep_their_order_and_whether_it_says_something(tmp_path, given):
    given.obs["grade"] = pd.Categorical(["low", None, "high"], ["low", "mid", "high"], ordered=True)
    given.obs["leiden"] = pd.Categorical(["10", "2", "2"], ["2", "10"])
    found, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert found.obs["grade"].cat.categories.tolist() == ["low", "high"]  # nobody is `mid`
    assert found.obs["grade"].cat.ordered
    assert found.obs["leiden"].cat.categories.tolist() == ["2", "10"]
    assert not found.obs["leiden"].cat.ordered


def test_a_name_with_our_prefix_that_is_there_already_stays_beside_ours(tmp_path, given):
    given.obs["total_counts"], given.obs["h5ad_total_counts"] = [1, 2, 3], [4, 5, 6]
    given.var["h5ad_in_model"] = 7
    given.obsm["X_stmfg"], given.obsm["h5ad_X_stmfg"] = np.full((3, 1), 8.0), np.full((3, 1), 9.0)
    given.layers["counts"], given.layers["h5ad_counts"] = (
        np.full(given.shape, 0.5),
        np.full(given.shape, 0.25),
    )
    found, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert found.obs["h5ad_total_counts"].tolist() == [4, 5, 6]
    assert found.obs["h5ad_h5ad_total_counts"].tolist() == [1, 2, 3]
    assert (found.var["h5ad_in_model"] == 7).all()
    assert found.var["h5ad_h5ad_in_model"].tolist() == list(range(found.n_vars))
    assert (found.obsm["h5ad_X_stmfg"] == 9).all()
    assert (found.obsm["h5ad_h5ad_X_stmfg"] == 8).all()
    assert (found.layers["h5ad_counts"] == 0.25).all()
    assert (found.layers["h5ad_h5ad_counts"] == 0.5).all()


@pytest.mark.filterwarnings("ignore:Forward slashes:FutureWarning")
def test_names_with_a_slash_come_back_with_a_dot(tmp_path, given):
    given.obs["T/NK"] = [1, 2, 3]
    given.obs["a/b/c"] = pd.Categorical(["x", "y", None])
    found, said = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert found.obs["T.NK"].tolist() == [1, 2, 3]
    assert found.obs["a.b.c"].tolist()[:2] == ["x", "y"]
    assert said == []


def test_a_column_of_nothing_stays_one_of_missing_numbers(tmp_path, given):
    given.obs["nothing"] = np.nan
    found, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert found.obs["nothing"].dtype == np.float64
    assert found.obs["nothing"].isna().all()


def test_a_slice_of_ours_still_says_what_platform_and_controls_it_had(tmp_path):
    first, _ = read(write_cosmx(tmp_path / "run"))
    first.write_h5ad(tmp_path / "a.h5ad")
    again, _ = read(tmp_path / "a.h5ad")
    for name in ("platform", "n_controls", "um_per_px", "pitch_px"):
        assert again.uns["tissuegraph"][name] == first.uns["tissuegraph"][name]
    assert again.obs["control_counts"].tolist() == first.obs["control_counts"].tolist()


def test_a_platform_that_is_none_is_not_taken_over(tmp_path, given):
    given.uns["tissuegraph"] = {"platform": "telescope", "pitch_px": 1.0}
    found, _ = read(write_h5ad(tmp_path / "a.h5ad", given))
    assert found.uns["tissuegraph"]["platform"] == "h5ad"
