#!/usr/bin/env python3
"""Read one slice of any supported platform into the canonical h5ad."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tissuegraph import keys
from tissuegraph.cli import (
    existing_file,
    failed_slice_is_a_result,
    output_file,
    record_option,
    sample_option,
)
from tissuegraph.cli.startup import anndata_for_hdf5
from tissuegraph.records import Record

# Columns, or parameters of the run, and of Request
OF_READERS = (
    keys.UM_PER_PX,
    "assume_spacing",
    "spot_spacing",
    "bin_um",
    "library",
    "table",
    "coordinate_system",
)

any_path = click.Path(path_type=Path)


@click.command()
@sample_option
@click.option(
    "--path",
    type=any_path,
    help="What the platform wrote; of a target also a table of positions, or nothing for a grid.",
)
@click.option(
    "--row",
    "row_path",
    type=existing_file,
    help="JSON with columns of the samplesheet: platform, role, annotation_column and those of readers.",
)
@click.option("--image", type=any_path, help="Histology image.")
@click.option("--image-matrix", type=any_path, help="3 x 3 matrix: pixels of --image to coordinates.")
@click.option("--annotation", help="CSV of barcode and label, or the name of a column in obs.")
@click.option("--slice", "slice_path", required=True, type=output_file, help="Canonical h5ad to write.")
@click.option("--facts", type=output_file, help="What decides about later steps, to write (JSON).")
@record_option
@failed_slice_is_a_result("ingest")
def main(
    record: Record,
    path: Path | None,
    row_path: Path | None,
    image: Path | None,
    image_matrix: Path | None,
    annotation: str | None,
    slice_path: Path,
    facts: Path | None,
) -> None:
    """Write the canonical slice; one that cannot be used leaves a failed record and no slice."""
    from tissuegraph.io.digests import input_digest
    from tissuegraph.io.reading import describe, finish, read_raw
    from tissuegraph.io.request import Request

    row = json.loads(row_path.read_text(encoding="utf-8")) if row_path else {}
    role = row.get("role") or "reference"
    table = Path(annotation) if annotation and Path(annotation).is_file() else None
    given = {"path": path, "image": image, "image_matrix": image_matrix, "annotation": table}
    record.metrics["inputs"] = {column: input_digest(file) for column, file in given.items() if file}
    request = Request(
        sample=record.sample,
        path=path,
        platform=row.get("platform"),
        image=image,
        image_matrix=image_matrix,
        annotation=annotation or row.get("annotation_column"),
        counts_needed=role != "target",
        **{name: row.get(name) for name in OF_READERS},
        warn=record.warn,
        note=record.note,
    )
    if path is None:
        from tissuegraph.histology.spot_grid import read as read_grid

        raw = read_grid(request)
    else:
        raw = read_raw(request)
    anndata_for_hdf5()  # (a reader that needs all of it has loaded it)
    adata = finish(raw, request)
    described = describe(adata)
    of_its_own = described["images"] and not adata.uns[keys.TISSUEGRAPH].get(keys.FLUORESCENCE)
    found = {keys.HAS_COUNTS: described[keys.HAS_COUNTS], "has_image": bool(image or of_its_own)}
    record.metrics |= described | {"role": role, **found}
    if facts:
        facts.write_text(json.dumps(found) + "\n", encoding="utf-8")
    adata.write_h5ad(slice_path, compression="lzf")


if __name__ == "__main__":
    main()
