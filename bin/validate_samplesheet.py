#!/usr/bin/env python3
"""Check samplesheet, parameters and preset; findings are results, so this always succeeds."""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml

from tissuegraph.cli import existing_directory, existing_file, one_line_errors, output_file
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.parameters import check_parameters
from tissuegraph.presets import PRESET_DIRECTORY, load_settings
from tissuegraph.samplesheet import read_samplesheet


@click.command()
@click.option(
    "--input", "sheet", required=True, type=existing_file, help="CSV, TSV, YAML or JSON samplesheet."
)
@click.option("--schema", required=True, type=existing_file, help="Schema of the samplesheet.")
@click.option("--params", type=existing_file, help="Parameters of the run, as JSON.")
@click.option("--params-schema", type=existing_file, help="Schema of the parameters.")
@click.option("--preset", type=existing_file, help="Settings of the method, as YAML.")
@click.option("--presets", type=existing_directory, help="Directory of the presets that it may extend.")
@click.option("--resolved-preset", type=output_file, help="Complete settings to write, where they are valid.")
@click.option("--rows", required=True, type=output_file, help="Typed rows to write, as JSON.")
@click.option("--problems", required=True, type=output_file, help="Problems to write: a JSON list of lines.")
@one_line_errors
def main(
    sheet: Path,
    schema: Path,
    params: Path | None,
    params_schema: Path | None,
    preset: Path | None,
    presets: Path | None,
    resolved_preset: Path | None,
    rows: Path,
    problems: Path,
) -> None:
    """Write the rows of a samplesheet, the complete preset, and one line per problem."""
    if (params is None) != (params_schema is None):
        raise InputError("--params and --params-schema go together: give both or none")
    found = read_samplesheet(sheet, json.loads(schema.read_text()))
    lines = list(found.problems)
    if params is not None:
        _, wrong = check_parameters(json.loads(params.read_text()), json.loads(params_schema.read_text()))
        lines = wrong + lines
    if preset is not None:
        try:
            settings = load_settings(preset, directory=presets or PRESET_DIRECTORY)
            resolved_preset.write_text(yaml.safe_dump(settings.as_dict(), sort_keys=False))
        except SettingsError as error:
            lines.append(f"--preset: {error}")
    rows.write_text(json.dumps(found.rows, indent=1) + "\n")
    problems.write_text(json.dumps(lines, indent=1, ensure_ascii=False) + "\n")
    for line in [*found.notices, *lines]:
        click.echo(line, err=True)


if __name__ == "__main__":
    main()
