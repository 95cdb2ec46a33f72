"""AnnData files in the many ways people write them, and what is refused."""

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.reading import refuses
from helpers.tiny import COUNTS, XY, tiny_anndata, write_h5ad
from scipy import sparse

from tissuegraph.io.canonical import CHUNK, first_non_count, nearest_neighbour_distance, unique_names
from tissuegraph.io.reading import describe, read_slice
from tissuegraph.io.request import Request
from tissuegraph.io.stored import read_stored


@pytest.fixture
def read(tmp_path):
    def write_and_read(adata, **options):
        return read_slice(Request(path=write_h5ad(tmp_path / "a.h5ad", adata), sample="S", **options))

    return write_and_read


@pytest.mark.parametrize(
    "form", [sparse.csr_matrix, sparse.csc_matrix, np.asarray, lambda counts: counts.astype(np.int64)]
)
def test_counts_of_any_storage_become_csr(read, form):
    adata = tiny_anndata()
    adata.X = form(COUNTS)
    result = read(adata)
    assert result.X.format == "csr"
    assert result.X.dtype == np.float32
    np.testing.assert_array_equal(result.X.toarray(), COUNTS)
    np.testing.assert_array_equal(result.obsm["spatial"], XY)
    assert result.uns["tissuegraph"] == {"sample": "S", "platform": "h5ad", "pitch_px": 100.0}


def test_counts_layer_is_taken_before_x(read):
    adata = tiny_anndata(np.log1p(COUNTS))
    adata.layers["counts"] = sparse.csr_matrix(COUNTS)
    np.testing.assert_array_equal(read(adata).X.toarray(), COUNTS)


def test_raw_is_taken_with_its_own_genes_where_x_is_normalised(read):
    adata = tiny_anndata()
    adata.raw = adata.copy()
    adata = adata[:, :2].copy()
    adata.X = np.log1p(adata.X.toarray())
    result = read(adata)
    np.testing.assert_array_equal(result.X.toarray(), COUNTS)
    assert list(result.var_names) == ["ACTB", "GFAP", "CNP", "MT-CO1"]


def test_stored_zeros_are_removed_so_that_detected_genes_can_be_counted(read):
    adata = tiny_anndata()
    adata.X.data[0] = 0
    assert read(adata).X.nnz == 4


def test_symbols_and_ids_are_found_in_var(read):
    adata = tiny_anndata()
    adata.var["gene_ids"] = ["E1", "E2", "E3", "E4"]
    adata.var["gene_name"] = ["A", None, "C", "D"]
    result = read(adata)
    assert result.var["gene_id"].tolist() == ["E1", "E2", "E3", "E4"]
    assert result.var["gene_symbol"].tolist() == ["A", "GFAP", "C", "D"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["L1", None, "L2"], ["L1", "-", "L2"]),
        (["L1", "", "NA"], ["L1", "-", "-"]),
        (pd.Categorical(["b", np.nan, "a"]), ["b", "-", "a"]),
        ([1.0, np.nan, 2.0], ["1", "-", "2"]),
        (["1.0", "", "2.0"], ["1", "-", "2"]),
        (["1.0", "1.5", "2"], ["1", "1.5", "2"]),
        (["1.0", "v1.0", "2.0"], ["1.0", "v1.0", "2.0"]),
        ([3, 4, 3], ["3", "4", "3"]),
        ([True, False, True], ["True", "False", "True"]),
    ],
)
def test_a_column_of_obs_becomes_the_annotation(read, labels, expected):
    adata = tiny_anndata(layer=labels)
    result = read(adata, annotation="layer")
    assert (
        result.obs["annotation"].astype(object).where(result.obs["annotation"].notna(), "-").tolist()
        == expected
    )
    assert isinstance(result.obs["annotation"].dtype, pd.CategoricalDtype)


@pytest.mark.parametrize("values", [["a", "b", "a"], [0.25, 0.5, 1.5]])
def test_a_column_called_annotation_that_nobody_asked_for_is_left_out_with_a_warning(read, values):
    lines = []
    assert "annotation" not in read(tiny_anndata(annotation=values), warn=lines.append).obs
    assert lines == [
        "obs['annotation'] is not read: name it in the column annotation if it holds manual labels"
    ]


