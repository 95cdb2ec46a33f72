#!/usr/bin/env python3
"""Put all results of one slice into one h5ad, draw its figures and summarise it for the report."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    existing_directory,
    failed_slice_is_a_result,
    figures_option,
    outdir_option,
    record_option,
    sample_option,
)
from tissuegraph.cli.startup import anndata_for_hdf5
from tissuegraph.figures.fonts import know_own_fonts_only
from tissuegraph.records import Record


@click.command()
@sample_option
@click.option("--parts", required=True, type=existing_directory, help="Files of all steps of the slice.")
@click.option(
    "--methods",
    required=True,
    help="Methods of the run, joined by commas; the first that answered gives the final domains.",
)
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("assemble")
def main(record: Record, parts: Path, methods: str, outdir: Path, formats: tuple[str, ...]) -> None:
    """Write SAMPLE.h5ad and SAMPLE.<figure>.png, and .svg where asked for, into OUTDIR."""
    know_own_fonts_only()
    anndata_for_hdf5()
    from tissuegraph.results.slice import assemble_slice

    assemble_slice(record, parts, methods.split(","), outdir, formats)


if __name__ == "__main__":
    main()
