#!/usr/bin/env python3
"""One number of domains from the evidence of a slice, or of all sections of a group."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import existing_directory, failed_slice_is_a_result, record_option, sample_option
from tissuegraph.clustering.n_domains import Evidence
from tissuegraph.clustering.pooled_number import pool
from tissuegraph.records import Record


@click.command()
@sample_option
@click.option("--evidence", required=True, type=existing_directory, help="Holds SAMPLE.evidence.npz files.")
@record_option
@failed_slice_is_a_result("pool_numbers")
def main(record: Record, evidence: Path) -> None:
    """Write the number, its plausible range and the pooled curves into the record; doubts are warnings."""
    paths = sorted(evidence.glob("*.evidence.npz"))
    found = pool({path.name.removesuffix(".evidence.npz"): Evidence.load(path) for path in paths})
    for doubt in found.doubts:
        record.warn(doubt)
    for line in found.notes:
        record.note(line)
    record.metrics |= {
        "n_domains": found.n_domains,
        "n_domains_low": found.low,
        "n_domains_high": found.high,
        "n_domains_evidence": found.curves,
        "by_seed": found.by_seed,
        "by_section": found.by_section,
    }


if __name__ == "__main__":
    main()
