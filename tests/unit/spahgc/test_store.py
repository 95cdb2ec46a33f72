"""A reference model on disk predicts as in memory, and is not believed where it was damaged or edited."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.presets import load_settings
from tissuegraph.spahgc.inference import baselines, infer_slice
from tissuegraph.spahgc.learning import learn
from tissuegraph.spahgc.origin import ImageOrigin
from tissuegraph.spahgc.slices import HistologySlice
from tissuegraph.spahgc.store import _given, _taken, load_model, save_model

FAST = ["optimiser.epochs=1", "optimiser.members=2", "validation.every=1", "model.width=8", "model.layers=1"]
SETTINGS = load_settings("default", FAST, method="spahgc")
ORIGIN = ImageOrigin("handcrafted", "", 100.0, 40.0, "macenko", "", 0.5, "column")


@dataclass(frozen=True)
class Held:
    """What a run of a later version may hold."""

    array: np.ndarray
    by_name: dict
    words: dict
    several: tuple


def made_by(piece, **changes):
    return replace(piece, origin=replace(ORIGIN, **changes))


@pytest.fixture(scope="module")
def slices():
    return [made_by(piece(name, seed)) for seed, name in enumerate("TAB")]


def piece(name, seed):
    """36 spots of 12 genes that follow from 5 features."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(36, 5))
    counts = rng.poisson(np.exp(1 + 0.5 * image @ np.random.default_rng(99).normal(size=(5, 12))))
    genes = np.array([f"g{number}" for number in range(12)])
    return HistologySlice(
        name=name, patient=f"patient {name}", group=None, image=image,
        position=np.stack(np.divmod(np.arange(36), 6), axis=1) * 10.0, pitch=10.0,
        counts=sparse.csr_matrix(counts), genes=genes, gene_ids=np.char.add("ENSG", genes), symbols=genes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def learned(slices):
    return learn(slices[1:], SETTINGS, seeds=[0, 1], device="cpu", asked=[slices[1].genes[0], "nothing"])


@pytest.fixture
def stored(learned, tmp_path):
    save_model(learned, tmp_path / "expression")
    return tmp_path / "expression"


@pytest.mark.parametrize("scale", ["none", "references", "slice"])
def test_a_stored_model_predicts_bit_for_bit_like_the_one_in_memory(slices, tmp_path, scale):
    settings = load_settings("default", [*FAST, f"features.scale={scale}"], method="spahgc")
    model = learn(slices[1:], settings, seeds=[3], device="cpu")
    save_model(model, tmp_path)
    again, blind = load_model(tmp_path), slices[0].without_counts()
    for one, other in zip(infer_slice(model, blind), infer_slice(again, blind), strict=True):
        assert one.predicted.tobytes() == other.predicted.tobytes()
        assert one.reliability.tobytes() == other.reliability.tobytes()
        assert (one.epochs_chosen, one.history, one.warnings) == (
            other.epochs_chosen, other.history, other.warnings
        )  # fmt: skip
    for one, other in zip(baselines(model, blind), baselines(again, blind), strict=True):
        assert all(one[name].tobytes() == other[name].tobytes() for name in ("mean", "knn", "ridge"))


def test_a_stored_model_says_what_the_one_in_memory_says(learned, stored):
    again = load_model(stored)
    assert again.names == learned.names
    assert again.asked == learned.asked
    assert again.sources == learned.sources
    assert again.settings == learned.settings
    assert again.gene_names.symbols.tolist() == learned.gene_names.symbols.tolist()
    assert [run.seed for run in again.runs] == [0, 1]
    told = json.loads((stored / "model.json").read_text())
    assert told["images"]["encoder"] == "handcrafted"
    assert "licence" in told["licence"]
    assert "validation_pcc_of" in told["runs"][0]["history"]


def test_what_is_learned_twice_is_stored_as_equal_bytes(slices, tmp_path):
    """A run is not told apart from its repetition, which -resume and a comparison of results need."""
    for name in ("one", "other"):
        save_model(learn(slices[1:], SETTINGS, seeds=[0], device="cpu"), tmp_path / name)
    for file in ("model.json", "model.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_whatever_arrays_a_run_holds_come_back():
    given = Held(np.arange(3), {"a": np.ones(2), "b": np.zeros(1)}, {"x": [1, None]}, (2, "three"))
    numbers = {}
    told = json.loads(json.dumps(_taken("runs.0", given, numbers)))
    assert sorted(numbers) == ["runs.0.array", "runs.0.by_name.a", "runs.0.by_name.b"]
    again = _given("runs.0", Held, told, numbers)
    assert again.array.tolist() == [0, 1, 2]
    assert {name: values.tolist() for name, values in again.by_name.items()} == {"a": [1, 1], "b": [0]}
    assert (again.words, again.several) == (given.words, given.several)


def test_both_files_may_be_read_by_the_same_people(stored):
    modes = {path.name: path.stat().st_mode for path in stored.iterdir()}
    assert modes["model.json"] == modes["model.safetensors"]


def test_a_run_keeps_whatever_array_it_has(learned, tmp_path):
    run = replace(
        learned.runs[0], reliability=np.array([np.nan, *learned.runs[0].reliability[1:]], np.float32)
    )
    save_model(replace(learned, runs=(run,)), tmp_path)
    assert np.isnan(load_model(tmp_path).runs[0].reliability[0])


def test_a_single_reference_serves_as_its_halves_again(slices, tmp_path):
    model = learn(slices[1:2], SETTINGS, seeds=[0], device="cpu")
    save_model(model, tmp_path)
    blind = slices[0].without_counts()
    (one,), (other,) = (infer_slice(each, blind) for each in (model, load_model(tmp_path)))
    assert np.array_equal(one.predicted, other.predicted)


def test_an_edited_table_is_refused(stored):
    path = stored / "model.json"
    path.write_text(path.read_text().replace('"encoder": "handcrafted"', '"encoder": "colour"'))
    with pytest.raises(InputError, match=r"reference model expression is damaged .*not as they were written"):
        load_model(stored)


def test_edited_numbers_are_refused(stored):
    numbers = load_file(stored / "model.safetensors")
    save_file(numbers | {"scaling.spread": numbers["scaling.spread"] * 2}, stored / "model.safetensors")
    with pytest.raises(InputError, match="not as they were written together"):
        load_model(stored)


def test_cut_files_are_refused(stored):
    path = stored / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="reference model expression is damaged"):
        load_model(stored)
    (stored / "model.json").write_text("{")
    with pytest.raises(InputError, match="reference model expression is damaged"):
        load_model(stored)


def test_a_directory_without_a_model_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no model\.json and no model\.safetensors"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"format": 2}, "of format 2, this version reads 1"),
        ({"kind": "regions"}, "model.json of expression is not of a model of expression"),
    ],
)
def test_another_format_or_kind_is_refused(stored, changed, expected):
    table = json.loads((stored / "model.json").read_text())
    (stored / "model.json").write_text(json.dumps(table | changed))
    with pytest.raises(InputError, match=expected):
        load_model(stored)


