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
from tissuegraph.methods import METHODS, method_of
from tissuegraph.presets.fields import check
from tissuegraph.presets.method import read_by

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
    try:
        return method_of(method).settings_class()
    except SettingsError as error:
        raise SettingsError(f"preset: {error}") from error


def _topics(settings: type) -> dict[str, type]:
    """{topic: its dataclass}, in the order of the fields."""
    types = typing.get_type_hints(settings)
    return {item.name: types[item.name] for item in dataclasses.fields(settings)}


def _read_preset(preset: str | Path, directory: Path, method: str | None, depth: int = 0) -> dict[str, Any]:
    import yaml  # here, so that the numerical modules import without it

    path, method = _find_preset(preset, directory, method)
    try:
        values = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"preset {path} is not valid YAML: {error}") from error
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
    beside = path.parent / str(base)
    merged = _read_preset(beside if beside.is_file() else base, directory, method, depth + 1)
    for topic, keys in values.items():
        merged[topic] = merged.get(topic, {}) | keys if isinstance(keys, dict) else keys
    return merged


def _find_preset(preset: str | Path, directory: Path, method: str | None) -> tuple[Path, str | None]:
    """The file, and the method that its place in `directory` or the caller tells."""
    if Path(preset).is_file():
        return Path(preset), method
    folder, _, name = str(preset).rpartition("/")
    owner = folder or method
    if owner in METHODS and (directory / owner / f"{name}.yaml").is_file():
        return directory / owner / f"{name}.yaml", owner
    names = [
        path.stem if path.parent.name == method else f"{path.parent.name}/{path.stem}"
        for path in sorted(directory.glob("*/*.yaml"))
        if method in (None, path.parent.name)
    ]
    raise SettingsError(
        f"preset {str(preset)!r} is neither a file nor one of the presets: {', '.join(names)}"
    )


def _apply_override(values: dict[str, Any], override: str, topics: Mapping[str, type]) -> None:
    import yaml

    name, equals, text = override.partition("=")
    topic, dot, key = name.strip().partition(".")
    if not (equals and dot):
        raise SettingsError(f"a setting reads topic.key=value, e.g. losses.contrastive=0; got {override!r}")
    _refuse_unknown([topic], topics, where="settings")
    _refuse_unknown([key], topics[topic].__dataclass_fields__, where=topic)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"setting {override!r}: the value is not valid YAML") from error
    values[topic] = {**(values.get(topic) or {}), key: value}


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
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise SettingsError(f"{where}: unknown key {key!r}; {remedy}")
