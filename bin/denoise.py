#!/usr/bin/env python3
"""Write what stMFG expects one slice to count, and whether that says more than plain smoothing."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    device_option,
    existing_file,
    failed_slice_is_a_result,
    figures_option,
    h5ad_option,
    n_seeds_option,
    outdir_option,
    record_option,
    sample_option,
    seed_option,
    settings_options,
)
from tissuegraph.figures.fonts import know_own_fonts_only
from tissuegraph.presets.method import MethodSettings
from tissuegraph.records import Record


@click.command()
@sample_option
@h5ad_option
@click.option(
    "--arrays", "arrays_path", required=True, type=existing_file, help="Its arrays for stMFG (npz)."
)
@click.option(
    "--features",
    "features_path",
    type=existing_file,
    help="Image features of the slice (npz), where the settings read them.",
)
@settings_options(method="stmfg", step="train")
@n_seeds_option("Divisions of the counts, each with a network of its own, for the comparison.")
@seed_option
@device_option
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("denoise")
def main(
    record: Record,
    h5ad: Path,
    arrays_path: Path,
    features_path: Path | None,
    settings: MethodSettings,
    n_seeds: int,
    seed: int,
    device: str,
    outdir: Path,
    formats: tuple[str, ...],
) -> None:
    """Write SAMPLE.denoised.csv, denoised.npz and SAMPLE.denoised.png into OUTDIR."""
    know_own_fonts_only()
    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.slices.arrays import SliceArrays

    keep_freed_memory()
    image = None
    if features_path is not None and settings.model.image_view:
        from tissuegraph.histology.features import ImageFeatures

        image = ImageFeatures.load(features_path).features

    from tissuegraph.characterise.denoise_files import write_denoised

    write_denoised(
        record, h5ad, SliceArrays.load(arrays_path), settings, seeds=range(seed, seed + n_seeds),
        device=device, image=image, outdir=outdir, formats=formats,
    )  # fmt: skip


if __name__ == "__main__":
    main()
