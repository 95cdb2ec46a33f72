"""The doors: what CONTRIBUTING says has to be edited to add something is all that has to be edited."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from helpers.image_view_tiny import small_arrays
from helpers.scripts import invoke_script

from tissuegraph import methods
from tissuegraph.clustering.settings import Clustering
from tissuegraph.errors import InputError
from tissuegraph.io import platforms
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request
from tissuegraph.nn.result import TrainingResult
from tissuegraph.presets import PRESET_DIRECTORY
from tissuegraph.presets.fields import whole
from tissuegraph.presets.method import MethodSettings
from tissuegraph.records import read_record
from tissuegraph.sheet.run import resolve_run
from tissuegraph.slices.settings import FeatureGraph, Preprocess, SpatialGraph


@dataclass(frozen=True, kw_only=True)
class Width:
    """The one topic of the toy method."""

    n: int = whole(1, 10)


@dataclass(frozen=True, kw_only=True)
class ToySettings(MethodSettings):
    """Settings of a method that no file of the pipeline knows."""

    preprocess: Preprocess
    spatial_graph: SpatialGraph
    feature_graph: FeatureGraph
    width: Width
    clustering: Clustering

    method: ClassVar[str] = "toy"


def train_toy(arrays, settings, *, seeds, device, image, part_spots, progress):
    """Every spot is where it lies."""
    embedding = arrays.position[:, : settings.width.n].astype(np.float32)
    return [
        TrainingResult(
            embedding=embedding,
            untrained=embedding,
            attention=np.ones((len(embedding), 1), dtype=np.float32),
            losses={"total": [1.0]},
            seconds=0.0,
            device="cpu",
            views=("positions",),
        )
        for _ in seeds
    ]


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """The method, registered, and the directory with its preset beside those of the pipeline."""
    method = methods.Method(
        name="toy", title="Toy", citation="arXiv 0000.00000", answers=methods.DOMAINS,
        settings="toy:settings", train="toy:train", reads_image=False,
    )  # fmt: skip
    found = {"toy:settings": ToySettings, "toy:train": train_toy}
    known = methods._named
    monkeypatch.setattr(methods, "_named", lambda name: found.get(name) or known(name))
    monkeypatch.setitem(methods.METHODS, "toy", method)
    preset = shutil.copytree(PRESET_DIRECTORY, tmp_path, dirs_exist_ok=True) / "toy" / "default.yaml"
    preset.parent.mkdir()
    text = json.loads(json.dumps(_like_stmfg()))
    preset.write_text(json.dumps(text | {"method": "toy", "width": {"n": 2}}))
    return tmp_path


def _like_stmfg() -> dict:
    from tissuegraph.presets import load_settings

    topics = load_settings("stmfg/default").as_dict()
    return {name: topics[name] for name in ("preprocess", "spatial_graph", "feature_graph", "clustering")}


def test_a_method_is_run_trained_and_titled_from_its_entry_alone(toy):
    run, problems = resolve_run({"methods": "toy", "toy_preset": "default"}, {}, toy)
    assert problems == []
    (described,) = run["methods"]
    assert (described["name"], described["reads_image"]) == ("toy", False)
    assert described["train"]["width"] == {"n": 2}

    small_arrays().save(toy / "toy.arrays.npz")
    (toy / "settings.yaml").write_text(json.dumps(described["train"]))
    result = invoke_script(
        "train",
        *("--sample", "S", "--arrays", toy / "toy.arrays.npz", "--preset", toy / "settings.yaml"),
        *("--embedding", toy / "toy.embedding.npz", "--record", toy / "toy.train.json"),
    )
    assert result.exit_code == 0, result.output
    record = read_record(toy / "toy.train.json")
    assert (record.status, record.reasons) == ("passed", [])
    assert record.metrics["method"] == "toy"
    with np.load(toy / "toy.embedding.npz") as stored:
        np.testing.assert_array_equal(stored["embeddings"][0], small_arrays().position[:, :2])
    assert methods.title_of("toy") == "Toy"


def test_a_platform_is_detected_and_read_from_its_entry_alone(monkeypatch, tmp_path):
    from tissuegraph.io import reading

    class Reader:
        @staticmethod
        def detect(path):
            return path.suffix == ".toy"

        @staticmethod
        def read(request):
            xy = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
            names = np.array(["a", "b"])
            return RawSlice("toy", np.ones((3, 2)), np.array(["x", "y", "z"]), names, names, xy)

    (tmp_path / "slice.toy").touch()
    with pytest.raises(InputError, match="neither"):
        read_slice(Request(sample="S", path=tmp_path / "slice.toy"))
    entry = platforms.Platform(name="toy", holds="a toy file", reader="toy", suffixes=(".toy",))
    monkeypatch.setitem(platforms.PLATFORMS, "toy", entry)
    monkeypatch.setattr(reading, "WITH_COUNTS", (*platforms.WITH_COUNTS, "toy"))  # derived from the entries
    known = reading.import_module
    monkeypatch.setattr(reading, "import_module", lambda name: Reader if name == "toy" else known(name))
    assert read_slice(Request(sample="S", path=tmp_path / "slice.toy")).shape == (3, 2)


def test_the_samplesheet_accepts_every_platform_that_has_counts(root):
    schema = json.loads((root / "assets" / "schema_input.json").read_text())
    assert schema["items"]["properties"]["platform"]["enum"] == list(platforms.WITH_COUNTS)
