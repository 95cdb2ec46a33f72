"""Settings of one method run: a frozen dataclass per topic, read from a YAML preset.

A preset file names every value once; a user's own file may start with `extends: default` (or a path)
and give only what differs. Unknown keys and values out of range are refused with the remedy.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tissuegraph.errors import SettingsError

PRESET_DIRECTORY = Path(__file__).resolve().parents[2] / "assets" / "presets"


def _number(low: float, high: float, *words: str, whole: bool = False) -> Any:
    """A field that holds a number in [low, high], or one of the given words (`none` reads as None)."""
    return field(metadata={"kind": "number", "low": low, "high": high, "whole": whole, "words": words})


def _whole(low: float, high: float, *words: str) -> Any:
    return _number(low, high, *words, whole=True)


def _choice(*words: str) -> Any:
    return field(metadata={"kind": "choice", "words": words})


def _flag() -> Any:
    return field(metadata={"kind": "flag"})


def _widths(low: int, high: int) -> Any:
    """A field that holds a list of `low` to `high` layer widths."""
    return field(metadata={"kind": "widths", "low": low, "high": high})


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Counts to network input."""

    min_cells: float = _number(0, 1e9)  # keep genes seen in so many spots; below 1: share of the spots
    n_hvg: int = _whole(1, 1_000_000)  # highly variable genes kept (all, where the slice has fewer)
    hvg_flavor: str = _choice("seurat_v3")  # ranked on raw counts by variance beyond the mean's trend
    normalise_over: str = _choice("all", "selected")  # depth counted over all genes or the selected ones
    target_sum: float | str = _number(1e-6, 1e9, "median")  # counts per spot after depth normalisation
    log1p: bool = _flag()
    scale: bool = _flag()  # each gene to unit variance, without centring
    clip: float | None = _number(1e-6, 1e9, "none")  # largest value after scaling
    input: str = _choice("pca", "hvg")  # network input: principal components or the genes themselves
    n_pcs: int = _whole(1, 1000)  # components when input is pca


@dataclass(frozen=True, kw_only=True)
class SpatialGraph:
    """Which spots are neighbours on the tissue."""

    rule: str = _choice("mean_degree", "radius_pitch", "radius_px", "knn")
    value: float = _number(1e-6, 1e9)  # neighbours; multiples of the pitch; pixels; neighbours


@dataclass(frozen=True, kw_only=True)
class FeatureGraph:
    """Which spots are neighbours in the network input."""

    k: int = _whole(1, 1000)
    metric: str = _choice("cosine", "euclidean")


