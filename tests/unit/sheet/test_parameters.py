"""Parameters: known, of the right type, whichever way the engine handed them over."""

import json
import re
from dataclasses import asdict

import pytest

from tissuegraph.sheet.parameters import check_parameters, known_parameters, read_parameters
from tissuegraph.sheet.schema import expectation

SCHEMA = {
    "$defs": {
        "io": {
            "required": ["input"],
            "properties": {
                "input": {"type": "string", "description": "Samplesheet: one row per slice. More."},
                "title": {"type": "string", "pattern": "^[a-z ]+$"},
            },
        },
        "domains": {
            "properties": {
                "n_seeds": {"type": "integer", "minimum": 1, "maximum": 100},
                "n_domains": {"type": "integer", "minimum": 2},
                "max_mito": {"type": "number", "minimum": 0, "maximum": 100},
                "methods": {"type": "string", "enum": ["stmfg"]},
                "refine": {"type": "boolean"},
            }
        },
    },
    "allOf": [{"$ref": "#/$defs/io"}, {"$ref": "#/$defs/domains"}],
}


def check(**params):
    return check_parameters({"input": "s.csv"} | params, SCHEMA)


@pytest.mark.parametrize("value", [5, "5", "5.0", 5.0])
def test_a_whole_number_may_arrive_as_number_or_text(value):
    assert check(n_seeds=value) == ({"input": "s.csv", "n_seeds": 5}, [])


@pytest.mark.parametrize("value", ["false", "False", "FALSE", " false", False])
def test_a_flag_may_arrive_as_text_in_any_case(value):
    assert check(refine=value) == ({"input": "s.csv", "refine": False}, [])
    assert check(refine=str(value).lower().replace("false", "TRUE"))[0]["refine"] is True


@pytest.mark.parametrize("value", [False, "false", "FALSE"])
def test_off_that_yaml_read_as_false_is_off_again_where_that_is_a_choice(value):
    schema = {"properties": {"cohort": {"type": "string", "enum": ["matched", "off"]}}}
    assert check_parameters({"cohort": value}, schema) == ({"cohort": "off"}, [])


@pytest.mark.parametrize("value", [True, "true"])
def test_an_option_without_a_value_is_no_text(value):
    assert check(title=value)[1] == ["parameter --title has no value - expected text that matches ^[a-z ]+$"]


