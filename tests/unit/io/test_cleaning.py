"""Spots and features that are none are left out and said, alike for every platform; nonsense is refused."""

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.reading import refuses
from helpers.tiny import tiny_anndata, write_h5ad, write_outs

from tissuegraph.io.cleaning import are_genes, far_off
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request

N = 40
XY = np.stack(np.divmod(np.arange(N), 8), axis=1)[:, ::-1] * 100.0 + 50


def lattice(xy=XY, counts=None, **obs):
    counts = np.ones((len(xy), 3)) if counts is None else counts
    index = [f"spot{n}" for n in range(len(xy))]
    return anndata.AnnData(
        counts.astype(np.float32), obs=pd.DataFrame(obs, index=index), obsm={"spatial": np.asarray(xy)}
    )


@pytest.fixture
def read(tmp_path):
    def write_and_read(adata, **options):
        said = []
        path = write_h5ad(tmp_path / "a.h5ad", adata)
        return read_slice(Request(path=path, sample="S", warn=said.append, **options)), said

    return write_and_read


@pytest.mark.parametrize(
    "flags",
    [
        [1, 0, 1], ["1", "0", "1"], [True, False, True], ["TRUE", "false", "True"], [1.0, 0.0, np.nan],
        pd.Categorical([1, 0, 1]), pd.array([True, False, None], dtype="boolean"),
    ],
)  # fmt: skip
def test_spots_on_glass_are_left_out_of_an_h5ad_as_of_outs(read, flags):
    result, said = read(tiny_anndata(in_tissue=flags))
    assert result.obs_names.tolist() == ["AAA-1", "GGG-1"]
    assert said == ["1 of 3 spots lie outside the tissue and were left out"]


def test_an_h5ad_without_a_spot_under_tissue_is_refused(read):
    with refuses("none of the 3 spots lies under tissue (in_tissue is 0 for all)"):
        read(tiny_anndata(in_tissue=0))


def test_a_column_in_tissue_that_says_something_else_is_ignored_with_a_warning(read):
    result, said = read(tiny_anndata(in_tissue=["liver", "liver", "gut"]))
    assert result.n_obs == 3
    assert said == ["obs['in_tissue'] was ignored: expected 0 or 1, found 'liver'"]


@pytest.mark.parametrize("column", ["In_Tissue", "in.tissue", "is_in_tissue", "spatial_in_tissue"])
def test_the_column_in_tissue_is_known_in_other_spellings(read, column):
    result, said = read(tiny_anndata(**{column: [1, 0, 1]}))
    assert result.n_obs == 2
    assert said == ["1 of 3 spots lie outside the tissue and were left out"]


@pytest.mark.parametrize("column", ["feature_types", "feature_type", "Feature.Types", "feature type"])
def test_antibodies_are_left_out_of_an_h5ad_as_of_outs(read, column):
    adata = tiny_anndata()
    adata.var[column] = ["Gene Expression", "Antibody Capture", "Gene Expression", "Gene Expression"]
    result, said = read(adata)
    assert result.var_names.tolist() == ["ACTB", "CNP", "MT-CO1"]
    assert said == ["1 features that are not gene expression (Antibody Capture) were left out"]


@pytest.mark.parametrize(
    ("types", "genes"),
    [
        (["Gene Expression", "Custom", "gene expression"], [1, 0, 1]),
        (["gene", "spike-in"], [1, 0]),
        (["protein_coding", "lncRNA"], [1, 1]),
        (["protein_coding", "Antibody Capture"], [1, 0]),
        (["GEX", "ab_capture"], [1, 0]),
        (["Protein", "CRISPR Guide Capture"], [0, 0]),
    ],
)
def test_genes_are_told_by_their_type(types, genes):
    assert are_genes(np.array(types)).astype(int).tolist() == genes


def test_a_matrix_of_antibodies_only_is_refused(tmp_path):
    outs = write_outs(tmp_path / "outs", feature_types=("Antibody Capture",) * 4)
    with refuses("the matrix has no features of type Gene Expression, only Antibody Capture"):
        read_slice(Request(path=outs, sample="S"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_spot_without_a_position_is_left_out(read, value):
    xy = XY.copy()
    xy[3, 1] = value
    result, said = read(lattice(xy))
    assert result.n_obs == N - 1
    assert "spot3" not in result.obs_names
    assert said == [f"1 of {N} spots have no position and were left out"]


@pytest.mark.parametrize("place", [(0, -90_000), (1e300, 50), (1e7, 1e7)])
def test_one_spot_far_from_all_others_is_left_out(read, place):
    result, said = read(lattice(np.vstack([XY, place])))
    assert result.n_obs == N
    assert result.uns["tissuegraph"]["pitch_px"] == 100.0
    assert said[0].startswith(f"1 of {N + 1} spots lie far from all others, e.g. at x ")


def test_two_pieces_of_tissue_apart_from_each_other_both_stay():
    assert not far_off(np.vstack([XY, XY + [6000, 0]])).any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lattice(XY * 1e297), "coordinates reach 7.5e+299; expected pixels"),
        (lambda: lattice(XY * 1e-12), "all spots lie within 7e-10; expected coordinates"),
        (
            lambda: lattice(counts=np.full((N, 3), 1e30)),
            "a spot has 1e+30 counts of one gene; at most 16,777,216",
        ),
        (lambda: lattice(counts=np.full((N, 3), 2.0**25)), "a spot has 3.35544e+07 counts of one gene"),
    ],
)
def test_numbers_that_cannot_be_are_refused(read, make, words):
    with refuses(words):
        read(make())


@pytest.mark.parametrize("scale", [-1.0, 0.0, np.nan, 1e300])
def test_micrometres_per_pixel_that_cannot_be_are_refused(read, scale):
    adata = lattice()
    adata.uns["tissuegraph"] = {"um_per_px": scale}
    with refuses(f"{scale:g} micrometres per pixel cannot be"):
        read(adata)


@pytest.mark.parametrize(
    ("barcode", "words"),
    [("", "spot number 2 has an empty barcode"), ("a\nb", "characters that cannot be printed")],
)
def test_a_barcode_that_is_no_name_is_refused(tmp_path, barcode, words):
    import h5py

    path = write_h5ad(tmp_path / "a.h5ad", tiny_anndata())
    with h5py.File(path, "a") as file:
        file["obs"][file["obs"].attrs["_index"]][1] = barcode
    with refuses(words):
        read_slice(Request(path=path, sample="S"))


def test_positions_that_are_a_table_are_taken_by_the_names_of_its_columns(read):
    adata = lattice()
    adata.obsm["spatial"] = pd.DataFrame({"row": XY[:, 1], "col": XY[:, 0]}, index=adata.obs_names)
    np.testing.assert_array_equal(read(adata)[0].obsm["spatial"], XY)
