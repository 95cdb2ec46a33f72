#!/usr/bin/env python3
"""Turn the embeddings of all seeds into one set of domains with a confidence per spot."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from tissuegraph.cli import (
    existing_file,
    failed_slice_is_a_result,
    n_domains_option,
    output_file,
    record_option,
    sample_option,
    seed_option,
    settings_options,
)
from tissuegraph.clustering.domains import find_domains
from tissuegraph.io.intermediate import read_arrays
from tissuegraph.presets.method import MethodSettings
from tissuegraph.records import Record
from tissuegraph.slices.arrays import SliceArrays


@click.command()
@sample_option
@click.option("--arrays", "arrays_path", required=True, type=existing_file, help="Arrays of the slice (npz).")
@click.option("--embedding", required=True, type=existing_file, help="Embeddings of all seeds (npz).")
@n_domains_option
@settings_options(step="cluster")
@seed_option
@click.option("--domains", required=True, type=output_file, help="Labels and confidence to write (npz).")
@record_option
@failed_slice_is_a_result("cluster")
def main(
    record: Record,
    arrays_path: Path,
    embedding: Path,
    n_domains: int,
    settings: MethodSettings,
    seed: int,
    domains: Path,
) -> None:
    """Write the consensus over the seeds, the labels of each, and the same for the untrained network."""
    record.metrics["method"] = settings.method
    arrays, clustering = SliceArrays.load(arrays_path), settings.clustering
    trained, untrained = read_arrays(embedding, "embeddings", ["embeddings", "untrained"]).values()
    found = find_domains(trained, arrays, n_domains, clustering, seed)
    control = find_domains(untrained, arrays, n_domains, clustering, seed)  # the same network, not trained
    np.savez(
        domains,
        domain=found.labels,
        confidence=found.confidence,
        per_seed=found.per_seed,
        unrefined=found.unrefined,
        untrained=control.labels,
        untrained_per_seed=control.per_seed,
    )
    n_found = len(np.unique(found.labels))
    if n_found != n_domains:
        record.warn(
            f"{n_found} domains found where {n_domains} were asked for; choose another number or clusterer"
        )
    record.metrics |= {
        "n_domains": n_domains,
        "n_domains_found": n_found,
        "clusterer": clustering.clusterer,
        "mean_confidence": float(found.confidence.mean()),
        "refined": clustering.refine,
        "changed_by_refinement": found.changed,
    }


if __name__ == "__main__":
    main()