@dataclass(frozen=True, kw_only=True)
class Model:
    """The encoder of stMFG, E1 to E3, and its decoder."""

    dims: tuple[int, ...] = _widths(1, 3)  # width of each layer; its length is L
    head_dim: int = _whole(0, 10_000)  # width of one linear layer after the last fusion; 0: none
    decoder_dim: int = _whole(1, 10_000)
    att: str = _choice("node", "channel")  # one attention weight per spot, or per spot and channel
    att_l2: bool = _flag()  # scale the weights of a spot to unit length, as AGCN does
    norm: str = _choice("sym", "rw")  # D^-1/2 (A+I) D^-1/2 or D^-1 (A+I)
    activation: str = _choice("relu", "none")  # on all layers but the last
    fusion: str = _choice("layerwise", "late")  # late: independent branches, fused once (ablation)


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Weights and forms of the three loss terms; a weight of 0 leaves its term out."""

    zinb: float = _number(0, 1e6)  # alpha
    contrastive: float = _number(0, 1e6)  # beta
    regulariser: float = _number(0, 1e6)  # gamma
    target: str = _choice("counts", "scaled")  # ZINB of raw counts with depth factors, or of the input
    genes_per_step: int = _whole(0, 1_000_000)  # genes decoded per step, drawn at random; 0: all
    temperature: float = _number(1e-3, 1e3)  # tau
    contrastive_mode: str = _choice("auto", "exact", "sampled")
    n_negatives: int = _whole(2, 1_000_000)  # spots drawn per step where the mode is sampled
    reg_balance: str = _choice("paper", "balanced")  # one mean over all pairs, or each sum by its count


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """Adam; the embedding is that of the last epoch."""

    epochs: int = _whole(0, 100_000)
    lr: float = _number(1e-8, 10)
    weight_decay: float = _number(0, 10)
    precision: str = _choice("float32", "bfloat16")  # bfloat16: mixed precision, on a GPU only


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """Embedding to domains."""

    clusterer: str = _choice("vote", "gmm", "kmeans", "leiden")
    smooth_neighbours: int | str = _whole(0, 1000, "auto")  # average Z over so many nearest spots first;
    # 0: as it is; auto: the number that predicts left-out spots best, as for the baseline
    refine: bool = _flag()  # majority vote among neighbours afterwards


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that describes one run of a method on one slice."""

    preprocess: Preprocess
    spatial_graph: SpatialGraph
    feature_graph: FeatureGraph
    model: Model
    losses: Losses
    optimiser: Optimiser
    clustering: Clustering

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Plain nested dict, as a preset file holds it."""
        return dataclasses.asdict(self)


_TOPICS: dict[str, type] = {
    "preprocess": Preprocess,
    "spatial_graph": SpatialGraph,
    "feature_graph": FeatureGraph,
    "model": Model,
    "losses": Losses,
    "optimiser": Optimiser,
    "clustering": Clustering,
}


def load_settings(
    preset: str | Path, overrides: Iterable[str] = (), directory: Path = PRESET_DIRECTORY
) -> Settings:
    """Read a preset: a name in `directory` (assets/presets) or a YAML file.

    overrides are strings `topic.key=value`, e.g. `losses.contrastive=0`; they win over the file.
    Raises SettingsError for a missing file, an unknown key or a value out of range.
    """
    values = _read_preset(preset, directory)
    for override in overrides:
        _apply_override(values, override)
    return settings_from_dict(values)


def settings_from_dict(values: Mapping[str, Any]) -> Settings:
    """Check a nested dict of all topics and keys, and freeze it.

    Raises SettingsError.
    """
    _refuse_unknown(values, _TOPICS, where="preset")
    settings = Settings(**{name: _topic(name, cls, values.get(name)) for name, cls in _TOPICS.items()})
    if settings.losses.target == "scaled" and settings.preprocess.input != "hvg":
        raise SettingsError(
            "losses.target: scaled reconstructs the network input and needs preprocess.input: hvg, "
            f"got {settings.preprocess.input}; set preprocess.input: hvg or losses.target: counts"
        )
    return settings


def _read_preset(preset: str | Path, directory: Path, depth: int = 0) -> dict[str, dict[str, Any]]:
    import yaml  # here, so that the numerical modules import without it

    path = _find_preset(preset, directory)
    try:
        values = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"preset {path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"preset {path} must map topics to settings, e.g. `optimiser: {{epochs: 200}}`")
    base = values.pop("extends", None)
    if base is None:
        return values
    if depth >= 5:
        raise SettingsError(
            f"preset {path}: more than five `extends` in a row; do two files name each other?"
        )
    beside = path.parent / str(base)
    merged = _read_preset(beside if beside.is_file() else base, directory, depth + 1)
    for topic, keys in values.items():
        merged[topic] = merged.get(topic, {}) | keys if isinstance(keys, dict) else keys
    return merged


def _find_preset(preset: str | Path, directory: Path) -> Path:
    for path in (Path(preset), directory / f"{preset}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in directory.glob("*.yaml")))
    raise SettingsError(f"preset {str(preset)!r} is neither a file nor one of the presets: {known}")


def _apply_override(values: dict[str, dict[str, Any]], override: str) -> None:
    import yaml

    name, equals, text = override.partition("=")
    topic, dot, key = name.strip().partition(".")
    if not (equals and dot):
        raise SettingsError(f"a setting reads topic.key=value, e.g. losses.contrastive=0; got {override!r}")
    _refuse_unknown([topic], _TOPICS, where="settings")
    _refuse_unknown([key], _TOPICS[topic].__dataclass_fields__, where=topic)
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
    checked = {key: _check(f"{name}.{key}", values[key], fields[key].metadata) for key in fields}
    return cls(**checked)


def _refuse_unknown(given: Iterable[Any], known: Iterable[str], *, where: str) -> None:
    known = list(known)
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise SettingsError(f"{where}: unknown key {key!r}; {remedy}")


def _check(name: str, value: Any, rule: Mapping[str, Any]) -> Any:
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
    number = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not number or not rule["low"] <= value <= rule["high"] or (rule["whole"] and value != int(value)):
        raise SettingsError(f"{name} must be {expected}, got {value!r}")
    return int(value) if rule["whole"] else float(value)


def _float_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _check_choice(name: str, value: Any, rule: Mapping[str, Any]) -> str:
    if value is None and "none" in rule["words"]:  # an empty value in YAML
        return "none"
    if value not in rule["words"]:
        raise SettingsError(f"{name} must be one of {', '.join(rule['words'])}; got {value!r}")
    return value


def _check_flag(name: str, value: Any, rule: Mapping[str, Any]) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{name} must be true or false, got {value!r}")
    return value


def _check_widths(name: str, value: Any, rule: Mapping[str, Any]) -> tuple[int, ...]:
    low, high = rule["low"], rule["high"]
    widths = list(value) if isinstance(value, list | tuple) else None
    good = widths is not None and all(type(width) is int and 1 <= width <= 10_000 for width in widths)
    if not good or not low <= len(widths) <= high:
        raise SettingsError(f"{name} must list {low} to {high} layer widths, e.g. [128, 64]; got {value!r}")
    return tuple(widths)


_CHECKS = {"number": _check_number, "choice": _check_choice, "flag": _check_flag, "widths": _check_widths}
