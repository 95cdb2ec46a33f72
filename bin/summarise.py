#!/usr/bin/env python3
"""One table over all slices, failed ones included, and the content of the report."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tissuegraph.cli import existing_directory, existing_file, one_line_errors, output_directory, output_file


@click.command()
@click.option("--records", required=True, type=existing_directory, help="Holds the records of all steps.")
@click.option("--rows", required=True, type=existing_file, help="Validated samplesheet (JSON).")
@click.option(
    "--context",
    required=True,
    type=existing_file,
    help="JSON: params as given, the run with its notices, lost tasks (process, tag, attempt, exitStatus, "
    "said, slices), and what the workflow knows of how it was made.",
)
@click.option("--params", required=True, type=output_file, help="Parameters of the run to write (JSON).")
@click.option("--table", required=True, type=output_file, help="Cohort table to write (CSV).")
@click.option("--content", required=True, type=output_directory, help="Directory for MultiQC's content.")
@click.option("--receipt", required=True, type=output_file, help="What made the results, to write (JSON).")
@click.option("--verdict", required=True, type=output_file, help="How the run ends, to write (JSON).")
@one_line_errors
def main(
    records: Path,
    rows: Path,
    context: Path,
    params: Path,
    table: Path,
    content: Path,
    receipt: Path,
    verdict: Path,
) -> None:
    """Write TABLE and, into CONTENT, one MultiQC file per section of the report."""
    from tissuegraph.report import write_sections
    from tissuegraph.report.outcomes import outcomes_of, read_records, verdict_of
    from tissuegraph.report.provenance import make_receipt
    from tissuegraph.report.table import write_table

    known = json.loads(context.read_text(encoding="utf-8"))
    settings = known["params"]
    given = json.loads(rows.read_text(encoding="utf-8"))
    entries = read_records(records)
    outcomes = outcomes_of(given, entries, known.get("lost", ()))
    run, made = known.get("run") or {}, known.get("made") or {}
    told = make_receipt(given, entries, run=run, params=settings, made=made)
    write_table(outcomes, table)
    content.mkdir(parents=True, exist_ok=True)
    write_sections(outcomes, settings, content, told)
    _write(params, settings)
    _write(receipt, told)
    _write(verdict, verdict_of(outcomes))


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