def test_the_canonical_slice_can_be_read_again_and_stays_the_same(read, tmp_path):
    adata = tiny_anndata(annotation=["a", None, "b"], array_row=[0, 0, 1], array_col=[0, 1, 0])
    image = np.full((5, 4, 3), 9, dtype=np.uint8)
    adata.uns["spatial"] = {"x": {"images": {"hires": image}, "scalefactors": {"tissue_hires_scalef": 0.02}}}
    first = read(adata, annotation="annotation")
    again = read_slice(Request(path=write_h5ad(tmp_path / "slice.h5ad", first), sample="S"))
    pd.testing.assert_frame_equal(first.obs, again.obs)
    pd.testing.assert_frame_equal(first.var, again.var)
    np.testing.assert_array_equal(again.uns["spatial"]["S"]["images"]["hires"], image)
    assert describe(again) == describe(first) | {"images": ["hires"]}
    assert describe(again)["n_labelled"] == 2


def test_pictures_stored_as_fractions_become_bytes(read):
    adata = tiny_anndata()
    image = np.full((2, 3, 3), 0.5, dtype=np.float32)
    adata.uns["spatial"] = {"x": {"images": {"hires": image}, "scalefactors": {"tissue_hires_scalef": 0.01}}}
    stored = read(adata).uns["spatial"]["S"]["images"]["hires"]
    assert stored.shape == (2, 3, 3)
    assert (stored == 128).all()


def test_small_steps_read_the_stored_slice_without_anndata(read, tmp_path):
    read(tiny_anndata()).write_h5ad(tmp_path / "slice.h5ad")
    stored = read_stored(tmp_path / "slice.h5ad")
    np.testing.assert_array_equal(stored.counts.toarray(), COUNTS)
    assert stored.barcodes.tolist() == ["AAA-1", "CCC-1", "GGG-1"]
    assert stored.symbols.tolist() == ["ACTB", "GFAP", "CNP", "MT-CO1"]
    np.testing.assert_array_equal(stored.xy, XY)
    assert stored.pitch == 100.0


def _with_positions(values):
    adata = tiny_anndata()
    adata.obsm["spatial"] = np.asarray(values, dtype=float)
    return adata


def _without_positions():
    adata = tiny_anndata()
    adata.obsm["X_umap"] = adata.obsm.pop("spatial")
    return adata


def _without_matrix():
    return anndata.AnnData(obs=tiny_anndata().obs, var=tiny_anndata().var, obsm={"spatial": XY})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: tiny_anndata(np.log1p(COUNTS)),
            "expected raw counts (whole numbers of at least 0), found 0.693147 in X",
        ),
        (
            lambda: tiny_anndata(-COUNTS),
            "found -1 in X: the values look normalised or scaled; put the raw counts",
        ),
        (lambda: tiny_anndata(np.where(COUNTS == 5, np.nan, COUNTS)), "found nan in X"),
        (lambda: tiny_anndata(COUNTS * 0), "the matrix is empty: all 3 x 4 counts are 0"),
        (lambda: tiny_anndata()[:0], "the matrix is empty: 0 spots x 4 genes"),
        (lambda: tiny_anndata()[:, :0], "the matrix is empty: 3 spots x 0 genes"),
        (_without_matrix, "the file has no matrix"),
        (_without_positions, "obsm['spatial'] is missing (obsm has: X_umap)"),
        (
            lambda: _with_positions([[0, 0], [np.nan, 1], [1, 1]]),
            "1 of 3 spots have coordinates that are NaN or infinite",
        ),
        (
            lambda: _with_positions([[0, 0], [np.inf, 1], [1, 1]]),
            "1 of 3 spots have coordinates that are NaN or infinite",
        ),
        (lambda: _with_positions(np.zeros((3, 3))), "the coordinates have shape (3, 3); expected (3, 2)"),
        (lambda: _with_positions(np.ones((3, 2))), "all 3 spots have the same coordinates"),
        (
            lambda: _with_positions([[0, 0], [0, 0], [0, 1]]),
            "more than half of the spots share their coordinates",
        ),
    ],
)
def test_content_that_is_no_slice_of_counts_is_refused(read, make, words):
    with refuses(words):
        read(make().copy())


