"""What a run does: the settings of its methods step by step, and the lines about those that cannot be."""

import json
import re

import pytest
from click.testing import CliRunner

from tissuegraph.exports.write import WRITERS
from tissuegraph.presets import PRESET_DIRECTORY, load_settings
from tissuegraph.sheet.exports import EXPORTS
from tissuegraph.sheet.run import resolve_run


def resolve(own=None, **values):
    return resolve_run({"methods": "stmfg"} | values, own or {}, PRESET_DIRECTORY)


def test_each_step_is_given_the_topics_that_it_reads_and_no_others():
    run, problems = resolve()
    assert problems == []
    (stmfg,) = run["methods"]
    assert (stmfg["name"], stmfg["title"], stmfg["reads_image"]) == ("stmfg", "stMFG", False)
    graph = {"method", "preprocess", "spatial_graph", "feature_graph"}
    assert set(stmfg["graph"]) == graph
    assert set(stmfg["train"]) == graph | {"model", "losses", "optimiser"}
    assert set(stmfg["cluster"]) == {"method", "clustering"}


def test_methods_keep_the_order_in_which_they_are_named_with_their_own_presets():
    run, problems = resolve(methods=" multist, stmfg", stmfg_preset="paper", multist_preset="released")
    assert problems == []
    multist, stmfg = run["methods"]
    assert stmfg["train"]["model"] == load_settings("stmfg/paper").as_dict()["model"]
    assert multist["train"]["optimiser"] == load_settings("multist/released").as_dict()["optimiser"]
    assert (stmfg["reads_image"], multist["reads_image"], run["reads_image"]) == (False, True, True)


def test_the_image_view_makes_stmfg_read_the_image():
    without, _ = resolve(image_view=False)
    run, problems = resolve(image_view=True)
    assert problems == []
    assert (without["reads_image"], run["reads_image"]) == (False, True)
    assert run["methods"][0]["reads_image"] is True
    assert run["methods"][0]["train"]["model"]["image_view"] is True
    assert run["methods"][0]["graph"] == without["methods"][0]["graph"]


def test_all_values_travel_with_the_run():
    run, _ = resolve(seed=3, image_view=False)
    assert (run["seed"], run["image_view"]) == (3, False)


def test_expression_has_settings_where_it_is_inferred_only():
    assert resolve()[0]["expression"] is None
    run, problems = resolve(infer_expression=True, spahgc_preset="default")
    assert problems == []
    assert run["expression"] == {"settings": load_settings("spahgc/default").as_dict()}
    assert run["reads_image"] is True
    assert [method["name"] for method in run["methods"]] == ["stmfg"]


def test_a_reference_model_has_settings_of_its_own_and_still_reads_images():
    run, problems = resolve(infer_expression=True, reference_model="models/a/expression")
    assert problems == []
    assert (run["expression"], run["reads_image"]) == (None, True)


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ("stagate", "'stagate'"),
        ("stmfg,stagate,stagate", "'stagate'"),
        ("stmfg,spahgc", "'spahgc'"),  # which answers another question
        ("stmfg, stmfg", "'stmfg' is named twice"),
        (" , ", "is empty"),
    ],
)
def test_methods_that_cannot_be_trained_are_named_with_those_that_can(methods, words):
    _, problems = resolve(methods=methods)
    assert words in problems[0]
    assert problems[0].startswith("parameter --methods")
    assert problems[0].endswith("expected stmfg or multist, or several joined by commas")


def test_formats_for_other_tools_come_once_each_in_one_order():
    assert resolve(export="loupe, spatialdata,loupe")[0]["export"] == ["spatialdata", "loupe"]
    assert resolve()[0]["export"] == []


@pytest.mark.parametrize(("given", "words"), [("loupe,seurat", "'seurat'"), (" , ", "is empty")])
def test_a_format_that_cannot_be_written_is_named_with_those_that_can(given, words):
    (problem,) = resolve(export=given)[1]
    assert problem.startswith("parameter --export")
    assert words in problem
    known = "spatialdata or loupe or xenium_explorer or cellxgene, or several joined by commas"
    assert problem.endswith(f"expected {known}")


def test_every_format_has_a_writer_and_is_in_the_description_of_the_parameter(root):
    assert tuple(WRITERS) == EXPORTS
    schema = json.loads((root / "nextflow_schema.json").read_text())
    text = schema["$defs"]["export_options"]["properties"]["export"]["description"]
    assert re.findall("`([a-z_]+)`", text) == list(EXPORTS)


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_the_paper_has_tiles_of_224_pixels_at_20x_unless_the_parameter_says_otherwise(preset):
    inferring = {"infer_expression": True, "spahgc_preset": preset, "encoder": "handcrafted"}
    assert resolve(**inferring)[0]["tile_um"] == 112  # 0.5 um per pixel
    assert resolve(**inferring, tile_um=150.0)[0]["tile_um"] == 150
    assert resolve(**inferring | {"spahgc_preset": "default"})[0]["tile_um"] == 100
    assert resolve(**inferring | {"infer_expression": False})[0]["tile_um"] == 100


