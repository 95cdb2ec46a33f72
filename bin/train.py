#!/usr/bin/env python3
"""Train one method on one slice, once per seed, and write the embeddings."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tissuegraph.cli import (
    device_option,
    existing_file,
    failed_slice_is_a_result,
    n_seeds_option,
    output_file,
    record_option,
    sample_option,
    seed_option,
    settings_options,
)
from tissuegraph.methods import method_of
from tissuegraph.presets.method import MethodSettings
from tissuegraph.records import Record

if TYPE_CHECKING:
    from tissuegraph.nn.result import TrainingResult
    from tissuegraph.slices.arrays import SliceArrays


@click.command()
@sample_option
@click.option("--arrays", "arrays_path", required=True, type=existing_file, help="Arrays of the slice (npz).")
@click.option(
    "--features",
    "features_path",
    type=existing_file,
    help="Image features of the slice (npz), where the settings read them; else the genes are all there is.",
)
@settings_options(step="train")
@n_seeds_option("Networks to train.")
@seed_option
@device_option
@click.option(
    "--part-spots",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Encode parts of so many spots to save memory; 0: the whole graph.",
)
@click.option("--embedding", required=True, type=output_file, help="Embeddings to write (npz).")
@record_option
@failed_slice_is_a_result("train")
def main(
    record: Record,
    arrays_path: Path,
    features_path: Path | None,
    settings: MethodSettings,
    n_seeds: int,
    seed: int,
    device: str,
    part_spots: int,
    embedding: Path,
) -> None:
    """Write the embedding of every seed; the settings say whether the image is read."""
    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.slices.arrays import SliceArrays

    keep_freed_memory()
    record.metrics["method"] = settings.method
    method = method_of(settings.method)
    arrays = SliceArrays.load(arrays_path)

    image = None
    if features_path is not None and method.wants_image(settings):
        from tissuegraph.histology.features import ImageFeatures

        image = ImageFeatures.load(features_path).features

    from tissuegraph.nn.result import save_embeddings  # torch: after the cheap checks

    seeds = range(seed, seed + n_seeds)
    results = method.trainer()(
        arrays,
        settings,
        seeds=seeds,
        device=device,
        progress=lambda seed, epoch, epochs, loss: click.echo(
            f"{record.sample} {method.title}: seed {seed}, epoch {epoch} of {epochs}, loss {loss:.4f}",
            err=True,
        ),
        image=image,
        part_spots=part_spots,
    )
    save_embeddings(embedding, seeds, results)
    record.metrics |= _metrics(settings, arrays, results)
    for reason in results[0].warnings:
        record.warn(reason)
    for note in results[0].notes:
        record.note(note)


def _metrics(
    settings: MethodSettings, arrays: SliceArrays, results: Sequence[TrainingResult]
) -> dict[str, Any]:
    return {
        "n_spots": arrays.n_spots,
        "n_genes": arrays.n_genes,
        "epochs": len(results[0].losses["total"]),
        "n_seeds": len(results),
        "device": results[0].device,
        "seconds": [result.seconds for result in results],
        "peak_memory_gb": _peak_memory_gb(),
        "settings": settings.as_dict(),
        "losses": {term: [result.losses[term] for result in results] for term in results[0].losses},
        "views": results[0].views,
        "image_trust": results[0].image_trust,
        "attention": [result.attention.mean(0) for result in results],
    }


def _peak_memory_gb() -> float:
    """Largest resident memory of this process so far; ru_maxrss is in kB, on macOS in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


if __name__ == "__main__":
    main()
