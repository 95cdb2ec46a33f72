#!/usr/bin/env python
"""Train one method on one slice, once per seed, and write the embeddings."""

from __future__ import annotations

import os
import resource
import sys

import click

from tissuegraph.cli import (
    existing_file,
    one_line_errors,
    output_file,
    record_option,
    sample_option,
    seed_option,
)
from tissuegraph.methods import method_of
from tissuegraph.records import Record

# Before torch loads: threads that wait for each other should sleep. Spinning costs ten times the work
# where tasks share cores, as they do on a busy node.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@click.command(help=__doc__)
@sample_option
@click.option("--arrays", "arrays_path", required=True, type=existing_file, help="Arrays of the slice (npz).")
@click.option(
    "--features",
    "features_path",
    type=existing_file,
    help="Image features of the slice (npz); without them the genes are all there is.",
)
@click.option("--preset", default="default", show_default=True, help="Name of a preset, or a YAML file.")
@click.option("--set", "overrides", multiple=True, metavar="TOPIC.KEY=VALUE", help="Override one setting.")
@click.option(
    "--n-seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Networks to train."
)
@seed_option
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--part-spots",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Encode parts of so many spots to save memory; 0: the whole graph.",
)
@click.option("--embedding", required=True, type=output_file, help="Embeddings to write (npz).")
@record_option
@one_line_errors
def main(
    sample,
    arrays_path,
    features_path,
    preset,
    overrides,
    n_seeds,
    seed,
    device,
    part_spots,
    embedding,
    record,
):
    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.presets import load_settings
    from tissuegraph.slices.arrays import SliceArrays

    keep_freed_memory()
    settings = load_settings(preset, overrides)
    arrays = SliceArrays.load(arrays_path)

    image = None
    if features_path is not None:
        from tissuegraph.histology.features import ImageFeatures

        image = ImageFeatures.load(features_path).features

    from tissuegraph.nn.result import save_embeddings

    results = method_of(settings.method).trainer()(
        arrays,
        settings,
        seeds=range(seed, seed + n_seeds),
        device=device,
        progress=lambda seed, epoch, loss: click.echo(f"{sample} seed {seed} epoch {epoch} loss {loss:.4f}"),
        image=image,
        part_spots=part_spots,
    )
    save_embeddings(embedding, range(seed, seed + n_seeds), results)
    entry = Record(sample, "train", metrics=_metrics(settings, arrays, results))
    for reason in results[0].warnings:
        entry.warn(reason)
    entry.write(record)


def _metrics(settings, arrays, results) -> dict:
    return {
        "method": settings.method,
        "n_spots": arrays.n_spots,
        "n_genes": arrays.n_genes,
        "epochs": settings.optimiser.epochs,
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
