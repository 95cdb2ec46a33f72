#!/usr/bin/env python3
"""Check samplesheet, parameters and presets; findings are results, so this always succeeds."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tissuegraph.cli import existing_directory, existing_file, one_line_errors, output_file
from tissuegraph.methods import METHODS
from tissuegraph.presets import PRESET_DIRECTORY
from tissuegraph.sheet.characterise import unreadable_files
from tissuegraph.sheet.check import read_samplesheet
from tissuegraph.sheet.parameters import check_parameters, known_parameters, read_parameters
from tissuegraph.sheet.run import resolve_run


@click.command()
@click.option(
    "--input", "sheet", required=True, type=existing_file, help="CSV, TSV, YAML or JSON samplesheet."
)
@click.option("--schema", required=True, type=existing_file, help="Schema of the samplesheet.")
@click.option("--params", type=existing_file, help="Parameters of the run, as JSON; without: the sheet only.")
@click.option("--params-schema", type=existing_file, help="Schema of the parameters.")
@click.option(
    "--preset", "given", multiple=True, metavar="METHOD=FILE", help="Preset file of a user; may repeat."
)
@click.option("--genes", "genes_file", type=click.Path(path_type=Path), help="File that the genes stand in.")
@click.option("--gene-sets", type=click.Path(path_type=Path), help="Gene sets of a user (GMT).")
@click.option(
    "--interaction-pairs", type=click.Path(path_type=Path), help="Ligands and receptors of a user (CSV, TSV)."
)
@click.option(
    "--presets", default=PRESET_DIRECTORY, type=existing_directory, help="Presets that names stand for."
)
@click.option("--rows", required=True, type=output_file, help="Typed rows to write, as JSON.")
@click.option("--problems", required=True, type=output_file, help="Problems to write: a JSON list of lines.")
@click.option("--run", "run_path", type=output_file, help="What the run does, and notices, as JSON.")
@one_line_errors
def main(
    sheet: Path,
    schema: Path,
    params: Path | None,
    params_schema: Path | None,
    given: tuple[str, ...],
    genes_file: Path | None,
    gene_sets: Path | None,
    interaction_pairs: Path | None,
    presets: Path,
    rows: Path,
    problems: Path,
    run_path: Path | None,
) -> None:
    """Write the rows of a samplesheet, typed parameters with settings and notices, one line per problem."""
    if (params is None) != (params_schema is None):
        raise click.UsageError("--params and --params-schema go together: give both or none")
    values, lines, rules = None, [], {}
    if params is not None:
        rules = _json(params_schema)
        values, lines = check_parameters(read_parameters(params), rules)
    found = read_samplesheet(sheet, _json(schema), values)
    lines += found.problems
    if run_path is not None:
        own = dict(_method_and_file(text) for text in given)
        run, more = resolve_run(values or {}, own, presets, genes_file)
        lines += [*more, *unreadable_files(gene_sets, interaction_pairs)]
        typed = {name: (values or {}).get(name) for name in known_parameters(rules)}
        _write(run_path, {**run, "params": typed, "notices": found.notices})
    _write(rows, found.rows)
    _write(problems, lines)
    for line in [*found.notices, *lines]:
        click.echo(line, err=True)


def _method_and_file(text: str) -> tuple[str, Path]:
    method, equals, name = text.partition("=")
    if not (equals and method in METHODS):
        raise click.BadParameter(
            f"{text!r}: expected METHOD=FILE with METHOD one of {', '.join(METHODS)}",
            param_hint="--preset",
        )
    return method, Path(name)


def _json(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
