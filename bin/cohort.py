#!/usr/bin/env python3
"""Shared components of all sections of a group, their joint domains, and a verdict on joining them."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    failed_slice_is_a_result,
    n_domains_option,
    n_seeds_option,
    output_directory,
    record_option,
    sample_option,
    sections_options,
    seed_option,
)
from tissuegraph.cohorts.group import analyse
from tissuegraph.records import Record


@click.command()
@sample_option
@sections_options
@n_domains_option
@seed_option
@n_seeds_option("The joint domains are the consensus over them.")
@click.option(
    "--outdir", required=True, type=output_directory, help="Where SECTION.components.npz are written."
)
@record_option
@failed_slice_is_a_result("cohort")
def main(
    record: Record,
    files: dict[str, tuple[Path, Path]],
    n_domains: int,
    seed: int,
    n_seeds: int,
    outdir: Path,
) -> None:
    """A section that cannot be read leaves the group; with fewer than two left there is no cohort."""
    analyse(record, files, n_domains, range(seed, seed + n_seeds), outdir)


if __name__ == "__main__":
    main()
