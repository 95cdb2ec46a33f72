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
from tissuegraph.io.platforms import WITH_COUNTS
from tissuegraph.records import Record


@click.command()
@sample_option
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    help="Space Ranger outs, or .h5ad; of a target also a table of positions, or nothing for a grid.",
)
@click.option("--platform", type=click.Choice(WITH_COUNTS), help="What --path holds  [default: detected]")
@click.option("--image", type=click.Path(path_type=Path), help="Histology image.")
@click.option(
    "--image-matrix", type=click.Path(path_type=Path), help="3 x 3 matrix: pixels of --image to coordinates."
)
@click.option(
    "--role",
    type=click.Choice(["reference", "target", "both"]),
    default="reference",
    show_default=True,
    help="A target may have no counts.",
)
@click.option("--spot-spacing", type=float, help="Pixels between the spots of a grid, without --path.")
@click.option("--annotation", help="CSV of barcode and label, or the name of a column in obs.")
@click.option("--slice", "slice_path", required=True, type=output_file, help="Canonical h5ad to write.")
@record_option
@one_line_errors
@failed_slice_is_a_result("ingest")
def main(
    record: Record,
    path: Path | None,
    platform: str | None,
    image: Path | None,
    image_matrix: Path | None,
    role: str,
    spot_spacing: float | None,
    annotation: str | None,
    slice_path: Path,
) -> None:
    """Write the canonical slice; one that cannot be used leaves a failed record and no slice."""
    from tissuegraph.io.reading import describe, finish, read_raw
    from tissuegraph.io.request import Request

    request = Request(
        sample=record.sample,
        path=path,
        platform=platform,
        image=image,
        image_matrix=image_matrix,
        annotation=annotation,
        counts_needed=role != "target",
        spot_spacing=spot_spacing,
        warn=record.warn,
    )
    if path is None:
        from tissuegraph.histology.spot_grid import read as read_grid

        raw = read_grid(request)
    else:
        raw = read_raw(request)
    adata = finish(raw, request)
    described = describe(adata)
    record.metrics |= described | {"role": role, "has_image": image is not None or bool(described["images"])}
    adata.write_h5ad(slice_path, compression="lzf")


if __name__ == "__main__":
    main()
