#!/usr/bin/env python3
"""Find the marker genes of each domain of one slice, from its final h5ad."""

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
    seed_option,
)
from tissuegraph.figures.fonts import know_own_fonts_only
from tissuegraph.records import Record


@click.command()
@sample_option
@h5ad_option
@seed_option
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("markers")
def main(record: Record, h5ad: Path, seed: int, outdir: Path, formats: tuple[str, ...]) -> None:
    """Write SAMPLE.markers.csv, SAMPLE.domain_means.csv and SAMPLE.marker_<figure>.png into OUTDIR."""
    know_own_fonts_only()
    from tissuegraph.characterise.markers_files import write_markers

    write_markers(record, h5ad, outdir, formats, seed)


if __name__ == "__main__":
    main()
