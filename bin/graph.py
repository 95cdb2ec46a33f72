#!/usr/bin/env python3
"""Turn one slice into arrays for training: selected genes, network input, spatial and feature graph."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    failed_slice_is_a_result,
    output_file,
    record_option,
    sample_option,
    settings_options,
    slice_option,
    spots_option,
)
from tissuegraph.io.stored import read_kept
from tissuegraph.presets.method import MethodSettings
from tissuegraph.records import Record
from tissuegraph.slices.build import build_arrays


@click.command()
@sample_option
@slice_option
@spots_option
@settings_options(step="graph")
@click.option("--arrays", "arrays_path", required=True, type=output_file, help="Bundle (npz) to write.")
@record_option
@failed_slice_is_a_result("graph")
def main(
    record: Record, slice_path: Path, spots_path: Path, settings: MethodSettings, arrays_path: Path
) -> None:
    """Write the arrays of the spots that passed QC, in the order of the slice."""
    record.metrics["method"] = settings.method
    kept = read_kept(slice_path, spots_path)
    place = (kept.xy, kept.pitch)
    built = build_arrays(kept.counts, kept.genes, *place, settings, kept.um_per_px, kept.inferred)
    arrays = built.arrays
    arrays.save(arrays_path)

    for line in built.spatial_degrees.warnings("spatial", arrays.n_spots):
        record.warn(line)
    record.metrics |= {
        "n_spots": arrays.n_spots,
        "n_genes": arrays.n_genes,
        "n_features": arrays.features.shape[1],
        "spatial_degree": built.spatial_degrees.as_dict(),
        "feature_degree": built.feature_degrees.as_dict(),
    }


if __name__ == "__main__":
    main()
