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


def known(_context: click.Context, _option: click.Parameter, given: str) -> list[str]:
    """Names of formats joined by commas as a list; what is none is an error of the command line."""
    from tissuegraph.exports.write import WRITERS

    names = [name.strip() for name in given.split(",") if name.strip()]
    odd = [name for name in names if name not in WRITERS]
    if odd or not names:
        found = repr(odd[0]) if odd else "nothing"
        raise click.BadParameter(f"expected {' or '.join(WRITERS)}, or several joined by commas, got {found}")
    return names


@click.command()
@sample_option
@click.option("--slice", "slice_path", required=True, type=existing_file, help="Final h5ad of the slice.")
@click.option("--formats", required=True, callback=known, help="Formats to write, joined by commas.")
@outdir_option
@record_option
@failed_slice_is_a_result("export")
def main(record: Record, slice_path: Path, formats: list[str], outdir: Path) -> None:
    """Write SAMPLE.<format>.* into OUTDIR; a format that cannot be written is a warning of the record."""
    from tissuegraph.exports.write import export_slice

    export_slice(record, slice_path, formats, outdir)


if __name__ == "__main__":
    main()
