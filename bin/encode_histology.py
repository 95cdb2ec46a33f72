#!/usr/bin/env python3
"""Turn the picture around every spot that passed QC into features."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph import keys
from tissuegraph.cli import (
    device_option,
    failed_slice_is_a_result,
    output_file,
    record_option,
    sample_option,
    slice_option,
    spots_option,
)
from tissuegraph.records import Record

STAIN_METHODS = ("macenko", "reinhard", "vahadane", "diverse", "none")
any_path = click.Path(path_type=Path)


@click.command()
@sample_option
@slice_option
@spots_option
@click.option("--image", type=any_path, help="Histology image  [default: the slice's hires, else lowres]")
@click.option("--image-matrix", type=any_path, help="3x3 matrix, image pixels to coordinates of the spots.")
@click.option("--encoder", "encoder_name", default="handcrafted", show_default=True, help="See docs.")
@click.option("--encoder-weights", type=any_path, help="Local file or directory, for networks.")
@click.option("--tile-um", type=float, default=100.0, show_default=True, help="Side of a tile, micrometres.")
@click.option(
    "--context-rings", type=click.IntRange(min=0), default=0, show_default=True, help="Wider crops: 2x, 3x."
)
@click.option("--stain-method", type=click.Choice(STAIN_METHODS), default="macenko", show_default=True)
@click.option("--stain-reference", type=any_path, help="Image to match  [default: a built-in reference]")
@device_option
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Threads.")
@click.option("--features", "features_path", required=True, type=output_file, help="Features to write (npz).")
@record_option
@failed_slice_is_a_result("encode_histology")
def main(
    record: Record,
    slice_path: Path,
    spots_path: Path,
    image: Path | None,
    image_matrix: Path | None,
    encoder_name: str,
    encoder_weights: Path | None,
    tile_um: float,
    context_rings: int,
    stain_method: str,
    stain_reference: Path | None,
    device: str,
    workers: int,
    features_path: Path,
) -> None:
    """Write the features; a slice without image gets none, which is a note; one that fails gets none."""
    from dataclasses import replace
    from math import nan

    from tissuegraph.histology.encode import Options, encode_slice
    from tissuegraph.histology.encoders import load_encoder
    from tissuegraph.histology.source import find_picture
    from tissuegraph.histology.tiles import FEW_PIXELS, tile_side, warn_of_glass
    from tissuegraph.io.digests import file_sha256
    from tissuegraph.io.stored import read_places

    encoder = load_encoder(encoder_name, encoder_weights, device)
    reference = _read_reference(stain_reference)
    places = read_places(slice_path, spots_path)
    picture = find_picture(slice_path, places.xy, image, image_matrix, record.warn)
    if picture is None:
        record.note("the slice has no histology image: it is analysed by its genes alone")
        return
    options = Options(tile_um=tile_um, context_rings=context_rings, workers=workers)
    with picture.slide:
        side = tile_side(tile_um, places.um_per_px, places.pitch, record.note)
        result, warnings = encode_slice(picture, places.xy, side, encoder, options, stain_method, reference)
    result = replace(
        result,
        um_per_px=places.um_per_px or nan,
        um_per_px_source=places.um_per_px_source,
        stain_reference_sha256=file_sha256(stain_reference) if stain_reference else "",
    )
    result.save(features_path)

    for reason in warnings:
        record.warn(reason)
    warn_of_glass(result.background, record.warn)
    if result.tile_px < FEW_PIXELS:
        record.warn(
            f"a tile is {result.tile_px:.1f} pixels wide in the {picture.kind} image: it shows colour and "
            f"hardly any texture; give the full-resolution image in the column image"
        )
    record.metrics |= {
        "n_spots": result.n_spots,
        "encoder": encoder.name,
        "weights_sha256": result.weights_sha256 or None,
        "n_features": result.features.shape[1],
        "tile_um": tile_um,
        "tile_px": round(result.tile_px, 2),
        "context_rings": context_rings,
        "source": picture.kind,
        "image_size": picture.slide.size,
        "background": float(result.background.mean()),
        "stain_method": stain_method,
        "stain_reference_sha256": result.stain_reference_sha256 or None,
        keys.UM_PER_PX: places.um_per_px,
        keys.UM_PER_PX_SOURCE: places.um_per_px_source or None,
        "tile_is_assumed": result.tile_is_assumed,
        "device": getattr(encoder, "device", "cpu"),
        "precision": getattr(encoder, "precision", "float32"),
    }


def _read_reference(path: Path | None):
    """The reference picture (H, W, 3) uint8, or None for the built-in one; a bad one stops the run."""
    if path is None:
        return None
    from tissuegraph.errors import InputError
    from tissuegraph.histology.encode import OVERVIEW_SIDE
    from tissuegraph.histology.slide import open_slide

    try:
        with open_slide(path) as slide:
            return slide.overview(OVERVIEW_SIDE)
    except InputError as error:
        raise click.UsageError(f"stain reference: {error}") from error


if __name__ == "__main__":
    main()
