#!/usr/bin/env python3
"""Find domains without learning: the control that a trained network has to beat."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from tissuegraph.cli import (
    one_line_errors,
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


@click.command(help=__doc__)
@sample_option
@slice_option
@spots_option
@click.option("--n-domains", type=click.IntRange(min=2), help="Number of domains; estimated when not given.")
@seed_option
@click.option("--domains", required=True, type=output_file, help="Labels and embedding to write (npz).")
@record_option
@one_line_errors
def main(
    sample: str,
    slice_path: Path,
    spots_path: Path,
    n_domains: int | None,
    seed: int,
    domains: Path,
    record: Path,
) -> None:
    started = time.perf_counter()
    kept = read_kept(slice_path, spots_path)
    found = baseline(kept.counts, kept.xy, n_domains, seed)
    np.savez(domains, baseline=found.labels, pca_kmeans=found.pca_kmeans, embedding=found.embedding)
    entry = Record(sample, "baseline")
    n_found = len(np.unique(found.labels))
    if n_found != found.n_domains:
        entry.warn(f"baseline: {n_found} domains found where {found.n_domains} were asked for")
    entry.metrics = {
        "n_domains": found.n_domains,
        "n_domains_given": n_domains is not None,
        "n_domains_found": n_found,
        "n_domains_evidence": asdict(found.evidence) if found.evidence else None,
        "n_neighbours": found.n_neighbours,
        "seconds": round(time.perf_counter() - started, 3),
    }
    entry.write(record)


if __name__ == "__main__":
    main()
