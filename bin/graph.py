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
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.graphs import feature_graph, loo_neighbours, median_pitch, spatial_graph
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
    counts, position, gene_names = read_kept_spots(slice_path, spots_path)
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
        genes=gene_names[prepared.selected],
        pitch=median_pitch(position),
    ).save(arrays_path)

    for line in spatial.degrees.warnings("spatial", len(position)):
        record.warn(line)
    record.metrics |= {
        "n_spots": counts.shape[0],
        "n_genes": len(prepared.selected),
        "n_features": prepared.features.shape[1],
        "spatial_degree": spatial.degrees.as_dict(),
        "feature_degree": feature.degrees.as_dict(),
        "seconds": round(time.perf_counter() - started, 3),
    }
    if settings.preprocess.input == "pca":  # the scale on which this tissue varies, found without labels
        record.metrics["n_neighbours"] = loo_neighbours(prepared.features, position)


def read_kept_spots(slice_path: Path, spots_path: Path):
    """Counts CSR (N, G), position (N, 2) and gene names (G,) of the spots that QC kept.

    Raises InputError where the two files are not of the same slice or no spot is left.
    """
    import anndata
    import numpy as np
    import pandas as pd
    from scipy import sparse

    adata = anndata.read_h5ad(slice_path)
    spots = pd.read_csv(spots_path, index_col=0)
    if not np.array_equal(spots.index.astype(str), adata.obs_names):
        raise InputError(
            f"{spots_path.name} and {slice_path.name} must list the same spots in the same order, got "
            f"{len(spots)} and {adata.n_obs}; run qc.py on this slice again"
        )
    keep = spots["keep"].to_numpy(dtype=bool)
    if keep.sum() < 2:
        raise InputError(f"a graph needs at least two spots, QC kept {keep.sum()}; relax its thresholds")
    counts = sparse.csr_matrix(adata.X)[keep]
    return counts, adata.obsm["spatial"][keep], adata.var_names.to_numpy(dtype=str)


if __name__ == "__main__":
    main()
