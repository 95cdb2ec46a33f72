#!/usr/bin/env python3
"""Find domains without learning: the control that a trained network has to beat."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    failed_slice_is_a_result,
    n_domains_option,
    output_file,
    record_option,
    sample_option,
    seed_option,
    slice_option,
    spots_option,
)
from tissuegraph.records import Record


@click.command()
@sample_option
@slice_option
@spots_option
@n_domains_option
@seed_option
@click.option("--domains", required=True, type=output_file, help="Labels and embedding to write (npz).")
@record_option
@failed_slice_is_a_result("baseline")
def main(
    record: Record, slice_path: Path, spots_path: Path, n_domains: int, seed: int, domains: Path
) -> None:
    """Write the labels of the control and of plain PCA with KMeans, and the embedding."""
    import numpy as np

    from tissuegraph.clustering.baseline import baseline
    from tissuegraph.io.stored import read_kept

    kept = read_kept(slice_path, spots_path)
    found = baseline(kept.counts, kept.xy, n_domains, seed, kept.um_per_px)
    np.savez(
        domains,
        baseline=found.labels,
        pca_kmeans=found.pca_kmeans,
        embedding=found.embedding,
    )
    n_found = len(np.unique(found.labels))
    radius_um = found.around.radius_um
    if n_found != n_domains:
        record.warn(f"baseline: {n_found} domains found where {n_domains} were asked for")
    record.metrics |= {
        "n_domains": n_domains,
        "n_domains_found": n_found,
        "n_neighbours": found.around.n_nearest,
        "n_averaged": found.around.n_averaged,
        "smoothing_radius_um": radius_um and round(radius_um),
    }


if __name__ == "__main__":
    main()
