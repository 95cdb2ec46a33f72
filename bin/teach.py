#!/usr/bin/env python3
"""Let annotated sections of one group teach their regions: a model, and how well it names left-out
sections.
"""

from __future__ import annotations

import json
import math
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
from tissuegraph.errors import InputError
from tissuegraph.records import Record
from tissuegraph.stmfg.settings import Settings

files = {"multiple": True, "type": existing_file}


@click.command()
@sample_option
@click.option(
    "--members",
    "members_path",
    required=True,
    type=existing_file,
    help="JSON list: name and patient of each teacher.",
)
@click.option(
    "--slice", "slices", required=True, help="Canonical slice (h5ad), as --members; repeats.", **files
)
@click.option("--spots", required=True, help="Per-spot QC table, in the same order; repeats.", **files)
@click.option("--features", help="Image features (npz), in the same order, or none at all; repeats.", **files)
@settings_options("stmfg")
@n_seeds_option("Networks to train.")
@seed_option
@device_option
@click.option(
    "--model", "directory", required=True, type=output_directory, help="Directory of the model to write."
)
@record_option
@failed_slice_is_a_result("teach")
def main(
    record: Record,
    members_path: Path,
    slices: tuple[Path, ...],
    spots: tuple[Path, ...],
    features: tuple[Path, ...],
    settings: Settings,
    n_seeds: int,
    seed: int,
    device: str,
    directory: Path,
) -> None:
    """Write model.json and model.safetensors; the record holds what the model says about itself."""
    members = json.loads(members_path.read_text(encoding="utf-8"))
    if not len(members) == len(slices) == len(spots) or len(features) not in (0, len(members)):
        raise click.UsageError(
            f"{len(members)} members, {len(slices)} slices, {len(spots)} tables of spots and {len(features)} "
            "files of features: give one of each per member, or no features"
        )
    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.nn.device import resolve_device
    from tissuegraph.regions.fitting import NetworkOptions
    from tissuegraph.regions.sources import read_teacher, without_copies
    from tissuegraph.regions.store import save_model
    from tissuegraph.regions.teaching import teach

    keep_freed_memory()
    images = features or (None,) * len(members)
    reading = zip(members, slices, spots, images, strict=True)
    teachers = [
        read_teacher(member["name"], member.get("patient"), *paths, warn=record.warn)
        for member, *paths in reading
    ]
    known = without_copies([teacher for teacher in teachers if teacher is not None], record.warn)
    options = NetworkOptions(settings, tuple(range(seed, seed + n_seeds)), device)
    if not known:
        raise InputError("no section is left to teach: see the warnings for why")
    model = teach(known, options)
    save_model(model, directory)
    for spellings in model.about["spelling"]:
        record.warn(
            f"the regions {', '.join(repr(name) for name in spellings)} differ by case or blanks only and "
            "count as different regions; spell them alike if they are one"
        )
    if math.isinf(model.threshold):
        record.warn("too few spots are labelled to tell what looks unlike the taught regions: none is novel")
    for line in model.about["not_left_out"]:
        record.warn(line)
    for name in model.about["too_small"]:
        record.note(f"region {name!r} has fewer than 3 labelled spots over all teachers and is not taught")
    record.metrics |= model.about | {"device": resolve_device(device).type}


if __name__ == "__main__":
    main()
