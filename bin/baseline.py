#!/usr/bin/env python3
"""Find domains without learning: the control that a trained network has to beat."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from tissuegraph.cli import (
    failed_slice_is_a_result,
    output_file,
    record_option,
    sample_option,
    seed_option,
    slice_option,
    spots_option,
)
from tissuegraph.clustering.baseline import baseline
from tissuegraph.io.stored import read_kept
from tissuegraph.records import Record


@click.command()
@sample_option
@slice_option
@spots_option
@click.option("--n-domains", type=click.IntRange(min=2), help="Number of domains; estimated when not given.")
@seed_option
@click.option("--domains", required=True, type=output_file, help="Labels and embedding to write (npz).")
@record_option
@failed_slice_is_a_result("baseline")
def main(
    record: Record, slice_path: Path, spots_path: Path, n_domains: int | None, seed: int, domains: Path
) -> None:
    """Write the labels, and in `n_domains` the number that was given or estimated."""
    kept = read_kept(slice_path, spots_path)
    found = baseline(kept.counts, kept.xy, n_domains, seed)
    np.savez(
        domains,
        baseline=found.labels,
        pca_kmeans=found.pca_kmeans,
        embedding=found.embedding,
        n_domains=found.n_domains,
    )
    n_found = len(np.unique(found.labels))
    if n_found != found.n_domains:
        record.warn(f"baseline: {n_found} domains found where {found.n_domains} were asked for")
    record.metrics |= {
        "n_domains": found.n_domains,
        "n_domains_given": n_domains is not None,
        "n_domains_found": n_found,
        "n_domains_evidence": asdict(found.evidence) if found.evidence else None,
        "n_neighbours": found.n_neighbours,
    }


if __name__ == "__main__":
    main()
