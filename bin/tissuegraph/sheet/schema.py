"""What samplesheet and parameters share: text to typed values, and schema violations in plain words."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tissuegraph.presets.plain_files import shorten

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
LONGEST_NUMBER, LONGEST_NAME = 40, 100  # letters; beyond, nothing is meant
NEAR = 0.76  # likeness above which a name is taken for a misspelling; 'age' and 'image' reach 0.75


def typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """Convert a value to the type that the schema names, where that loses nothing.

    '7' and '7.0' become 7 for an integer, 7 becomes '7' for a string, 'true' becomes True for a boolean.
    Anything else is returned as it came, for the validator to refuse.
    """
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    for kind in kinds:
        converted = _CONVERTERS.get(kind, _keep)(value)
        if converted is not None:
            return converted
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # NaN would pass every limit of a schema
    return value


def _keep(_value: Any) -> None:
    return None


def _whole(value: Any) -> int | None:
    number = _number(value)
    if number is None or number != int(number):
        return None
    return int(number)


def _number(value: Any) -> float | int | None:
    """A finite number; 'nan', 'inf', '1_000' and '1,5' are none."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > LONGEST_NUMBER or not NUMBER.fullmatch(text):
            return None
        value = int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 2**53 else None  # also refuses infinity and NaN


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _flag(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


_CONVERTERS = {"integer": _whole, "number": _number, "string": _text, "boolean": _flag}


def checkers(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The validator of every property, by name; making one takes longer than asking it a hundred times."""
    from jsonschema import Draft202012Validator

    return {name: Draft202012Validator(rules) for name, rules in properties.items()}


def violations(values: Mapping[str, Any], checks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names whose value its checker refuses, each once, with what was expected."""
    for name, check in checks.items():
        if name in values and not check.is_valid(values[name]):
            yield name, expectation(check.schema)


def expectation(rules: Mapping[str, Any]) -> str:
    """What a property expects: its own words, or else its rules in words."""
    return rules.get("errorMessage") or f"expected {describe(rules)}"


def describe(rules: Mapping[str, Any]) -> str:
    """What a property's schema asks for, in words: 'a whole number from 1 to 100'."""
    if "enum" in rules:
        return " or ".join(f"'{choice}'" for choice in rules["enum"])
    kinds = rules.get("type", "a value")
    words = " or ".join(_NOUNS.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    low, high = rules.get("minimum"), rules.get("maximum")
    if low is not None and high is not None:
        words += f" from {low} to {high}"
    elif low is not None:
        words += f" of at least {low}"
    elif high is not None:
        words += f" of at most {high}"
    if "exclusiveMinimum" in rules:
        words += f" above {rules['exclusiveMinimum']}"
    if "pattern" in rules:
        words += f" that matches {rules['pattern']}"
    return words


_NOUNS = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is most likely a misspelling of; None when none is close."""
    if len(name) > LONGEST_NAME:
        return None
    plain = {spelling(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(spelling(name), plain, n=1, cutoff=NEAR)
    return plain[close[0]] if close else None


def spelling(name: str) -> str:
    """A name without case, dashes and blanks: nDomains, n-domains and 'N domains' are one name."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", snake.lower())


def show(value: Any) -> str:
    """A received value as it appears in a message: quoted, on one line, printable, and not endless."""
    return f"'{shorten(str(value))}'"


def comma_names(given: str) -> list[str]:
    """Names of a list joined by commas."""
    return [name.strip() for name in given.split(",") if name.strip()]


def unknown_names(parameter: str, names: Sequence[str], known: Sequence[str], expected: str) -> list[str]:
    """One line for each name of a parameter's list that is not known."""
    return [
        f"parameter --{parameter}: {show(name)} - {expected}"
        for name in dict.fromkeys(names)
        if name not in known
    ]
