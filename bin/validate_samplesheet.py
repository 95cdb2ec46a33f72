#!/usr/bin/env python3
"""Check samplesheet, parameters and preset; findings are results, so this always succeeds."""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml

from tissuegraph.cli import existing_directory, existing_file, one_line_errors, output_file
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.methods import METHODS
from tissuegraph.presets import PRESET_DIRECTORY, load_settings
from tissuegraph.sheet.check import read_samplesheet
from tissuegraph.sheet.parameters import check_parameters


@click.command()
@click.option(
    "--input", "sheet", required=True, type=existing_file, help="CSV, TSV, YAML or JSON samplesheet."
)
@click.option("--schema", required=True, type=existing_file, help="Schema of the samplesheet.")
@click.option("--params", type=existing_file, help="Parameters of the run, as JSON.")
@click.option("--params-schema", type=existing_file, help="Schema of the parameters.")
@click.option(
    "--preset", "given", multiple=True, metavar="METHOD=FILE", help="Settings of a method (YAML); may repeat."
)
@click.option("--presets", type=existing_directory, help="Directory of the presets that they may extend.")
@click.option(
    "--resolved",
    default="resolved",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for METHOD.yaml: complete settings, of each method whose settings are valid.",
)
@click.option("--rows", required=True, type=output_file, help="Typed rows to write, as JSON.")
@click.option("--problems", required=True, type=output_file, help="Problems to write: a JSON list of lines.")
@one_line_errors
def main(
    sheet: Path,
    schema: Path,
    params: Path | None,
    params_schema: Path | None,
    given: tuple[str, ...],
    presets: Path | None,
    resolved: Path,
    rows: Path,
    problems: Path,
) -> None:
    """Write the rows of a samplesheet, the complete presets, and one line per problem."""
    if (params is None) != (params_schema is None):
        raise InputError("--params and --params-schema go together: give both or none")
    values, lines = None, []
    if params is not None:
        values, lines = check_parameters(
            json.loads(params.read_text()), json.loads(params_schema.read_text())
        )
    found = read_samplesheet(sheet, json.loads(schema.read_text()), values)
    lines += found.problems
    for text in given:
        method, path = _method_and_file(text)
        try:
            _resolve(method, path, presets or PRESET_DIRECTORY, resolved)
        except SettingsError as error:
            lines.append(f"preset of {method}: {error}")
    rows.write_text(json.dumps(found.rows, indent=1) + "\n")
    problems.write_text(json.dumps(lines, indent=1, ensure_ascii=False) + "\n")
    for line in [*found.notices, *lines]:
        click.echo(line, err=True)


def _method_and_file(text: str) -> tuple[str, Path]:
    method, equals, name = text.partition("=")
    if not (equals and method in METHODS and Path(name).is_file()):
        raise click.BadParameter(
            f"{text!r}: expected METHOD=FILE with METHOD one of {', '.join(METHODS)} and an existing FILE",
            param_hint="--preset",
        )
    return method, Path(name)


def _resolve(method: str, path: Path, directory: Path, resolved: Path) -> None:
    """Write the complete settings of one method; raises SettingsError."""
    settings = load_settings(path, directory=directory, method=method)
    if settings.method != method:
        raise SettingsError(
            f"{path.name} holds settings of {settings.method}; give a preset that says method: {method}"
        )
    resolved.mkdir(parents=True, exist_ok=True)
    (resolved / f"{method}.yaml").write_text(yaml.safe_dump(settings.as_dict(), sort_keys=False))


if __name__ == "__main__":
    main()
