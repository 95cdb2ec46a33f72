"""train.py: image features in, views and trust in the record."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.image_view_tiny import N_SPOTS, small_arrays, small_image

import train
from tissuegraph.histology.features import ImageFeatures

VIEW = ["--set", "model.image_view=true"]
FEW = ["model.dims=[8]", "model.decoder_dim=8", "optimiser.epochs=2"]


@pytest.fixture
def files(tmp_path):
    small_arrays().save(tmp_path / "arrays.npz")
    nothing = np.zeros((0, 2, 2, 3), dtype=np.uint8)
    ImageFeatures(
        features=small_image(),
        names=np.array([f"f{i}" for i in range(small_image().shape[1])]),
        background=np.zeros(N_SPOTS),
        encoder="colour",
        tile_um=100,
        tile_px=20,
        side_px=20,
        shown=np.array([], dtype=int),
        tiles_before=nothing,
        tiles_after=nothing,
        overview_before=np.zeros((2, 2, 3), dtype=np.uint8),
        overview_after=np.zeros((2, 2, 3), dtype=np.uint8),
        overview_matrix=np.eye(3),
    ).save(tmp_path / "features.npz")
    return tmp_path


def run(folder, *options):
    arguments = ["--sample", "S1", "--arrays", folder / "arrays.npz", "--embedding", folder / "embedding.npz"]
    arguments += ["--record", folder / "train.json", "--device", "cpu"]
    arguments += ["--preset", "stmfg/default", *options]
    for override in FEW:
        arguments += ["--set", override]
    return CliRunner().invoke(train.main, [str(word) for word in arguments])


def metrics_of(folder, *options):
    outcome = run(folder, *options)
    assert outcome.exit_code == 0, outcome.output
    record = json.loads((folder / "train.json").read_text())
    assert record["status"] != "failed", record["reasons"]
    return record["metrics"]


def test_record_names_the_views_and_the_trust_in_the_image(files):
    metrics = metrics_of(files, "--features", files / "features.npz", *VIEW, "--n-seeds", "2")
    assert metrics["method"] == "stmfg"
    assert metrics["views"] == ["spatial", "feature", "image"]
    assert 0 < metrics["image_trust"] <= 1
    assert np.shape(metrics["attention"]) == (2, 3)
    with np.load(files / "embedding.npz") as stored:
        assert stored["attention"].shape == (2, N_SPOTS, 3)


def test_without_features_the_record_has_two_views_and_no_trust(files):
    metrics = metrics_of(files, *VIEW)
    assert metrics["views"] == ["spatial", "feature"]
    assert metrics["image_trust"] is None
    assert np.shape(metrics["attention"]) == (1, 2)


def test_an_image_is_read_only_where_the_settings_say_so(files):
    (files / "features.npz").write_text("no features")
    metrics = metrics_of(files, "--features", files / "features.npz")
    assert metrics["views"] == ["spatial", "feature"]
    run(files, "--features", files / "features.npz", *VIEW)
    record = json.loads((files / "train.json").read_text())
    assert "holds no image features" in record["reasons"][0]


def test_training_that_diverges_is_a_failed_slice_with_its_method_and_no_embedding(files):
    arrays = small_arrays()
    dataclasses.replace(arrays, features=arrays.features * 1e38).save(files / "arrays.npz")  # sums overflow
    outcome = run(files)
    assert outcome.exit_code == 0
    record = json.loads((files / "train.json").read_text())
    assert record["status"] == "failed"
    assert "stMFG diverged with seed 0: its loss is nan in epoch 1 of 2" in record["reasons"][0]
    assert record["metrics"]["method"] == "stmfg"
    assert not (files / "embedding.npz").exists()


def test_a_device_that_is_not_there_stops_the_run(files, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    outcome = run(files, "--device", "cuda")
    assert outcome.exit_code == 2
    assert "no GPU is visible" in outcome.output
    assert not (files / "train.json").exists()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--set", "optimiser.epoch=1"], "did you mean 'epochs'?"),
        (["--preset", "default"], "neither a file nor one of the presets"),
    ],
)
def test_settings_that_cannot_be_read_stop_the_run(files, option, words):
    outcome = run(files, *option)
    assert outcome.exit_code == 2
    assert words in " ".join(outcome.output.split())
    assert not (files / "train.json").exists()
