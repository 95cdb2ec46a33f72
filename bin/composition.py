#!/usr/bin/env python3
"""Compare the shares of domains between the conditions of one group, with the patient as unit."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    assembled_option,
    existing_directory,
    existing_file,
    failed_slice_is_a_result,
    figures_option,
    group_option,
    outdir_option,
    record_option,
    seed_option,
)
from tissuegraph.figures.fonts import know_own_fonts_only
from tissuegraph.records import Record


@click.command()
@group_option
@assembled_option
@click.option("--records", required=True, type=existing_directory, help="Records of the sections' assembly.")
@click.option(
    "--design",
    required=True,
    type=existing_file,
    help="JSON list: sample, patient, condition and teaches of every section.",
)
@seed_option
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("composition")
def main(
    record: Record,
    sections: Path,
    records: Path,
    design: Path,
    seed: int,
    outdir: Path,
    formats: tuple[str, ...],
) -> None:
    """Write composition.csv, composition_test.csv, sections.csv and a figure into OUTDIR."""
    know_own_fonts_only()
    from tissuegraph.characterise.composition import composition_of_group
    from tissuegraph.cohorts.design import read_design

    composition_of_group(record, sections, records, read_design(design), outdir, formats, seed)


if __name__ == "__main__":
    main()
