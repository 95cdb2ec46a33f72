#!/usr/bin/env python3
"""Write the final h5ad of one slice as files that other tools open."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    existing_file,
    failed_slice_is_a_result,
    outdir_option,
    record_option,
    sample_option,
)
from tissuegraph.records import Record


@click.command()
@sample_option
@click.option("--slice", "slice_path", required=True, type=existing_file, help="Final h5ad of the slice.")
@click.option("--formats", required=True, help="Formats to write, joined by commas.")
@outdir_option
@record_option
@failed_slice_is_a_result("export")
def main(record: Record, slice_path: Path, formats: str, outdir: Path) -> None:
    """Write SAMPLE.<format>.* into OUTDIR; a format that cannot be written is a warning of the record."""
    from tissuegraph.exports.write import export_slice

    export_slice(record, slice_path, formats.split(","), outdir)


if __name__ == "__main__":
    main()
