#!/usr/bin/env python3
"""Find ligands and receptors that lie side by side where domains of one slice meet."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    existing_file,
    failed_slice_is_a_result,
    figures_option,
    h5ad_option,
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
    "--pairs",
    required=True,
    type=existing_file,
    help="Table (csv, tsv) with the columns ligand and receptor; complexes as A_B.",
)
@click.option(
    "--n-permutations",
    type=click.IntRange(min=100),
    default=1000,
    show_default=True,
    help="Least number of moves of each gene along its domain.",
)
@seed_option
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("interactions")
def main(
    record: Record,
    h5ad: Path,
    pairs: Path,
    n_permutations: int,
    seed: int,
    outdir: Path,
    formats: tuple[str, ...],
) -> None:
    """Write SAMPLE.interactions.csv and SAMPLE.interactions.png into OUTDIR."""
    know_own_fonts_only()
    from tissuegraph.characterise.interactions_files import write_interactions

    write_interactions(record, h5ad, pairs, n_permutations, seed, outdir, formats)


if __name__ == "__main__":
    main()
