#!/usr/bin/env python3
"""Find the genes that vary over the tissue, and beyond its domains, from the final h5ad of one slice."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    failed_slice_is_a_result,
    figures_option,
    h5ad_option,
    outdir_option,
    record_option,
    sample_option,
)
from tissuegraph.figures.fonts import know_own_fonts_only
from tissuegraph.records import Record


@click.command()
@sample_option
@h5ad_option
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("spatial_genes")
def main(record: Record, h5ad: Path, outdir: Path, formats: tuple[str, ...]) -> None:
    """Write SAMPLE.spatial_genes.csv and SAMPLE.spatial_genes.png into OUTDIR."""
    know_own_fonts_only()
    from tissuegraph.characterise.spatial_genes_files import write_spatial_genes

    write_spatial_genes(record, h5ad, outdir, formats)


if __name__ == "__main__":
    main()
