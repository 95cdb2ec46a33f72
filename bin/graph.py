#!/usr/bin/env python3
"""Turn one slice into arrays for training: selected genes, network input, spatial and feature graph."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tissuegraph.arrays import SliceArrays
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
from tissuegraph.graphs import feature_graph, median_pitch, spatial_graph
from tissuegraph.io.stored import read_kept
from tissuegraph.preprocess import prepare
from tissuegraph.presets import Settings, load_settings
from tissuegraph.records import Record


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
    counts, position = kept.counts, kept.xy
    prepared = prepare(counts, settings.preprocess)
    spatial = spatial_graph(position, settings.spatial_graph.rule, settings.spatial_graph.value)
    feature = feature_graph(prepared.features, settings.feature_graph.k, settings.feature_graph.metric)
    SliceArrays(
        counts=counts[:, prepared.selected],
        features=prepared.features,
        depth=prepared.depth,
        position=position,
        spatial=spatial.adjacency,
        feature=feature.adjacency,
        genes=kept.genes[prepared.selected],
        pitch=median_pitch(position),
    ).save(arrays_path)

    for line in spatial.degrees.warnings("spatial", len(position)):
        record.warn(line)
    record.metrics |= {
        "method": settings.method,
        "n_spots": counts.shape[0],
        "n_genes": len(prepared.selected),
        "n_features": prepared.features.shape[1],
        "spatial_degree": spatial.degrees.as_dict(),
        "feature_degree": feature.degrees.as_dict(),
        "seconds": round(time.perf_counter() - started, 3),
    }


if __name__ == "__main__":
    main()
