#!/usr/bin/env python3
"""One table over all slices, failed ones included, and the content of the report."""

import json
from pathlib import Path

import click

from tissuegraph.cli import existing_file, one_line_errors, output_file

directory = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--summaries", required=True, type=directory, help="Holds slice.json of each assembled slice.")
@click.option("--records", required=True, type=directory, help="Holds <step>.json of all slices.")
@click.option("--rows", required=True, type=existing_file, help="Validated samplesheet (JSON).")
@click.option("--params", required=True, type=existing_file, help="Parameters of the run (JSON).")
@click.option("--table", required=True, type=output_file, help="Cohort table to write (CSV).")
@click.option("--content", required=True, type=click.Path(file_okay=False, path_type=Path))
@one_line_errors
def main(summaries, records, rows, params, table, content):
    """Write TABLE and, into CONTENT, one MultiQC file per section of the report."""
    from tissuegraph.report import write_sections
    from tissuegraph.report.outcomes import read_outcomes
    from tissuegraph.report.table import write_table

    settings = json.loads(params.read_text())
    outcomes = read_outcomes(json.loads(rows.read_text()), summaries, records)
    write_table(outcomes, str(settings.get("outdir") or "results"), table)
    content.mkdir(parents=True, exist_ok=True)
    write_sections(outcomes, settings, content)


if __name__ == "__main__":
    main()
