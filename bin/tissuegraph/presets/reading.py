"""Read a preset: one YAML file of a method's settings, complete or built on another.

A preset file names every value once; a user's own file may start with `extends: default` (or a path)
and give only what differs. It says `method: stmfg` where nothing else tells whose settings it holds. Unknown
keys and values out of range are refused with the remedy.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tissuegraph.errors import SettingsError
from tissuegraph.methods import METHODS
from tissuegraph.presets.fields import check, received
from tissuegraph.presets.method import read_by
from tissuegraph.presets.plain_files import Unreadable, parse_yaml, read_text, shorten

PRESET_DIRECTORY = Path(__file__).resolve().parents[3] / "assets" / "presets"


def load_settings(
    preset: str | Path,
    overrides: Iterable[str] = (),
    directory: Path = PRESET_DIRECTORY,
    method: str | None = None,
    step: str | None = None,
) -> Any:
    """Read a preset: a YAML file, or a name such as `stmfg/default` (assets/presets/stmfg/default.yaml).

    method: whose presets a name without method means, and whose settings a file holds that does not name its
    own. overrides are strings `topic.key=value`, e.g. `losses.contrastive=0`; they win over the file. step:
    one that reads some topics only, which is all that the file then has to hold (see
    tissuegraph.presets.method.read_by). Returns the method's settings, see tissuegraph.methods. Raises
    SettingsError for a missing file, an unknown method or key, or a value out of range.
    """
    values = _read_preset(preset, directory, method)
    topics = _topics(_class_of(values["method"]))
    for override in overrides:
        _apply_override(values, override, topics)
    return settings_from_dict(values, step)


def settings_from_dict(values: Mapping[str, Any], step: str | None = None) -> Any:
    """Check a nested dict of `method` and of all topics and keys that the step reads, and freeze it.

    step: None reads all. Raises SettingsError.
    """
    settings = _class_of(values.get("method"))
    topics = _topics(settings)
    _refuse_unknown(values, [*topics, "method"], where="preset")
    needed = list(topics) if step is None else read_by(step, topics)
    read = {name: _topic(name, topics[name], values.get(name)) for name in needed}
    return settings(**read) if step is None else _part(settings, read)


def _part(settings: type, read: Mapping[str, Any]) -> Any:
    """Settings of some topics; what they say together was checked when they were complete."""
    part = object.__new__(settings)
    for item in dataclasses.fields(settings):
        object.__setattr__(part, item.name, read.get(item.name))
    return part


def _class_of(method: Any) -> type:
    if not isinstance(method, str) or method not in METHODS:
        raise SettingsError(f"preset: method must be one of {', '.join(METHODS)}; got {received(method)}")
    return METHODS[method].settings_class()


def _topics(settings: type) -> dict[str, type]:
    """{topic: its dataclass}, in the order of the fields."""
    types = typing.get_type_hints(settings)
    return {item.name: types[item.name] for item in dataclasses.fields(settings)}


def _read_preset(preset: str | Path, directory: Path, method: str | None, depth: int = 0) -> dict[str, Any]:
    path, method = _find_preset(preset, directory, method)
    try:
        values = parse_yaml(read_text(path))
    except Unreadable as error:
        raise SettingsError(f"preset {path}: {error}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"preset {path} must map topics to settings, e.g. `optimiser: {{epochs: 200}}`")
    method = values.setdefault("method", method)
    if method is None:
        raise SettingsError(f"preset {path} does not say whose it is; add e.g. `method: stmfg`")
    _class_of(method)
    base = values.pop("extends", None)
    if base is None:
        return values
    if depth >= 5:
        raise SettingsError(
            f"preset {path}: more than five `extends` in a row; do two files name each other?"
        )
    merged = _read_preset(_base(path, base), directory, method, depth + 1)
    for topic, keys in values.items():
        below = merged.get(topic)
        merged[topic] = below | keys if isinstance(keys, dict) and isinstance(below, dict) else keys
    return merged


def _base(path: Path, base: Any) -> str | Path:
    """What a preset builds on: a file beside it or below, else the name of a preset of the pipeline.

    A file from someone else must not make us read files from anywhere else.
    """
    if not isinstance(base, str) or not base.strip():
        raise SettingsError(
            f"preset {path}: extends must name one preset, e.g. `extends: default`; got {received(base)}"
        )
    if Path(base).is_absolute() or ".." in Path(base).parts:
        raise SettingsError(
            f"preset {path}: extends must name a preset of the pipeline, or a file beside this one; "
            f"got {received(base)}"
        )
    beside = path.parent / base
    return beside if _is_file(beside) else base


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than file systems take
        return False


def _find_preset(preset: str | Path, directory: Path, method: str | None) -> tuple[Path, str | None]:
    """The file, and the method that its place in `directory` or the caller tells."""
    if _is_file(Path(preset)):
        return Path(preset), method
    folder, _, name = str(preset).rpartition("/")
    owner = folder or method
    if owner in METHODS and _is_file(directory / owner / f"{name}.yaml"):
        return directory / owner / f"{name}.yaml", owner
    names = [
        path.stem if path.parent.name == method else f"{path.parent.name}/{path.stem}"
        for path in sorted(directory.glob("*/*.yaml"))
        if method in (None, path.parent.name)
    ]
    raise SettingsError(
        f"preset {received(str(preset))} is neither a file nor one of the presets: {', '.join(names)}"
    )


def _apply_override(values: dict[str, Any], override: str, topics: Mapping[str, type]) -> None:
    name, equals, text = override.partition("=")
    topic, dot, key = name.strip().partition(".")
    if not (equals and dot):
        raise SettingsError(
            f"a setting reads topic.key=value, e.g. losses.contrastive=0; got {received(override)}"
        )
    _refuse_unknown([topic], topics, where="settings")
    _refuse_unknown([key], topics[topic].__dataclass_fields__, where=topic)
    try:
        value = parse_yaml(text)
    except Unreadable as error:
        raise SettingsError(f"setting {received(override)}: the value is not valid YAML") from error
    before = values.get(topic)
    values[topic] = {**(before if isinstance(before, dict) else {}), key: value}


def _topic(name: str, cls: type, values: Any) -> Any:
    if not isinstance(values, Mapping):
        raise SettingsError(f"preset: topic {name} is missing; start the file with `extends: default`")
    fields = {item.name: item for item in dataclasses.fields(cls)}
    _refuse_unknown(values, fields, where=name)
    missing = [key for key in fields if key not in values]
    if missing:
        raise SettingsError(
            f"preset: {name} lacks {', '.join(missing)}; add them or start the file with `extends: default`"
        )
    checked = {key: check(f"{name}.{key}", values[key], fields[key].metadata) for key in fields}
    return cls(**checked)


def _refuse_unknown(given: Iterable[Any], known: Iterable[str], *, where: str) -> None:
    known = list(known)
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(shorten(str(key)), known, n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise SettingsError(f"{where}: unknown key {received(key)}; {remedy}")
