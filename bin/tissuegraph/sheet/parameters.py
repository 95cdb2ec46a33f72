"""Check the parameters of a run against nextflow_schema.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tissuegraph.sheet.schema import LONGEST_NUMBER, checkers, nearest, show, typed, violations

RENAMED = {"preset": "stmfg_preset"}  # names that parameters had


def check_parameters(
    params: Mapping[str, Any], schema: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Type the parameters and list everything wrong with them.

    params is the engine's map: command-line values may have arrived as text, so '5' passes for 5.
    schema is a parameter schema with groups under $defs. A null or empty value counts as not given.
    Returns the known, valid parameters with their types, and one line per problem.
    """
    known = known_parameters(schema)
    given = {name: value for name, value in params.items() if value is not None and value != ""}
    problems = _unknown(given, known)
    values = {name: _typed(given[name], known[name]) for name in known if name in given}
    wrong = dict(violations(values, checkers(known)))
    problems += [
        f"parameter --{name}{_received(values[name])} - {expected}" for name, expected in wrong.items()
    ]
    problems += [
        f"parameter --{name} is missing - expected {_first_sentence(known[name])}"
        for name in _required(schema)
        if name not in given
    ]
    return {name: value for name, value in values.items() if name not in wrong}, problems


def read_parameters(path: Path) -> dict[str, Any]:
    """The engine's map from a JSON file; a number too long to be one stays text, to be refused like text."""
    return json.loads(path.read_text(encoding="utf-8"), parse_int=_int_or_text)


def _int_or_text(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def _typed(value: Any, rules: Mapping[str, Any]) -> Any:
    """The value as its type; an option without a value, which the engine makes true, is no text."""
    if rules.get("type") == "string" and isinstance(value, str) and value.strip().lower() == "true":
        return True
    if str(value).lower() == "false" and "off" in rules.get("enum", ()):
        return "off"  # as YAML reads it
    return typed(value, rules)


def known_parameters(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The rules of every parameter, by name, over all groups of the schema."""
    groups = [*schema.get("$defs", {}).values(), schema]
    return {name: rules for group in groups for name, rules in group.get("properties", {}).items()}


def _required(schema: Mapping[str, Any]) -> list[str]:
    groups = [*schema.get("$defs", {}).values(), schema]
    return [name for group in groups for name in group.get("required", [])]


def _unknown(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    problems = {}
    for name, value in given.items():
        if name in known:
            continue
        # The engine adds nSeeds when it is given n-seeds, and the other way round: one mistake, one line.
        letters = re.sub(r"[^a-z0-9]", "", name.lower())
        close = nearest(name, known)
        remedy = f"did you mean --{close}?" if close else "see --help for the parameters there are"
        if name in RENAMED:
            remedy = f"it is now called --{RENAMED[name]}"
        problems.setdefault(
            letters, f"parameter --{show(name)[1:-1]}: {show(value)} - unknown parameter; {remedy}"
        )
    return list(problems.values())


def _received(value: Any) -> str:
    """How a message goes on after the parameter's name."""
    return " has no value" if value is True else f": {show(value)}"


def _first_sentence(rules: Mapping[str, Any]) -> str:
    text = rules.get("description", "a value").split(". ")[0].rstrip(".")
    return text[:1].lower() + text[1:]
