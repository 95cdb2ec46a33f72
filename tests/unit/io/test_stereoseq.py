"""Stereo-seq: square bins and cells of GEF files, and the h5ad that Stereopy exports."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from helpers import stereoseq_tiny as tiny
from helpers.reading import read, refuses

from tissuegraph.io.readers import gef
from tissuegraph.io.reading import detect_platform

# The bins of 10 x 10 DNB that MOLECULES lie in, by x then y
CORNERS = [[0, 0], [10, 0], [10, 10]]
COUNTS = [[3, 3], [4, 0], [0, 6]]


@pytest.mark.parametrize("chunk", [2, 1 << 22])
def test_bins_are_summed_from_bin1(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(gef, "CHUNK", chunk)
    path = tiny.write_gef(tmp_path / "C04042E3.tissue.gef")
    adata = read(path, bin_um=5)
    assert detect_platform(path) == "stereoseq"
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    np.testing.assert_array_equal(adata.obsm["spatial"], np.array(CORNERS) + 5)
    assert adata.uns["tissuegraph"] == {
        "sample": "S", "platform": "stereoseq", "pitch_px": 10.0, "um_per_px": 0.5,
        "um_per_px_source": "platform",
    }  # fmt: skip
    assert adata.var["gene_id"].tolist() == tiny.IDS
    assert adata.var["gene_symbol"].tolist() == tiny.GENES
    assert list(adata.obs_names) == ["0", str(10 << 32), str((10 << 32) + 10)]  # as Stereopy names bins
    assert adata.obs["array_col"].tolist() == [0, 1, 1]
    assert adata.obs["array_row"].tolist() == [0, 0, 1]


BINNED = [("Mbp", 0, 0, 3), ("Mbp", 10, 0, 9), ("Plp1", 10, 10, 6)]


@pytest.mark.parametrize("step", [10, 1])
def test_stored_bins_are_taken_as_they_are_whether_placed_or_numbered(tmp_path, step):
    stored = [(gene, x // 10 * step, y // 10 * step, count) for gene, x, y, count in BINNED]
    path = tiny.write_gef(tmp_path / "a.gef", [(1, tiny.MOLECULES), (10, stored)])
    adata = read(path, bin_um=5)
    np.testing.assert_array_equal(adata.X.toarray(), [[3, 0], [9, 0], [0, 6]])
    np.testing.assert_array_equal(adata.obsm["spatial"], np.array(CORNERS) + 5)


def test_bins_of_25_um_are_read_unless_others_are_asked_for(tmp_path):
    far = [("Mbp", 0, 0, 1), ("Mbp", 50, 0, 2), ("Plp1", 49, 149, 3)]
    adata = read(tiny.write_gef(tmp_path / "a.gef", [(1, far)], old=True))
    np.testing.assert_array_equal(adata.obsm["spatial"], [[25, 25], [25, 125], [75, 25]])
    np.testing.assert_array_equal(adata.X.toarray(), [[1, 0], [0, 3], [2, 0]])
    assert adata.var["gene_id"].tolist() == tiny.GENES  # older files have names only


@pytest.mark.parametrize(("resolution", "um"), [(715, 0.715), (None, 0.5), (0, 0.5)])
def test_the_file_says_how_far_dnb_are_apart(tmp_path, resolution, um):
    path = tiny.write_gef(tmp_path / "a.gef", resolution=resolution)
    assert read(path, bin_um=10 * um).uns["tissuegraph"]["um_per_px"] == pytest.approx(um)


def test_a_size_that_cannot_be_is_refused_with_those_that_can(tmp_path):
    path = tiny.write_gef(tmp_path / "a.gef", [(20, BINNED), (100, BINNED)])
    with refuses("the file has no bins of 50 x 50 DNB and no bin1 to sum them from; it has bin20, bin100"):
        read(path)
    with refuses("bin_um is 8.3, no multiple of the 0.5 um from one DNB to the next; give e.g. 25 for bin50"):
        read(path, bin_um=8.3)


def test_cells_have_their_centres_and_counts(tmp_path):
    path = tiny.write_cellbin_gef(tmp_path / "C04042E3.cellbin.gef")
    adata = read(path)
    np.testing.assert_array_equal(adata.X.toarray(), [[2, 1], [0, 4], [3, 0]])
    np.testing.assert_array_equal(adata.obsm["spatial"], [[100, 50], [140, 50], [100, 90]])
    assert list(adata.obs_names) == ["7", "8", "9"]
    assert adata.obs["area"].tolist() == [300, 400, 500]
    assert adata.obs["dnbCount"].tolist() == [30, 40, 50]
    assert adata.uns["tissuegraph"]["um_per_px"] == 0.5
    with refuses("bin_um is 25, but C04042E3.cellbin.gef holds cells; leave it empty"):
        read(path, bin_um=25)


def _without(name):
    return lambda file: file.pop(name)


def _shorter(name):
    def change(file):
        found = file[name][:-1]
        del file[name]
        file[name] = found

    return change


def _empty(file):
    for name in ("expression", "gene"):
        found = file[f"geneExp/bin1/{name}"][()]
        del file[f"geneExp/bin1/{name}"]
        if name == "gene":
            found["count"] = found["offset"] = 0
        file[f"geneExp/bin1/{name}"] = found[:0] if name == "expression" else found


@pytest.mark.parametrize(
    ("write", "change", "words"),
    [
        (tiny.write_gef, _without("geneExp/bin1/gene"), "/geneExp/bin1 lacks gene; copy the file again"),
        (tiny.write_gef, _without("geneExp/bin1/expression"), "/geneExp/bin1 lacks expression"),
        (tiny.write_gef, _shorter("geneExp/bin1/gene"), "its genes do not cover the 6 values of expression"),
        (tiny.write_gef, _shorter("geneExp/bin1/expression"), "its genes do not cover the 5 values"),
        (tiny.write_gef, _empty, "/geneExp/bin1/expression is empty: no counts in it"),
        (
            tiny.write_gef,
            _without("geneExp"),
            "is neither a GEF file (geneExp or cellBin) nor an AnnData file",
        ),
        (tiny.write_cellbin_gef, _without("cellBin/cellExp"), "/cellBin lacks cellExp"),
        (tiny.write_cellbin_gef, _shorter("cellBin/cellExp"), "its cells have 4 values and cellExp has 3"),
        (tiny.write_cellbin_gef, _shorter("cellBin/gene"), "cellExp names gene 1 of 1"),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, write, change, words):
    path = write(tmp_path / "a.gef")
    with h5py.File(path, "r+") as file:
        change(file)
    with refuses(words) as error:
        read(path)
    assert "\n" not in str(error.value)


def test_a_truncated_file_and_other_fields_are_refused(tmp_path):
    path = tiny.write_gef(tmp_path / "a.gef")
    path.write_bytes(path.read_bytes()[:-100])
    with refuses("a.gef cannot be read as HDF5: truncated"):
        read(path)
    path = tiny.write_gef(tmp_path / "b.gef")
    with h5py.File(path, "r+") as file:
        del file["geneExp/bin1/expression"]
        file["geneExp/bin1/expression"] = np.zeros(6, dtype=[("x", "<f4"), ("y", "<u4"), ("count", "u1")])
    with refuses("has the fields x, y, count; expected x, y, count as whole numbers"):
        read(path)


@pytest.mark.parametrize("name", [b"M\0bp", b"M\xff"])
def test_names_of_genes_that_are_no_text_are_refused(tmp_path, name):
    path = tiny.write_gef(tmp_path / "a.gef")
    with h5py.File(path, "r+") as file:
        genes = file["geneExp/bin1/gene"][()]
        genes["geneName"][0] = name
        file["geneExp/bin1/gene"][...] = genes
    with refuses("/geneExp/bin1/gene holds text"):
        read(path)


def stereopy(bin_type="bins", bin_size=50, step=50, positions=True):
    adata = anndata.AnnData(
        np.array([[1, 0], [0, 2], [3, 3]], np.float32), obs=pd.DataFrame(index=["a", "b", "c"])
    )
    xy = np.array([[1, 1], [2, 1], [1, 2]]) * step
    adata.obs["x"], adata.obs["y"] = xy.T
    if positions:
        adata.obsm["spatial"] = xy
    adata.uns |= {"bin_type": bin_type, "bin_size": bin_size, "resolution": 500}
    return adata


def written(adata, path):
    adata.write_h5ad(path)
    return path


@pytest.mark.parametrize("positions", [True, False])
def test_bins_that_stereopy_exported_know_their_scale(tmp_path, positions):
    path = written(stereopy(positions=positions), tmp_path / "a.h5ad")
    assert detect_platform(path) == "stereoseq"
    adata = read(path)
    np.testing.assert_array_equal(adata.obsm["spatial"], [[50, 50], [100, 50], [50, 100]])
    assert adata.uns["tissuegraph"]["um_per_px"] == 0.5
    with refuses("bin_um is 8, but a.h5ad holds bins of 25 um (bin50); leave it empty"):
        read(path, bin_um=8)


def test_numbered_bins_and_cells_of_stereopy_know_their_scale_too(tmp_path):
    numbered = written(stereopy(step=1), tmp_path / "n.h5ad")
    assert read(numbered).uns["tissuegraph"]["um_per_px"] == 25
    cells = written(stereopy("cell_bins", 1, step=31), tmp_path / "c.h5ad")
    assert read(cells).uns["tissuegraph"]["um_per_px"] == 0.5


def test_an_export_without_positions_is_refused_and_other_h5ad_are_no_stereo_seq(tmp_path):
    adata = stereopy(positions=False)
    del adata.obs["x"]
    with refuses("obsm['spatial'] is missing, and x and y of obs too (obs has: y)"):
        read(written(adata, tmp_path / "a.h5ad"))
    plain = stereopy()
    del plain.uns["bin_type"]
    assert detect_platform(written(plain, tmp_path / "b.h5ad")) == "h5ad"
    (tmp_path / "c.h5ad").write_text("no HDF5")
    assert detect_platform(tmp_path / "c.h5ad") == "h5ad"