@pytest.mark.parametrize("value", [None, ""])
def test_a_parameter_without_value_counts_as_not_given(value):
    assert check(n_domains=value) == ({"input": "s.csv"}, [])


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"n_seeds": "five"}, "parameter --n_seeds: 'five' - expected a whole number from 1 to 100"),
        ({"n_seeds": 5.5}, "parameter --n_seeds: '5.5' - expected a whole number from 1 to 100"),
        ({"n_seeds": 0}, "parameter --n_seeds: '0' - expected a whole number from 1 to 100"),
        ({"n_domains": -1}, "parameter --n_domains: '-1' - expected a whole number of at least 2"),
        ({"max_mito": "10%"}, "parameter --max_mito: '10%' - expected a number from 0 to 100"),
        ({"methods": "spagcn"}, "parameter --methods: 'spagcn' - expected 'stmfg'"),
        ({"refine": "maybe"}, "parameter --refine: 'maybe' - expected true or false"),
        ({"n_seeds": 10**30}, f"parameter --n_seeds: '1{'0' * 30}' - expected a whole number from 1 to 100"),
        ({"refine": '"True"'}, "parameter --refine: '\"True\"' - expected true or false"),
        ({"preset": "x"}, "parameter --preset: 'x' - unknown parameter; it is now called --stmfg_preset"),
        (
            {"a\nb\x1b": 1},
            "parameter --a b\ufffd: '1' - unknown parameter; see --help for the parameters there are",
        ),
        ({"input": None}, "parameter --input is missing - expected samplesheet: one row per slice"),
        ({"n_domain": 7}, "parameter --n_domain: '7' - unknown parameter; did you mean --n_domains?"),
        (
            {"colour": "x"},
            "parameter --colour: 'x' - unknown parameter; see --help for the parameters there are",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_value_and_remedy(params, line):
    values, problems = check(**params)
    assert problems == [line]
    assert set(values) <= {"input"}


def test_both_spellings_that_the_engine_makes_of_one_option_are_one_problem():
    _, problems = check(**{"n-seed": 3, "nSeed": 3})
    assert problems == ["parameter --n-seed: '3' - unknown parameter; did you mean --n_seeds?"]


def test_all_problems_are_reported_at_once():
    assert len(check(n_seeds="x", refine="x", colour=1)[1]) == 3


def test_a_number_of_more_digits_than_python_reads_stays_text_to_be_refused(tmp_path):
    path = tmp_path / "params.json"
    path.write_text(f'{{"n_seeds": {"9" * 5000}, "seed": -5, "share": 0.5}}')
    assert read_parameters(path) == {"n_seeds": "9" * 5000, "seed": -5, "share": 0.5}


@pytest.mark.parametrize("schema", ["nextflow_schema.json", "assets/schema_input.json"])
def test_everything_that_can_be_refused_says_what_was_expected_in_words(root, schema):
    content = json.loads((root / schema).read_text())
    known = known_parameters(content) or content["items"]["properties"]
    assert len(known) > 10
    for name, rules in known.items():
        assert rules["description"], name
        words = expectation(rules)
        assert words.startswith("expected "), name
        assert re.search(r"[\^\\$\[{]", words) is None, f"{name}: {words}"
        assert words != "expected text", name
        for limit in ("minimum", "maximum", "exclusiveMinimum", "maxLength"):
            if limit in rules:
                assert str(rules[limit]) in words, f"{name}: {words} does not say {limit}"


@pytest.mark.parametrize("schema", ["nextflow_schema.json", "assets/schema_input.json"])
def test_no_schema_says_twice_what_a_reader_would_take_once(root, schema):
    objects = []
    json.loads(
        (root / schema).read_text(), object_pairs_hook=lambda pairs: objects.append(pairs) or dict(pairs)
    )
    names = [[name for name, _ in pairs] for pairs in objects]
    assert [found for found in names if len(set(found)) < len(found)] == []


def test_the_schema_has_the_parameters_and_defaults_of_the_configuration(root):
    block = re.search(r"^params \{\n(.*?)^\}", (root / "nextflow.config").read_text(), re.S | re.M)[1]
    lines = re.findall(r"^ +(\w+) += (.+?) *(?://.*)?$", block, re.M)
    written = {
        name: None if value == "null" else json.loads(value.replace("'", '"')) for name, value in lines
    }
    known = known_parameters(json.loads((root / "nextflow_schema.json").read_text()))
    assert {name: rules.get("default") for name, rules in known.items()} == written
    assert len(written) > 25


def test_every_default_of_the_pipeline_is_valid(root):
    schema = json.loads((root / "nextflow_schema.json").read_text())
    defaults = {
        name: rules["default"] for name, rules in known_parameters(schema).items() if "default" in rules
    }
    values, problems = check_parameters(defaults | {"input": "s.csv"}, schema)
    assert problems == []
    assert values["min_counts"] == defaults["min_counts"]


def test_quality_thresholds_have_one_default_which_the_schema_repeats(root):
    from tissuegraph.slices.qc import Thresholds

    known = known_parameters(json.loads((root / "nextflow_schema.json").read_text()))
    config = (root / "nextflow.config").read_text()
    for name, value in asdict(Thresholds()).items():
        assert value is None  # the library and its script have none of their own
        (default,) = re.findall(rf"^ +{name} += (\S+)$", config, re.MULTILINE)
        assert default == str(known[name].get("default", "null"))
