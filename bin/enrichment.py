#!/usr/bin/env python3
"""Find gene sets among the markers of each domain of one slice."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    existing_file,
    failed_slice_is_a_result,
    h5ad_option,
    outdir_option,
    record_option,
    sample_option,
    seed_option,
)
from tissuegraph.records import Record


@click.command()
@sample_option
@h5ad_option
@click.option("--markers", required=True, type=existing_file, help="SAMPLE.markers.csv of the slice.")
@click.option("--gene-sets", required=True, type=existing_file, help="Gene sets (GMT, gzip or not).")
@seed_option
@outdir_option
@record_option
@failed_slice_is_a_result("enrichment")
def main(record: Record, h5ad: Path, markers: Path, gene_sets: Path, seed: int, outdir: Path) -> None:
    """Write SAMPLE.enrichment.csv into OUTDIR."""
    from tissuegraph.characterise.enrichment import write_enrichment

    write_enrichment(record, h5ad, markers, gene_sets, outdir, seed)


if __name__ == "__main__":
    main()
