"""Slices on top of each other in one file are noticed however they were joined; those side by side pass."""

import re

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.tiny import write_h5ad

from tissuegraph.errors import InputError
from tissuegraph.io.planes import barcode_groups, is_section_name, mixture
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request

ROW, COL = np.divmod(np.arange(64), 8)
XY = np.stack([COL * 100.0, ROW * 100.0], axis=1)
LETTERS = np.array(list("ACGT"))
CORES = ["".join(LETTERS[list(map(int, np.base_repr(4**11 + n, 4)))]) for n in range(64)]


def one(origin=(0, 0), library=None, images=True, suffix="-1"):
    adata = anndata.AnnData(np.ones((64, 2), np.float32), obs=pd.DataFrame(index=[c + suffix for c in CORES]))
    adata.obsm["spatial"] = XY + origin
    if library:
        adata.obs["library_id"] = library
        picture = np.zeros((30, 30, 3), np.uint8)
        adata.uns["spatial"] = {
            library: {"images": {"hires": picture}, "scalefactors": {"tissue_hires_scalef": 0.03}}
        }
    return adata


def read(tmp_path, adata, said=None, **columns):
    path = write_h5ad(tmp_path / "a.h5ad", adata)
    warn = (said if said is not None else []).append
    return read_slice(Request(path=path, sample="S", warn=warn, **columns))


@pytest.mark.parametrize(
    "column", ["sample", "library_id", "Batch", "orig.ident", "slice", "section_id", "donor"]
)
def test_a_column_whose_groups_overlap_tells_two_slices(tmp_path, column):
    joined = anndata.concat([one(), one((30, 40), suffix="-x")])
    joined.obs_names = [f"spot{n}" for n in range(128)]
    joined.obs[column] = ["A"] * 64 + ["B"] * 64
    words = (
        f"the file holds 2 slices on top of each other, told apart by the column '{column}': A (64), B (64)"
    )
    with pytest.raises(InputError, match=re.escape(words)) as error:
        read(tmp_path, joined)
    assert "give each a row of its own that names it in the column library, e.g. A" in str(error.value)
    xy = read(tmp_path, joined, library="B").obsm["spatial"]
    np.testing.assert_array_equal(xy, XY + (30, 40))


def test_the_same_column_passes_where_the_slices_lie_side_by_side(tmp_path):
    joined = anndata.concat([one(), one((900, 0), suffix="-x")])
    joined.obs["sample"] = ["A"] * 64 + ["B"] * 64
    joined.obs_names = [f"spot{n}" for n in range(128)]
    assert read(tmp_path, joined).n_obs == 128


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("fov", ROW // 4 * 2 + COL // 4),  # tiles of 4 x 4 spots
        ("image", [f"spot_{n}.png" for n in range(64)]),
        ("run", "run_1"),
        ("chip", ["A1", ""] * 32),
        ("cells_per_image", ROW * COL % 3),
        ("n_samples", ROW * COL % 3),
        ("in_run", [f"{n % 2}" for n in range(64)]),
    ],
)
def test_columns_of_one_section_that_are_named_like_sections_pass(tmp_path, column, values):
    adata = one()
    adata.obs[column] = values if isinstance(values, str) else np.asarray(values).astype(str)
    assert read(tmp_path, adata).n_obs == 64


def test_a_gap_in_such_a_column_is_no_slice(tmp_path):
    adata = one()
    adata.obs["donor"] = np.where(COL % 2, "A", None)
    assert read(tmp_path, adata).n_obs == 64


@pytest.mark.parametrize("origin", [(30, 40), (0, 0)])
@pytest.mark.parametrize("names", [{"index_unique": "-"}, {"index_unique": "_", "keys": ["A", "B"]}])
def test_what_a_concatenation_appends_to_barcodes_tells_two_slices(tmp_path, origin, names):
    joined = anndata.concat([one(), one(origin)], **names)
    with pytest.raises(InputError, match="told apart by what their barcodes begin or end with"):
        read(tmp_path, joined)


@pytest.mark.parametrize(
    ("barcodes", "groups"),
    [
        (["ACGTACGTACGT-1", "CCGTACGTACGT-1"], None),
        (["ACGTACGTACGT-1", "CCGTACGTACGT-2"], ["-1", "-2"]),
        (["ACGTACGTACGT-1-A", "ACGTACGTACGT-1-B"], ["-1-A", "-1-B"]),
        (["A_ACGTACGTACGT-1", "B_ACGTACGTACGT-1"], ["A_-1", "B_-1"]),
        (["10x13", "11x13"], None),
        (["10x13-0", "10x13-1"], ["-0", "-1"]),
        (["s_016um_00000_00001-1", "s_016um_00000_00002-1"], None),
        (["cell_1", "cell_2"], None),
        (["12_1", "12_2"], None),
    ],
)
def test_groups_are_what_surrounds_a_barcode(barcodes, groups):
    found = barcode_groups(np.array(barcodes))
    assert (found if found is None else found.tolist()) == groups


