#!/usr/bin/env python3
"""Ask one slice how many domains it holds, over several seeds; what it says is pooled afterwards."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    failed_slice_is_a_result,
    n_seeds_option,
    output_file,
    record_option,
    sample_option,
    seed_option,
    slice_option,
    spots_option,
)
from tissuegraph.clustering.baseline import smoothed_features
from tissuegraph.clustering.n_domains import gather_evidence
from tissuegraph.clustering.pooled_number import pool
from tissuegraph.io.stored import read_kept
from tissuegraph.records import Record


@click.command()
@sample_option
@slice_option
@spots_option
@seed_option
@n_seeds_option("Random halvings and samples are drawn anew for each.")
@click.option("--evidence", required=True, type=output_file, help="Evidence of each seed to write (npz).")
@record_option
@failed_slice_is_a_result("estimate")
def main(record: Record, slice_path: Path, spots_path: Path, seed: int, n_seeds: int, evidence: Path) -> None:
    """Write stability and gain (seeds, candidates) of every number of domains tried."""
    kept = read_kept(slice_path, spots_path)
    _, smoothed, around = smoothed_features(kept.counts, kept.xy, kept.um_per_px)
    found = gather_evidence(smoothed, around.n_averaged, range(seed, seed + n_seeds))
    found.save(evidence)
    own = pool({record.sample: found})
    record.metrics |= {
        "n_domains": own.n_domains,
        "n_domains_low": own.low,
        "n_domains_high": own.high,
        "by_seed": own.by_seed,
        "n_independent": found.weight,
    }


if __name__ == "__main__":
    main()
