"""Small text files that anyone may have written: presets and samplesheets, read within stated limits.

YAML here is plain: lists, mappings and values. Aliases, tags and merged documents are refused, since a few
bytes of them stand for more than memory holds, and nothing that presets or samplesheets say needs them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAX_BYTES = 8_000_000  # ten thousand slices with all columns take less than half
MAX_DEPTH = 20
MAX_NODES = 700_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("", "~", "null"), None),
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}


class Unreadable(Exception):
    """Why a file cannot be read, in words that follow its name: `line 3 is not UTF-8 text - save ...`."""


def read_text(path: Path) -> str:
    """The file's text: UTF-8, or UTF-16 where a byte-order mark says so; raises Unreadable."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise Unreadable(f"is larger than {MAX_BYTES // 1_000_000} MB - expected a small text file")
    # Spreadsheets save UTF-16 as "Unicode text"; it always has its mark
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        kind = "UTF-8" if encoding == "utf-8-sig" else "UTF-16"
        raise Unreadable(f"line {line} is not {kind} text - save the file as UTF-8") from error
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise Unreadable(
            f"line {line} holds the control character {found.group()!r}, which no UTF-8 text does - "
            f"save the file as UTF-8"
        )
    return text


def plain_value(text: str) -> Any:
    """A value without quotes as YAML means it: nothing, true or false, a number, or else text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if len(text) <= 40 and _DECIMAL.fullmatch(text) else text


def parse_yaml(text: str, value: Callable[[str], Any] = plain_value) -> Any:
    """Dicts with keys of text, lists and values; None for an empty text. Raises Unreadable.

    value: what an unquoted value means; quoted ones are text. Takes memory and time in proportion to the
    text, since events are read one by one and nothing is read twice.
    """
    if value is plain_value and text.startswith("{"):
        try:
            return _parse_json(text)
        except (ValueError, RecursionError):
            pass  # another kind of YAML, or what YAML has words for
    import yaml  # here, so that the numerical modules import without it

    builder = _Builder(value)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.add(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be parsed"
        where = f"line {mark.line + 1} " if mark else ""
        raise Unreadable(f"{where}is not valid YAML: {' '.join(str(why).split())}") from error
    except RecursionError as error:
        raise Unreadable("is not valid YAML: it is nested too deep") from error
    return builder.root


def _parse_json(text: str) -> Any:
    """What the engine hands to a step: JSON is YAML, and is read without loading a library for it."""
    return json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_number)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name appears twice")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


class _Builder:
    """Values out of YAML events, without recursion: a stack of the lists and mappings that are open."""

    def __init__(self, value: Callable[[str], Any]):
        self.value = value
        self.root: Any = None
        self.open: list[dict[str, Any] | list[Any]] = []
        self.keys: list[str | None] = []  # of each open one: the key whose value comes next
        self.nodes = self.documents = 0

    def add(self, event: Any) -> None:
        """Take the next event of yaml.parse; raises Unreadable."""
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            self.documents += 1
            _refuse(self.documents > 1, event, "a second document begins; expected one")
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            self.open.pop()
            self.keys.pop()
        elif kind in ("AliasEvent", "ScalarEvent", "SequenceStartEvent", "MappingStartEvent"):
            _refuse(event.anchor is not None, event, "aliases (& and *) are not read; write the value out")
            _refuse(event.tag is not None, event, "tags (!) are not read; write plain values")
            self.nodes += 1
            _refuse(self.nodes > MAX_NODES, event, "more values than any such file needs")
            if kind == "ScalarEvent":
                self._scalar(event)
            else:
                self._container(event, [] if kind == "SequenceStartEvent" else {})

    def _scalar(self, event: Any) -> None:
        if self.open and isinstance(self.open[-1], dict) and self.keys[-1] is None:
            if event.value in self.open[-1]:
                _refuse(True, event, f"'{shorten(event.value)}' appears twice in one entry")
            self.keys[-1] = event.value
        else:
            self._place(self.value(event.value) if event.implicit[0] else event.value)

    def _container(self, event: Any, container: dict[str, Any] | list[Any]) -> None:
        keyless = bool(self.open) and isinstance(self.open[-1], dict) and self.keys[-1] is None
        _refuse(keyless, event, "a list or mapping is no name of a value; quote names that hold [ or {")
        _refuse(len(self.open) >= MAX_DEPTH, event, f"nested deeper than {MAX_DEPTH} levels")
        self._place(container)
        self.open.append(container)
        self.keys.append(None)

    def _place(self, value: Any) -> None:
        if not self.open:
            self.root = value
        elif isinstance(self.open[-1], list):
            self.open[-1].append(value)
        else:
            self.open[-1][self.keys[-1]] = value
            self.keys[-1] = None


def _refuse(wrong: bool, event: Any, why: str) -> None:
    if wrong:
        raise Unreadable(f"line {event.start_mark.line + 1} is not valid YAML: {why}")


def shorten(text: str, most: int = 80) -> str:
    """The text on one line, what cannot be printed replaced, with at most that many characters."""
    text = " ".join(text[: 4 * most].split())
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= most else text[: most - 3] + "..."