def test_places_of_the_array_that_are_taken_twice_tell_two_slices(tmp_path):
    joined = anndata.concat([one(), one((30, 40))])
    joined.obs_names = [f"spot{n}" for n in range(128)]
    joined.obs["array_row"], joined.obs["array_col"] = np.tile(ROW, 2), np.tile(COL, 2)
    with pytest.raises(InputError, match="100% of the spots share their array_row and array_col"):
        read(tmp_path, joined)


def test_two_libraries_are_refused_and_one_of_them_alone_is_read_with_its_image(tmp_path):
    joined = anndata.concat(
        [one(library="A"), one((30, 40), library="B")], index_unique="-", uns_merge="unique", merge="same"
    )
    with pytest.raises(InputError, match=re.escape("told apart by the libraries of uns['spatial']: A, B")):
        read(tmp_path, joined)
    alone = read(tmp_path, joined[joined.obs["library_id"] == "B"].copy())
    assert alone.n_obs == 64
    assert set(alone.uns["spatial"]["S"]["images"]) == {"hires"}


def two_libraries():
    first, second = one(library="A"), one((30, 40), library="B")
    second.X = second.X * 2
    second.uns["spatial"]["B"]["scalefactors"]["tissue_hires_scalef"] = 0.04
    return anndata.concat([first, second], uns_merge="unique", merge="same")  # barcodes twice


def test_a_library_is_read_alone_with_its_own_counts_image_and_scale(tmp_path):
    adata = read(tmp_path, two_libraries(), library="B")
    assert adata.n_obs == 64
    assert (adata.X.toarray() == 2).all()
    assert adata.uns["spatial"]["S"]["scalefactors"] == {"tissue_hires_scalef": 0.04}


def test_a_library_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    joined = two_libraries()
    joined.obs["donor"] = "D1"
    words = "library: no column of obs that tells sections apart has the value 'C'; it has library_id: A, B; "
    with pytest.raises(InputError, match=re.escape(words + "donor: D1")):
        read(tmp_path, joined, library="C")
    with pytest.raises(InputError, match="it has no such column"):
        read(tmp_path, one(), library="C")


def test_of_two_columns_with_the_value_the_one_of_libraries_is_meant(tmp_path):
    joined = two_libraries()
    joined.obs["batch"] = ["B"] * 64 + ["A"] * 64
    assert (read(tmp_path, joined, library="A").X.toarray() == 1).all()


def test_images_that_are_named_otherwise_than_the_library_are_left_out(tmp_path):
    joined, said = two_libraries(), []
    joined.obs["library_id"] = ["x"] * 64 + ["y"] * 64
    adata = read(tmp_path, joined, said, library="y")
    assert "spatial" not in adata.uns
    assert "images left out: uns['spatial'] does not say which belong to 'y'" in said


def test_labels_of_other_libraries_are_none_of_this_one(tmp_path):
    joined = two_libraries()
    joined.obs["layer"] = ["L1", "L2"] * 32 + [None] * 64
    assert read(tmp_path, joined, library="A", annotation="layer").obs["annotation"].tolist()[:2] == [
        "L1",
        "L2",
    ]
    with pytest.raises(InputError, match="no spot of this library has a label"):
        read(tmp_path, joined, library="B", annotation="layer")


def test_a_mixture_is_measured_against_chance():
    groups = np.array([0, 0, 1, 1])
    apart, mixed = np.array([[1], [0], [3], [2]]), np.array([[2], [3], [0], [1]])
    assert mixture(groups, apart) == 0
    assert mixture(groups, mixed) == 2.0  # half of the edges would join the groups by chance


def test_columns_that_hold_regions_are_no_names_of_sections():
    names = ["Library.ID", "tissue_section", "Slices", "sampleName", "brain section label", "image_id"]
    assert all(map(is_section_name, names))
    assert not any(map(is_section_name, ["layer", "cluster", "cell_type", "region", "domain", "annotation"]))
    assert not any(map(is_section_name, ["section_cluster", "sample_layer", "batch corrected", "id"]))


@pytest.mark.parametrize(("turned", "n_warnings"), [(False, 0), (True, 1)])
def test_x_that_follows_the_rows_of_the_array_is_warned_about(tmp_path, turned, n_warnings):
    adata, said = one(), []
    adata.obs["array_row"], adata.obs["array_col"] = (COL, ROW) if turned else (ROW, COL)
    read(tmp_path, adata, said)
    assert sum("x of the spots follows array_row" in line for line in said) == n_warnings
