"""What a run does: its typed parameters, with the settings of every method that takes part, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tissuegraph.errors import SettingsError
from tissuegraph.methods import DOMAINS, EXPRESSION, METHODS, Method
from tissuegraph.presets import load_settings
from tissuegraph.presets.method import read_by
from tissuegraph.sheet.characterise import asked_of_domains, characterise_problems
from tissuegraph.sheet.exports import export_names
from tissuegraph.sheet.genes import asked_genes
from tissuegraph.sheet.schema import comma_names, show, unknown_names

TEACHING = "stmfg"  # the method whose network learns regions from annotated sections
TILE_UM = 100.0  # side of a tile where neither parameter nor preset says it
STEPS = ("graph", "train", "cluster")  # that are given settings


def resolve_run(
    values: Mapping[str, Any], own: Mapping[str, Path], directory: Path, genes_file: Path | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The run as the workflow needs it, and one line per problem.

    values: typed parameters; own: the user's preset files by method; directory: presets that names stand for;
    genes_file: the file that --genes names. The run holds all values, `methods` with the settings of each in
    the order given (see `_described`), `export`, the formats for other tools, `genes`, the list of those that
    were asked for, `characterise`, what is asked of the domains, `expression`, the settings of the method
    that learns to infer expression or None, `teaching` likewise, `reads_image`, and `tile_um`, of the
    parameter, else of that method's preset.
    """
    # (methods that check_parameters refused or missed are not among the values, and have their line)
    names, problems = _names(values["methods"]) if "methods" in values else ([], [])
    chosen = [METHODS[name] for name in names]
    exports, wrong = export_names(str(values["export"])) if "export" in values else ([], [])
    problems += wrong
    genes, wrong = asked_genes(str(values["genes"]), genes_file) if "genes" in values else ([], [])
    problems += wrong
    asked, wrong = asked_of_domains(str(values["characterise"])) if "characterise" in values else ([], [])
    problems += [*wrong, *characterise_problems(values, asked)]
    inferring = next(method for method in METHODS.values() if method.answers == EXPRESSION)
    settings: dict[str, Any] = {}
    infers = bool(values.get("infer_expression"))
    learns = infers and not values.get("reference_model")  # a model on disk has its own settings
    needed = [*chosen, *([inferring] if learns else []), METHODS[TEACHING]]
    for method in dict.fromkeys(needed):
        try:
            settings[method.name] = _settings(method, values, own.get(method.name), directory)
        except SettingsError as error:
            problems.append(f"parameter --{method.name}_preset: {error}")
    described = [_described(METHODS[name], settings[name]) for name in names if name in settings]
    run = {
        **values,
        "methods": described,
        "export": exports,
        "genes": genes,
        "characterise": asked,
        **_of_images(values, settings.get(inferring.name)),
        "teaching": {"settings": settings[TEACHING].as_dict() if TEACHING in settings else None},
        "reads_image": infers or any(method["reads_image"] for method in described),
    }
    return run, problems


def _of_images(values: Mapping[str, Any], inferring: Any) -> dict[str, Any]:
    """`expression` and `tile_um` of the run. inferring: settings of the method that infers, or None."""
    if inferring is None:
        return {"expression": None, "tile_um": values.get("tile_um") or TILE_UM}
    settled = inferring.for_encoder(values.get("encoder", ""))
    side = values.get("tile_um") or settled.features.tile_um or TILE_UM
    return {"expression": {"settings": settled.as_dict()}, "tile_um": side}


def _names(methods: str) -> tuple[list[str], list[str]]:
    """Names of the methods that find domains, known ones once each, and what is wrong with the others."""
    known = [name for name, method in METHODS.items() if method.answers == DOMAINS]
    given = comma_names(methods)
    expected = f"expected {' or '.join(known)}, or several joined by commas"
    if not given:
        return [], [f"parameter --methods is empty - {expected}"]
    problems = unknown_names("methods", given, known, expected)
    repeated = sorted({name for name in given if given.count(name) > 1})
    problems += [f"parameter --methods: {show(name)} is named twice - {expected}" for name in repeated]
    return [name for name in dict.fromkeys(given) if name in known], problems


def _settings(method: Method, values: Mapping[str, Any], own: Path | None, directory: Path) -> Any:
    """The method's settings as the run wants them; raises SettingsError."""
    preset = own or values.get(f"{method.name}_preset") or "default"
    overrides = []
    if isinstance(method.reads_image, str) and values.get("image_view"):
        overrides.append(f"{method.reads_image}=true")
    settings = load_settings(preset, overrides, directory=directory, method=method.name)
    if settings.method != method.name:
        raise SettingsError(
            f"{Path(preset).name} holds settings of {settings.method}; give a preset that says method: "
            f"{method.name}"
        )
    return settings


def _described(method: Method, settings: Any) -> dict[str, Any]:
    """name, title, reads_image, and what each step reads: `graph`, `train` and `cluster`."""
    topics = settings.as_dict()
    return {
        "name": method.name,
        "title": method.title,
        "reads_image": method.wants_image(settings),
        **{step: _some(topics, read_by(step, topics)) for step in STEPS},
    }


def _some(topics: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {"method": topics["method"], **{name: topics[name] for name in names}}
