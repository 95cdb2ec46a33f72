"""Fields of a settings dataclass: what values they take, and the refusal of all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from tissuegraph.errors import SettingsError
from tissuegraph.presets.plain_files import shorten


def number(low: float, high: float, *words: str, whole: bool = False) -> Any:
    """A field that holds a number in [low, high], or one of the given words (`none` reads as None)."""
    return field(metadata={"kind": "number", "low": low, "high": high, "whole": whole, "words": words})


def whole(low: float, high: float, *words: str) -> Any:
    """A field that holds a whole number in [low, high], or one of the given words."""
    return number(low, high, *words, whole=True)


def choice(*words: str) -> Any:
    """A field that holds one of the given words."""
    return field(metadata={"kind": "choice", "words": words})


def flag(*words: str) -> Any:
    """A field that is true or false, or one of the given words."""
    return field(metadata={"kind": "flag", "words": words})


def widths(low: int, high: int) -> Any:
    """A field that holds a list of `low` to `high` layer widths."""
    return field(metadata={"kind": "widths", "low": low, "high": high})


def check(name: str, value: Any, rule: Mapping[str, Any]) -> Any:
    """The value as its field holds it; name: for the message. rule: metadata of the field.

    Raises SettingsError where the field takes no such value.
    """
    return _CHECKS[rule["kind"]](name, value, rule)


def _check_number(name: str, value: Any, rule: Mapping[str, Any]) -> float | int | str | None:
    words = rule["words"]
    if value is None and "none" in words:
        return None
    if isinstance(value, str):
        if value in words:
            return None if value == "none" else value
        value = _float_or_text(value)  # YAML 1.1 reads 1e-3 as text
    expected = " or ".join(
        [f"a {'whole ' if rule['whole'] else ''}number from {rule['low']:g} to {rule['high']:g}", *words]
    )
    number = not isinstance(value, bool) and isinstance(value, int | float)
    if not number or not rule["low"] <= value <= rule["high"] or (rule["whole"] and value != int(value)):
        raise SettingsError(f"{name} must be {expected}, got {received(value)}")
    return int(value) if rule["whole"] else float(value)


def received(value: Any) -> str:
    """A value as a message shows it: as Python writes it, on one line, and not endless."""
    return shorten(repr(value))


def _float_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _check_choice(name: str, value: Any, rule: Mapping[str, Any]) -> str:
    if value is None and "none" in rule["words"]:  # an empty value in YAML
        return "none"
    if value not in rule["words"]:
        raise SettingsError(f"{name} must be one of {', '.join(rule['words'])}; got {received(value)}")
    return value


def _check_flag(name: str, value: Any, rule: Mapping[str, Any]) -> bool | str:
    if not isinstance(value, bool) and value not in rule["words"]:
        expected = " or ".join(["true or false", *rule["words"]])
        raise SettingsError(f"{name} must be {expected}, got {received(value)}")
    return value


def _check_widths(name: str, value: Any, rule: Mapping[str, Any]) -> tuple[int, ...]:
    low, high = rule["low"], rule["high"]
    widths = list(value) if isinstance(value, list | tuple) else None
    good = widths is not None and all(type(width) is int and 1 <= width <= 10_000 for width in widths)
    if not good or not low <= len(widths) <= high:
        raise SettingsError(
            f"{name} must list {low} to {high} layer widths, e.g. [128, 64]; got {received(value)}"
        )
    return tuple(widths)


_CHECKS = {"number": _check_number, "choice": _check_choice, "flag": _check_flag, "widths": _check_widths}
