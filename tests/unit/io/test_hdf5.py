"""An HDF5 file is read only within itself, only as far as it can be, and its damage is called by its name."""

import fcntl

import h5py
import numpy as np
import pytest
from helpers.reading import refuses
from helpers.tiny import COUNTS, tiny_anndata, write_h5ad, write_outs

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_declared
from tissuegraph.io.hdf5 import open_hdf5, strings
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request


def external_storage(file, place, secret):
    file.create_dataset(place, shape=(8,), dtype="S4", external=[(str(secret), 0, 32)])


def virtual(file, place, secret):
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "x", (3,))
    file.create_virtual_dataset(place, layout)


@pytest.mark.parametrize(
    ("reach_out", "words"),
    [
        (lambda f, p, s: f.__setitem__(p, h5py.ExternalLink(str(s), "/")), "is a link into another file"),
        (lambda f, p, s: f.__setitem__(p, h5py.SoftLink("/nowhere")), "is a link to nothing"),
        (lambda f, p, s: f.__setitem__(p, h5py.SoftLink(f"/{p}")), "is a link to nothing"),
        (external_storage, "keeps its values in another file"),
        (virtual, "is put together from other arrays"),
    ],
)
@pytest.mark.parametrize("place", ["obs/secret", "uns/a/b/c/secret"])
def test_a_file_that_reaches_beyond_itself_is_refused_with_the_place(tmp_path, reach_out, words, place):
    secret = tmp_path / "secret"
    secret.write_text("the password of the core is 1234")
    path = write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(path, "a") as file:
        reach_out(file, place, secret)
    with refuses(f"a.h5ad is refused: /{place} {words}") as error:
        read_slice(Request(path=path, sample="S"))
    assert "1234" not in str(error.value)
    outs = write_outs(tmp_path / "outs")
    with h5py.File(outs / "filtered_feature_bc_matrix.h5", "a") as file:
        reach_out(file, f"matrix/{place}", secret)
    with refuses(f"/matrix/{place} {words}"):
        read_slice(Request(path=outs, sample="S"))


