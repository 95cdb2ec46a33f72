#!/usr/bin/env python3
"""Measure every spot of a slice and say which are kept."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tissuegraph.cli import (
    existing_file,
    failed_slice_is_a_result,
    output_file,
    record_option,
    sample_option,
    slice_option,
)
from tissuegraph.records import Record


@click.command()
@sample_option
@slice_option
@click.option(
    "--thresholds",
    "thresholds_path",
    type=existing_file,
    help="JSON: min_counts, min_genes, max_mito, n_mads; null where a rule is not applied.",
)
@click.option(
    "--spots", "spots_path", required=True, type=output_file, help="Per-spot table to write (csv.gz)."
)
@record_option
@failed_slice_is_a_result("qc")
def main(record: Record, slice_path: Path, thresholds_path: Path | None, spots_path: Path) -> None:
    """Write the spots' metrics; a slice with too little left has a failed record and no table."""
    from tissuegraph.io.stored import read_stored
    from tissuegraph.slices.qc import Thresholds, judge, spot_metrics, write_spots

    thresholds = Thresholds(**json.loads(thresholds_path.read_text()) if thresholds_path else {})
    data = read_stored(slice_path)
    metrics = spot_metrics(data.counts, data.symbols, data.gene_ids, data.genes)
    reasons = judge(record, data.counts, data.xy, data.pitch, metrics, thresholds)
    write_spots(spots_path, data.barcodes, metrics, reasons)


if __name__ == "__main__":
    main()
