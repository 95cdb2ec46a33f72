"""denoise.py: a network's expectation as a layer; arrays of another slice cost the layer, not the run."""

import numpy as np
from helpers.characterised import layered
from helpers.image_view_tiny import small_arrays
from helpers.scripts import invoke_script

from tissuegraph.records import FAILED, read_record
from tissuegraph.slices.arrays import SliceArrays

SMALL = ("model.dims=[8]", "model.decoder_dim=16", "optimiser.epochs=2", "losses.n_negatives=20")


def write_inputs(folder, factor: int = 1) -> SliceArrays:
    arrays = small_arrays()
    codes = (arrays.position[:, 0] >= 600).astype(int)
    counts = arrays.counts.toarray()
    data = layered(counts, arrays.position, arrays.spatial.astype(np.float32), codes, arrays.genes)
    data.obsm["spatial"] = arrays.position
    data.layers["counts"] = data.layers["counts"] * factor
    data.write_h5ad(folder / "s.h5ad")
    arrays.save(folder / "arrays.npz")
    return arrays


def words(folder):
    settings = [
        word for each in (*SMALL, "preprocess.n_pcs=6", "feature_graph.k=5") for word in ("--set", each)
    ]
    return (
        "--sample", "s", "--h5ad", folder / "s.h5ad", "--arrays", folder / "arrays.npz", *settings,
        "--device", "cpu", "--figures", "png", "--outdir", folder / "out", "--record", folder / "r.json",
    )  # fmt: skip


def test_a_layer_is_written(tmp_path):
    arrays = write_inputs(tmp_path)
    assert invoke_script("denoise", *words(tmp_path)).exit_code == 0
    record = read_record(tmp_path / "r.json")
    assert (record.status, record.reasons) == ("passed", [])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "s.denoised.csv", "s.denoised.png", "denoised.npz",
    }  # fmt: skip
    with np.load(tmp_path / "out" / "denoised.npz") as stored:
        assert tuple(stored["shape"]) == arrays.counts.shape


def test_arrays_of_another_slice_are_a_failed_record(tmp_path):
    write_inputs(tmp_path, factor=2)
    assert invoke_script("denoise", *words(tmp_path)).exit_code == 0
    record = read_record(tmp_path / "r.json")
    assert record.status == FAILED
    assert "differ in counts or positions" in record.reasons[0]
    assert not (tmp_path / "out").exists()