def test_links_within_the_file_and_circles_are_harmless(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(path, "a") as file:
        file["uns/circle"] = file["uns"]
        file["layers/counts"] = h5py.SoftLink("/X")
    np.testing.assert_array_equal(read_slice(Request(path=path, sample="S")).X.toarray(), COUNTS)


def test_a_block_of_the_user_before_the_file_is_skipped(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(path) as old, h5py.File(tmp_path / "b.h5ad", "w", userblock_size=512) as new:
        for name in old:
            old.copy(name, new)
    assert read_slice(Request(path=tmp_path / "b.h5ad", sample="S")).n_obs == 3


def test_a_file_that_is_open_elsewhere_is_read(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad")
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert read_slice(Request(path=path, sample="S")).n_obs == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + bytes(100), "it is a zip archive; unpack or convert it"),
        (b"\x1f\x8b" + bytes(100), "it is a gzip file; unpack or convert it"),
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS, not the file itself"),
        (b"barcode,x\n", "it is text"),
        (bytes(100), "truncated, damaged or another format"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(tmp_path, content, words):
    (tmp_path / "a.h5ad").write_bytes(content)
    with refuses(f"a.h5ad cannot be read as HDF5: {words}"):
        read_slice(Request(path=tmp_path / "a.h5ad", sample="S"))


def test_a_file_without_permission_is_not_called_damaged(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    path = write_h5ad(tmp_path / "a.h5ad")
    monkeypatch.setattr("pathlib.Path.open", denied)
    with refuses("a.h5ad may not be read: permission denied"), open_hdf5(path):
        pass


@pytest.mark.parametrize(
    "place", ["X", "layers/counts", "obsm/spatial", "obs/in_tissue", "uns/spatial/S/images/hires"]
)
def test_what_a_file_declares_and_does_not_hold_is_not_waited_for(tmp_path, place):
    """8 GB of nothing in a few kilobytes."""
    path = write_h5ad(tmp_path / "a.h5ad", tiny_anndata())
    shape = {"obsm/spatial": (10**9, 2), "obs/in_tissue": (10**10,)}.get(place, (10**5, 10**5))
    with h5py.File(path, "a") as file:
        if place in file:
            del file[place]
        file.create_dataset(place, shape=shape, dtype="u1", chunks=True, compression="gzip")
        if "images" in place:
            file["uns/spatial/S/scalefactors/tissue_hires_scalef"] = 0.5
    ignored = {
        "uns/spatial/S/images/hires": "image left out: hires: hires has 100000 x 100000 pixels",
        "obs/in_tissue": "obs['in_tissue'] was ignored: /obs/in_tissue declares 10 GB and stores 0 bytes",
    }
    lines = []
    if place in ignored:
        assert read_slice(Request(path=path, sample="S", warn=lines.append)).n_obs == 3
        assert lines[0].startswith(ignored[place])
    else:
        with pytest.raises(InputError):
            read_slice(Request(path=path, sample="S"))


def test_a_piece_larger_than_its_array_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("t", (3,), "S8", maxshape=(None,), chunks=(100_000_000,), compression="gzip")
        file["t"].id.get_storage_size()
    with refuses("one piece of /t declares 800 MB and stores 0 bytes"), open_hdf5(tmp_path / "a.h5") as file:
        strings(file["t"])


@pytest.mark.parametrize(
    ("declared", "stored", "words"),
    [
        (10**12, None, "a declares 1 TB, more than the"),
        (10**9, 10**6, "a declares 1 GB and stores 1 MB: no measured data shrinks more than 400 times"),
    ],
)
def test_more_than_can_be_is_refused(declared, stored, words):
    with refuses(words):
        check_declared("a", declared, stored)


def test_what_real_files_declare_passes():
    check_declared("a", 10**9, 10**7)
    check_declared("a", 10**8, 0)  # little enough whatever it is


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("data", lambda old: old[:-1], "4 values, 5 indices and 4 pointers do not fit 3 x 4"),
        ("indices", lambda old: old + 4, "an index lies outside 0 to 3"),
        ("indices", lambda old: old - 1, "an index lies outside 0 to 3"),
        ("indptr", lambda old: old[::-1], "its pointers do not rise from 0 to 5"),
        ("indptr", lambda old: np.append(old, 5), "5 indices and 5 pointers do not fit"),
        ("indices", lambda old: old.astype(float), "expected a row of numbers"),
        ("shape", lambda old: old * 10**12, "the matrix is 4000000000000 x 3000000000000"),
        ("shape", lambda old: old[:1], "the matrix is 4, but there are 4 ids"),
        ("barcodes", lambda old: old[:2], "and 2 barcodes"),
        ("features/name", lambda old: old[:2], "4 ids, 2 names"),
        ("features/feature_type", lambda old: old[:1], "1 types of features"),
    ],
)
def test_a_10x_matrix_whose_parts_disagree_is_refused(tmp_path, name, change, words):
    outs = write_outs(tmp_path / "outs")
    with h5py.File(outs / "filtered_feature_bc_matrix.h5", "a") as file:
        old = file[f"matrix/{name}"][()]
        del file[f"matrix/{name}"]
        file[f"matrix/{name}"] = change(old)
    with refuses(words):
        read_slice(Request(path=outs, sample="S"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"\xff\xfe", "holds text that is not UTF-8"),
        (b"a\0b", "holds text with NUL bytes"),
        (b"x" * 1000, "holds text longer than 500 characters"),
    ],
)
def test_names_that_are_no_text_are_refused(tmp_path, value, words):
    outs = write_outs(tmp_path / "outs")
    with h5py.File(outs / "filtered_feature_bc_matrix.h5", "a") as file:
        del file["matrix/features/name"]
        file["matrix/features/name"] = np.array([value, b"b", b"c", b"d"])
    with refuses(f"/matrix/features/name {words}"):
        read_slice(Request(path=outs, sample="S"))


@pytest.mark.filterwarnings("ignore")
def test_anndata_before_0_7_is_read_by_anndata_itself(tmp_path):
    """obs and var as arrays of records, positions in another."""
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["X"] = COUNTS.astype(np.float32)
        file["obs"] = np.array([(b"AAA-1",), (b"CCC-1",), (b"GGG-1",)], dtype=[("index", "S5")])
        file["var"] = np.array(
            [(b"g%d" % n, b"E%d" % n) for n in range(4)], dtype=[("index", "S2"), ("gene_ids", "S2")]
        )
        xy = [((0.0, 0.0),), ((5.0, 0.0),), ((0.0, 5.0),)]
        file["obsm"] = np.array(xy, dtype=[("spatial", "f8", (2,))])
        file.create_group("uns")
    result = read_slice(Request(path=tmp_path / "a.h5ad", sample="S"))
    np.testing.assert_array_equal(result.X.toarray(), COUNTS)
    assert result.var["gene_id"].tolist() == ["E0", "E1", "E2", "E3"]
    assert result.obsm["spatial"].tolist() == [[0, 0], [5, 0], [0, 5]]
