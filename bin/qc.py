#!/usr/bin/env python3
"""Measure every spot of a slice and say which are kept."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    failed_slice_is_a_result,
    one_line_errors,
    output_file,
    record_option,
    sample_option,
    slice_option,
)
from tissuegraph.records import Record


@click.command()
@sample_option
@slice_option
@click.option("--min-counts", type=int, help="Least counts per spot  [default: not applied]")
@click.option("--min-genes", type=int, help="Least genes per spot  [default: not applied]")
@click.option(
    "--max-mito", type=float, help="Largest percentage of mitochondrial counts  [default: not applied]"
)
@click.option("--n-mads", type=float, help="Deviations from the slice's median  [default: not applied]")
@click.option("--n-domains", type=int, help="Number of domains wanted: fewer spots fail the slice.")
@click.option(
    "--spots", "spots_path", required=True, type=output_file, help="Per-spot table to write (csv.gz)."
)
@record_option
@one_line_errors
@failed_slice_is_a_result("qc")
def main(
    record: Record,
    slice_path: Path,
    min_counts: int | None,
    min_genes: int | None,
    max_mito: float | None,
    n_mads: float | None,
    n_domains: int | None,
    spots_path: Path,
) -> None:
    """Write the spots' metrics; a slice with too little left has a failed record and no table."""
    from tissuegraph.io.stored import read_stored
    from tissuegraph.slices.qc import Thresholds, judge, spot_metrics, write_spots

    thresholds = Thresholds(min_counts=min_counts, min_genes=min_genes, max_mito=max_mito, n_mads=n_mads)
    data = read_stored(slice_path)
    metrics = spot_metrics(data.counts, data.symbols, data.gene_ids, data.genes)
    reasons = judge(record, data.counts, data.xy, data.pitch, metrics, thresholds, n_domains)
    write_spots(spots_path, data.barcodes, metrics, reasons)


if __name__ == "__main__":
    main()
