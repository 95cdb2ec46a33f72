#!/usr/bin/env python3
"""Turn one slice into arrays for training: selected genes, network input, spatial and feature graph."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tissuegraph.cli import (
    failed_slice_is_a_result,
    one_line_errors,
    output_file,
    record_option,
    sample_option,
    slice_option,
    spots_option,
)
from tissuegraph.errors import SettingsError
from tissuegraph.io.stored import read_kept
from tissuegraph.presets import load_settings
from tissuegraph.records import Record
from tissuegraph.slices.build import build_arrays
from tissuegraph.stmfg.settings import Settings


def read_preset(_context: click.Context, _option: click.Parameter, preset: str) -> Settings:
    """A preset that cannot be read stops the run: it would fail every slice alike."""
    try:
        return load_settings(preset)
    except SettingsError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@sample_option
@slice_option
@spots_option
@click.option(
    "--preset", "settings", required=True, callback=read_preset, help="Name or YAML file of a preset."
)
@click.option("--arrays", "arrays_path", required=True, type=output_file, help="Bundle (npz) to write.")
@record_option
@one_line_errors
@failed_slice_is_a_result("graph")
def main(record: Record, slice_path: Path, spots_path: Path, settings: Settings, arrays_path: Path) -> None:
    """Write the arrays of the spots that passed QC, in the order of the slice."""
    started = time.perf_counter()
    kept = read_kept(slice_path, spots_path)
    built = build_arrays(kept.counts, kept.genes, kept.xy, kept.pitch, settings)
    arrays = built.arrays
    arrays.save(arrays_path)

    for line in built.spatial_degrees.warnings("spatial", arrays.n_spots):
        record.warn(line)
    record.metrics |= {
        "method": settings.method,
        "n_spots": arrays.n_spots,
        "n_genes": arrays.n_genes,
        "n_features": arrays.features.shape[1],
        "spatial_degree": built.spatial_degrees.as_dict(),
        "feature_degree": built.feature_degrees.as_dict(),
        "seconds": round(time.perf_counter() - started, 3),
    }


if __name__ == "__main__":
    main()