def test_numbers_that_are_missing_are_refused_whatever_the_checksum_says(learned, tmp_path):
    known = learned.references
    scaling = replace(known.scaling, spread=np.full_like(known.scaling.spread, np.nan))
    save_model(replace(learned, references=replace(known, scaling=scaling)), tmp_path)
    with pytest.raises(InputError, match=r"numbers of scaling\.spread are missing"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("changes", "both"),
    [
        ({"encoder": "colour"}, "encoder colour against handcrafted"),
        ({"tile_um": 55.0}, "tile_um 55 against 100"),
        ({"stain_method": "none"}, "stain_method none against macenko"),
        ({"weights_sha256": "ab"}, "SHA-256 of its weights ab against none"),
        ({"stain_reference_sha256": "cd"}, "SHA-256 of its stain_reference cd against none"),
    ],
)
def test_a_target_of_other_image_features_is_refused_with_both_values(slices, stored, changes, both):
    target = made_by(slices[0].without_counts(), **changes)
    with pytest.raises(InputError, match=both):
        infer_slice(load_model(stored), target)


def test_a_target_of_unknown_scale_is_refused_where_the_scale_of_the_references_is_known(slices, stored):
    target = made_by(slices[0].without_counts(), um_per_px=None, um_per_px_source="")
    with pytest.raises(InputError, match="column um_per_px: empty"):
        infer_slice(load_model(stored), target)
