"""Presets: complete, frozen, and strict about what they are given."""

import dataclasses
import re

import pytest

from tissuegraph.errors import SettingsError
from tissuegraph.presets import PRESET_DIRECTORY, load_settings, settings_from_dict
from tissuegraph.presets.plain_files import Unreadable, parse_yaml

SHIPPED = sorted(PRESET_DIRECTORY.glob("*/*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_preset_is_complete_under_its_name_and_as_a_file(path):
    settings = load_settings(f"{path.parent.name}/{path.stem}")
    assert settings.method == path.parent.name
    assert load_settings(path) == settings  # the file says whose it is
    assert settings_from_dict(settings.as_dict()) == settings


def test_a_name_means_a_preset_of_the_method_that_the_caller_tells():
    assert load_settings("default", method="multist") == load_settings("multist/default")
    with pytest.raises(SettingsError, match="'default' is neither a file nor one of the presets: multist/"):
        load_settings("default")


def test_a_file_that_nobody_says_the_method_of_is_refused_with_the_remedy(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("extends: default\noptimiser: {epochs: 3}\n")
    with pytest.raises(SettingsError, match=re.escape("add e.g. `method: stmfg`")):
        load_settings(own)
    assert load_settings(own, method="stmfg").optimiser.epochs == 3


def test_paper_preset_holds_the_values_the_paper_and_its_lineage_give():
    paper = load_settings("stmfg/paper")
    assert (paper.spatial_graph.rule, paper.spatial_graph.value) == ("radius_px", 550)
    assert (paper.preprocess.n_hvg, paper.preprocess.target_sum, paper.preprocess.clip) == (3000, 10_000, 10)
    assert paper.model.dims == (128, 64)
    assert paper.clustering.clusterer == "kmeans"


def test_settings_are_frozen():
    settings = load_settings("stmfg/default")
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.model.dims = (1,)


def test_override_wins_over_the_file_and_is_typed():
    settings = load_settings(
        "stmfg/default", ["losses.contrastive=0", "model.dims=[32, 16]", "optimiser.lr=1e-2"]
    )
    assert settings.losses.contrastive == 0.0
    assert settings.model.dims == (32, 16)
    assert settings.optimiser.lr == 0.01


def test_own_file_may_extend_a_preset_and_give_only_what_differs(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("method: stmfg\nextends: paper\noptimiser:\n  epochs: 3\n")
    settings = load_settings(own)
    assert settings.optimiser.epochs == 3
    assert settings.optimiser.lr == load_settings("stmfg/paper").optimiser.lr


def test_none_reads_as_no_clipping():
    assert load_settings("stmfg/default").preprocess.clip is None


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("optimiser.epoch=3", "optimiser: unknown key 'epoch'; did you mean 'epochs'?"),
        ("loses.zinb=3", "settings: unknown key 'loses'; did you mean 'losses'?"),
        ("optimiser.epochs=2.5", "optimiser.epochs must be a whole number from 0 to 100000, got 2.5"),
        ("optimiser.epochs=true", "optimiser.epochs must be a whole number"),
        ("optimiser.lr=-1", "optimiser.lr must be a number from 1e-08 to 10, got -1"),
        ("optimiser.lr=.nan", "optimiser.lr must be a number"),
        ("preprocess.target_sum=mean", "or median, got 'mean'"),
        ("model.att=edge", "model.att must be one of node, channel; got 'edge'"),
        ("model.att_l2=1", "model.att_l2 must be true or false, got 1"),
        ("model.dims=[8, 8, 8, 8]", "model.dims must list 1 to 3 layer widths"),
        ("model.dims=[]", "model.dims must list 1 to 3 layer widths"),
        ("epochs=3", "a setting reads topic.key=value"),
        ("losses.target=scaled", "needs preprocess.input: hvg, got pca"),
    ],
)
def test_bad_value_is_refused_with_rule_value_and_remedy(override, words):
    with pytest.raises(SettingsError, match=re.escape(words)):
        load_settings("stmfg/default", [override])


def test_missing_preset_names_the_known_ones():
    with pytest.raises(SettingsError, match="one of the presets: default, paper"):
        load_settings("defualt", method="stmfg")
    with pytest.raises(SettingsError, match="spahgc/released, stmfg/default, stmfg/paper"):
        load_settings("nomethod/default")


def test_incomplete_preset_says_how_to_complete_it(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("method: stmfg\noptimiser: {epochs: 3}\n")
    with pytest.raises(SettingsError, match="extends: default"):
        load_settings(own)


def test_files_that_extend_each_other_are_refused(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("method: stmfg\nextends: own.yaml\n")
    with pytest.raises(SettingsError, match="name each other"):
        load_settings(own)


def test_broken_yaml_is_refused(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("optimiser: [")
    with pytest.raises(SettingsError, match="not valid YAML"):
        load_settings(own)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1e-3, "b": [1, null, true], "c": "1"}', {"a": 0.001, "b": [1, None, True], "c": "1"}),
        ("{a: 1e-3, b: yes}", {"a": 0.001, "b": True}),  # YAML, no JSON
        ('{"a": NaN}', {"a": "NaN"}),
    ],
)  # fmt: skip
def test_json_is_read_as_the_yaml_that_it_is(text, found):
    assert parse_yaml(text) == found
    assert parse_yaml(f"# no JSON\n{text}") == found


def test_json_with_a_name_twice_is_refused():
    with pytest.raises(Unreadable, match="'a' appears twice"):
        parse_yaml('{"a": 1, "a": 2}')
