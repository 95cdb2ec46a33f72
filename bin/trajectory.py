#!/usr/bin/env python3
"""Order the domains of one slice: PAGA over them, and a diffusion pseudotime of its spots."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tissuegraph.cli import (
    existing_file,
    failed_slice_is_a_result,
    figures_option,
    h5ad_option,
    n_seeds_option,
    outdir_option,
    record_option,
    sample_option,
    seed_option,
)
from tissuegraph.figures.fonts import know_own_fonts_only
from tissuegraph.records import Record


@click.command()
@sample_option
@h5ad_option
@click.option(
    "--root",
    help="Where it starts: a domain, a region, or a gene as gene:NAME; without one a rule chooses an end.",
)
@click.option(
    "--root-file",
    type=existing_file,
    help="The same as a JSON file, text or null; counts where --root is absent.",
)
@n_seeds_option("Repeats on a random 80 % of the spots, for stability.")
@seed_option
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("trajectory")
def main(
    record: Record,
    h5ad: Path,
    root: str | None,
    root_file: Path | None,
    n_seeds: int,
    seed: int,
    outdir: Path,
    formats: tuple[str, ...],
) -> None:
    """Write SAMPLE.trajectory.csv, SAMPLE.paga_edges.csv, trajectory.npz and the figure into OUTDIR."""
    if root is None and root_file is not None:
        root = json.loads(root_file.read_text())
    know_own_fonts_only()
    from tissuegraph.characterise.trajectory_files import write_trajectory

    write_trajectory(record, h5ad, root, range(seed, seed + n_seeds), outdir, formats)


if __name__ == "__main__":
    main()
