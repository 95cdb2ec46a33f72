#!/usr/bin/env python3
"""Learn from slices with counts and image how expression follows from the image, for all their targets."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tissuegraph.cli import (
    device_option,
    existing_file,
    failed_slice_is_a_result,
    n_seeds_option,
    output_directory,
    record_option,
    sample_option,
    seed_option,
    settings_options,
)
from tissuegraph.records import Record
from tissuegraph.spahgc.settings import Settings

files = {"required": True, "multiple": True, "type": existing_file}


@click.command()
@sample_option
@click.option(
    "--members",
    "members_path",
    required=True,
    type=existing_file,
    help="JSON list: name, role, patient and group of each reference.",
)
@click.option("--slice", "slices", help="Canonical slice (h5ad), as --members; repeats.", **files)
@click.option("--spots", help="Per-spot QC table, in the same order; repeats.", **files)
@click.option("--features", help="Image features (npz), in the same order; repeats.", **files)
@settings_options("spahgc")
@click.option(
    "--by",
    type=click.Choice(["slice", "patient"]),
    default="slice",
    show_default=True,
    help="What targets are held out by: with patient, a warning where only one is left to learn from.",
)
@click.option("--genes", "genes_path", type=existing_file, help="JSON list of genes to infer in any case.")
@n_seeds_option("Runs to average.")
@seed_option
@device_option
@click.option(
    "--model", "directory", required=True, type=output_directory, help="Directory of the model to write."
)
@record_option
@failed_slice_is_a_result("learn_expression")
def main(
    record: Record,
    members_path: Path,
    slices: tuple[Path, ...],
    spots: tuple[Path, ...],
    features: tuple[Path, ...],
    settings: Settings,
    by: str,
    genes_path: Path | None,
    n_seeds: int,
    seed: int,
    device: str,
    directory: Path,
) -> None:
    """Write model.json and model.safetensors."""
    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.spahgc.members import read_members, read_references

    keep_freed_memory()
    references = read_references(read_members(members_path, slices, spots, features))

    from tissuegraph.spahgc.learning import learn  # torch: after the cheap checks
    from tissuegraph.spahgc.store import save_model

    model = learn(
        references,
        settings,
        seeds=range(seed, seed + n_seeds),
        by=by,
        device=device,
        asked=json.loads(genes_path.read_text(encoding="utf-8")) if genes_path else (),
        progress=lambda what, epoch, value: click.echo(f"{record.sample} {what} epoch {epoch}: {value:.4f}"),
    )
    save_model(model, directory)
    for warning in dict.fromkeys(text for run in model.runs for text in run.warnings):
        record.warn(warning)
    for warning in model.asked.warnings:
        record.warn(warning)
    for note in model.asked.notes:
        record.note(note)
    record.metrics |= {
        "references": list(model.names),
        "n_genes": len(model.genes),
        "n_seeds": n_seeds,
        "learned_in": [round(run.seconds, 3) for run in model.runs],
        "settings": settings.as_dict(),
    }


if __name__ == "__main__":
    main()
