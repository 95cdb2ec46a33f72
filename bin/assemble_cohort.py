#!/usr/bin/env python3
"""Put the sections of one group into one h5ad, and draw them side by side."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    assembled_option,
    existing_directory,
    failed_slice_is_a_result,
    figures_option,
    group_option,
    outdir_option,
    record_option,
)
from tissuegraph.cli.startup import anndata_for_hdf5
from tissuegraph.figures.fonts import know_own_fonts_only
from tissuegraph.records import Record


@click.command()
@group_option
@assembled_option
@click.option("--parts", required=True, type=existing_directory, help="Shared components of the sections.")
@click.option(
    "--records", required=True, type=existing_directory, help="Records of the group and of its sections."
)
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("assemble_cohort")
def main(
    record: Record, sections: Path, parts: Path, records: Path, outdir: Path, formats: tuple[str, ...]
) -> None:
    """Write ID.h5ad and ID.<figure>.png, and .svg where asked for, into OUTDIR."""
    know_own_fonts_only()
    anndata_for_hdf5()
    from tissuegraph.results.cohort import assemble_cohort

    assemble_cohort(record, sections, parts, records, outdir, formats)


if __name__ == "__main__":
    main()