@pytest.mark.parametrize(
    ("encoder", "preset", "scale"),
    [
        ("handcrafted", "paper", "references"),
        ("colour", "released", "references"),
        ("uni", "paper", "none"),
        ("timm:resnet18", "released", "none"),
        ("uni", "default", "slice"),
    ],
)
def test_the_paper_scales_features_that_are_made_by_hand_and_leaves_those_of_networks(encoder, preset, scale):
    run, _ = resolve(infer_expression=True, spahgc_preset=preset, encoder=encoder)
    assert run["expression"]["settings"]["features"]["scale"] == scale


def test_methods_that_were_refused_before_get_no_second_line():
    assert resolve_run({}, {}, PRESET_DIRECTORY)[1] == []


def test_an_unknown_preset_names_the_ones_there_are():
    _, problems = resolve(stmfg_preset="nope")
    assert problems == [
        "parameter --stmfg_preset: preset 'nope' is neither a file nor one of the presets: default, paper"
    ]


def test_a_preset_of_another_method_is_refused(tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text("method: multist\nextends: default\n")
    (problem,) = resolve({"stmfg": own})[1]
    assert problem == (
        "parameter --stmfg_preset: mine.yaml holds settings of multist; give a preset that says method: stmfg"
    )


@pytest.fixture
def validate(tmp_path, root):
    """Run bin/validate_samplesheet.py as the pipeline does; returns its problems, rows and run."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("validate", root / "bin" / "validate_samplesheet.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (tmp_path / "sheet.csv").write_text("sample,path\nA,a.h5ad\n")

    def run(*presets, **params):
        given = {"input": "sheet.csv", "outdir": "results", "methods": "stmfg"} | params
        (tmp_path / "params.json").write_text(json.dumps(given))
        names = ("problems", "rows", "run")
        done = CliRunner().invoke(
            script.main,
            [
                *("--input", str(tmp_path / "sheet.csv")),
                *("--schema", str(root / "assets" / "schema_input.json")),
                *("--params", str(tmp_path / "params.json")),
                *("--params-schema", str(root / "nextflow_schema.json")),
                *("--presets", str(root / "assets" / "presets")),
                *(word for name in names for word in (f"--{name}", str(tmp_path / f"{name}.json"))),
                *(word for preset in presets for word in ("--preset", preset)),
            ],
        )
        assert done.exit_code == 0, done.output
        return [json.loads((tmp_path / f"{name}.json").read_text()) for name in names]

    return run


def test_a_preset_file_is_written_out_complete_and_values_are_typed(validate, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: default\noptimiser:\n  epochs: 3\n")
    problems, rows, run = validate(f"stmfg={mine}", n_seeds="2.0", image_view="TRUE", n_domains="7")
    assert problems == []
    expected = load_settings("stmfg/default", ["optimiser.epochs=3"]).as_dict()
    assert run["methods"][0]["train"]["optimiser"] == expected["optimiser"]
    assert (run["n_seeds"], run["image_view"], run["n_domains"]) == (2, True, 7)
    # (as published, to be fed back: every parameter there is, typed, and in the order of the schema)
    assert (run["params"]["n_seeds"], run["params"]["image_view"], run["params"]["max_mito"]) == (
        2,
        True,
        None,
    )
    assert list(run["params"])[:3] == ["input", "outdir", "publish_dir_mode"]
    assert rows[0]["n_domains"] is None  # what the sheet says stays apart from what the run fills in


def test_a_preset_with_a_mistake_is_one_problem_that_names_the_parameter(validate, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: default\noptimiser:\n  epoch: 3\n")
    (problem,), _, run = validate(f"stmfg={mine}")
    assert problem == "parameter --stmfg_preset: optimiser: unknown key 'epoch'; did you mean 'epochs'?"
    assert run["methods"] == []


def test_a_directory_as_preset_is_one_problem(validate, tmp_path):
    (problem,), _, _ = validate(f"stmfg={tmp_path}")
    assert "is neither a file nor one of the presets: default, paper" in problem


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"outdir": True}, "parameter --outdir has no value - expected a directory"),
        ({"methods": None}, "parameter --methods is missing - expected methods that are trained"),
        ({"methods": ""}, "parameter --methods is missing - expected methods that are trained"),
        ({"methods": True}, "parameter --methods has no value - expected names of methods"),
        ({"seed": 2**31}, "parameter --seed: '2147483648' - expected a whole number from 0 to 2147483547"),
        (
            {"preset": "paper"},
            "parameter --preset: 'paper' - unknown parameter; it is now called",
        ),
        ({"input": "my sheet.CSV"}, None),
        ({"input": "folder"}, "parameter --input: 'folder' - expected a file that ends in .csv"),
    ],
)
def test_a_parameter_that_cannot_be_is_one_line(validate, params, line):
    problems, _, _ = validate(**params)
    assert len(problems) == (line is not None)
    assert not problems or problems[0].startswith(line)
