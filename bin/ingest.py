#!/usr/bin/env python3
"""Read one slice of any supported platform into the canonical h5ad."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    failed_slice_is_a_result,
    one_line_errors,
    output_file,
    record_option,
    sample_option,
)
from tissuegraph.records import Record


@click.command()
@sample_option
@click.option("--path", required=True, type=click.Path(path_type=Path), help="Space Ranger outs, or .h5ad.")
@click.option(
    "--platform", type=click.Choice(["visium", "h5ad"]), help="What --path holds  [default: detected]"
)
@click.option("--image", type=click.Path(path_type=Path), help="Histology image.")
@click.option("--annotation", help="CSV of barcode and label, or the name of a column in obs.")
@click.option("--slice", "slice_path", required=True, type=output_file, help="Canonical h5ad to write.")
@record_option
@one_line_errors
@failed_slice_is_a_result("ingest")
def main(
    record: Record,
    path: Path,
    platform: str | None,
    image: Path | None,
    annotation: str | None,
    slice_path: Path,
) -> None:
    """Write the canonical slice; one that cannot be used leaves a failed record and no slice."""
    from tissuegraph.io import describe, read_slice

    adata = read_slice(
        path,
        sample=record.sample,
        platform=platform,
        image=image,
        annotation=annotation,
        warn=record.warn,
    )
    record.metrics |= describe(adata)
    adata.write_h5ad(slice_path, compression="lzf")


if __name__ == "__main__":
    main()