def test_duplicate_barcodes_are_refused_with_an_example(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(path, "a") as file:
        file["obs"][file["obs"].attrs["_index"]][1] = "AAA-1"
    with refuses("1 barcodes appear more than once, e.g. AAA-1"):
        read_slice(Request(path=path, sample="S"))


def test_duplicate_genes_get_a_suffix(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(path, "a") as file:
        file["var"][file["var"].attrs["_index"]][1] = "ACTB"
    lines = []
    adata = read_slice(Request(path=path, sample="S", warn=lines.append))
    assert list(adata.var_names) == ["ACTB", "ACTB-1", "CNP", "MT-CO1"]
    assert lines == ["1 gene names were not unique and got a suffix, e.g. ACTB-1"]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, share):
    path = write_h5ad(tmp_path / "a.h5ad")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: int(share * size)])
    with refuses(f"a.h5ad cannot be read as HDF5: truncated, {int(share * size):,} of its {size:,} bytes"):
        read_slice(Request(path=path, sample="S"))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "a.h5ad is an empty file"), (b"barcode,x\n", "a.h5ad cannot be read as HDF5")],
)
def test_a_file_of_another_kind_is_refused(tmp_path, content, words):
    path = tmp_path / "a.h5ad"
    path.write_bytes(content)
    with refuses(words):
        read_slice(Request(path=path, sample="S"))


def test_an_hdf5_file_that_is_no_anndata_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["matrix"] = 1
    with refuses("a.h5ad is no AnnData file: obs and var are missing"):
        read_slice(Request(path=tmp_path / "a.h5ad", sample="S"))


def test_a_missing_column_names_the_nearest(read):
    with refuses("annotation: obs has no column 'layr'; did you mean 'layer'?"):
        read(tiny_anndata(layer=["a", "b", "c"]), annotation="layr")


def test_a_column_without_labels_is_refused(read):
    with refuses("annotation: no spot has a label"):
        read(tiny_anndata(layer=["", "", "NA"]), annotation="layer")


def test_a_measurement_is_no_annotation(read):
    n_spots = 300
    adata = anndata.AnnData(
        X=np.ones((n_spots, 2), dtype=np.float32),
        obs=pd.DataFrame({"total": np.arange(n_spots) + 0.5}, index=[f"s{i}" for i in range(n_spots)]),
        obsm={"spatial": np.arange(2.0 * n_spots).reshape(-1, 2)},
    )
    with refuses("annotation: 300 different values"):
        read(adata, annotation="total")


def test_a_path_that_is_nothing_known_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with refuses("nor an .h5ad file"):
        read_slice(Request(path=tmp_path / "a.txt", sample="S"))
    with refuses("b.h5ad does not exist"):
        read_slice(Request(path=tmp_path / "b.h5ad", sample="S"))


def test_a_fraction_is_found_wherever_it_is(monkeypatch):
    monkeypatch.setattr("tissuegraph.io.canonical.CHUNK", 4)
    assert CHUNK > 4
    values = np.arange(10.0)
    assert first_non_count(values) is None
    values[9] = 0.5
    assert first_non_count(values) == 0.5
    assert first_non_count(np.array([3, -2], dtype=np.int32)) == -2


def test_a_suffix_never_makes_a_name_that_is_already_there():
    names = np.array(["A", "A-1", "A", "B", "A"])
    assert unique_names(names).tolist() == ["A", "A-1", "A-2", "B", "A-3"]


def test_pitch_is_the_median_distance_to_the_nearest_spot():
    assert nearest_neighbour_distance(np.array([[0.0, 0], [3, 0], [6, 0], [16, 0]])) == 3.0
    assert np.isnan(nearest_neighbour_distance(np.array([[0.0, 0]])))
