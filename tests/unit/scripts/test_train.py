"""train.py: image features in, views and trust in the record."""

import dataclasses
import json
import re

import numpy as np
import pytest
from helpers.image_view_tiny import N_SPOTS, small_arrays, small_image
from helpers.scripts import invoke_script

from tissuegraph.histology.features import ImageFeatures
from tissuegraph.histology.view import NO_SECOND_VIEW

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
        side_px=10,
        tile_px=20,
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
    arguments += ["--record", folder / "train.json", "--device", "cpu", "--preset", "stmfg/default"]
    arguments += options
    for override in FEW:
        arguments += ["--set", override]
    outcome = invoke_script("train", *arguments)
    assert outcome.exit_code == 0, outcome.output
    return json.loads((folder / "train.json").read_text())["metrics"]


def test_record_names_the_views_and_the_trust_in_the_image(files):
    metrics = run(files, "--features", files / "features.npz", *VIEW, "--n-seeds", "2")
    assert metrics["method"] == "stmfg"
    assert metrics["views"] == ["spatial", "feature", "image"]
    assert 0 < metrics["image_trust"] <= 1
    assert np.shape(metrics["attention"]) == (2, 3)
    with np.load(files / "embedding.npz") as stored:
        assert stored["attention"].shape == (2, N_SPOTS, 3)


def test_a_training_says_how_far_it_is(files):
    arguments = ["--sample", "S1", "--arrays", files / "arrays.npz", "--embedding", files / "embedding.npz"]
    arguments += ["--record", files / "train.json", "--device", "cpu", "--preset", "stmfg/default"]
    for override in FEW:
        arguments += ["--set", override]
    told = invoke_script("train", *arguments).stderr
    assert re.search(r"^S1 stMFG: seed 0, epoch 1 of 2, loss [-\d.]+$", told, re.M)
    assert re.search(r"^S1 stMFG: seed 0, epoch 2 of 2, loss [-\d.]+$", told, re.M)


def test_without_features_the_record_has_two_views_and_no_trust(files):
    metrics = run(files)
    assert metrics["views"] == ["spatial", "feature"]
    assert metrics["image_trust"] is None
    assert np.shape(metrics["attention"]) == (1, 2)


def test_features_are_not_read_where_the_settings_do_not_ask_for_them(files):
    assert run(files, "--features", files / "features.npz")["views"] == ["spatial", "feature"]


@pytest.mark.parametrize("method", ["stmfg", "multist"])
def test_an_image_that_the_expression_was_inferred_from_is_no_second_view(files, method):
    dataclasses.replace(small_arrays(), inferred=True).save(files / "arrays.npz")
    few = {
        "stmfg": [*FEW, "model.image_view=true"],
        "multist": ["optimiser.epochs=2", "fusion.epochs=1", "fusion.batch=32", "adversary.start=1"],
    }
    words = ["--sample", "S1", "--arrays", files / "arrays.npz", "--embedding", files / "embedding.npz"]
    words += ["--features", files / "features.npz", "--record", files / "train.json", "--device", "cpu"]
    words += ["--preset", f"{method}/default"]
    for override in few[method]:
        words += ["--set", override]
    outcome = invoke_script("train", *words)
    assert outcome.exit_code == 0, outcome.output
    record = json.loads((files / "train.json").read_text())
    assert (record["status"], record["reasons"]) == ("passed", [])
    assert record["notes"] == [NO_SECOND_VIEW]
    assert "image" not in record["metrics"]["views"]
    assert record["metrics"]["image_trust"] is None
