#!/usr/bin/env python3
"""Put what characterising found about the domains of one slice into its final h5ad."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    existing_directory,
    existing_file,
    failed_slice_is_a_result,
    output_file,
    record_option,
    sample_option,
)
from tissuegraph.cli.startup import anndata_for_hdf5
from tissuegraph.records import Record


@click.command()
@sample_option
@click.option("--h5ad", required=True, type=existing_file, help="The assembled slice.")
@click.option("--found", required=True, type=existing_directory, help="Tables and values of all steps.")
@click.option("--completed", required=True, type=output_file, help="Final h5ad to write.")
@record_option
@failed_slice_is_a_result("complete")
def main(record: Record, h5ad: Path, found: Path, completed: Path) -> None:
    """Write the final h5ad: as assembled, with tables in uns and values of spots beside."""
    anndata_for_hdf5()
    from tissuegraph.results.complete import complete_slice

    record.metrics["tables"] = complete_slice(h5ad, found, record.sample, completed)


if __name__ == "__main__":
    main()
