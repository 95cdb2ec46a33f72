#!/usr/bin/env python3
"""Name the regions of one section by what annotated sections taught."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from tissuegraph.cli import (
    device_option,
    existing_directory,
    existing_file,
    failed_slice_is_a_result,
    output_file,
    record_option,
    sample_option,
    slice_option,
    spots_option,
)
from tissuegraph.records import Record
from tissuegraph.scores.transfer import NOT_SHOWN, foreign, is_foreign


@click.command()
@sample_option
@slice_option
@spots_option
@click.option("--features", type=existing_file, help="Image features of the slice (npz), where it has any.")
@click.option("--model", "directory", required=True, type=existing_directory, help="What teach.py wrote.")
@device_option
@click.option("--regions", required=True, type=output_file, help="Regions of the spots to write (npz).")
@record_option
@failed_slice_is_a_result("name_regions")
def main(
    record: Record,
    slice_path: Path,
    spots_path: Path,
    features: Path | None,
    directory: Path,
    device: str,
    regions: Path,
) -> None:
    """Write region, probability, novelty and call of every kept spot, in the order of the slice."""
    from tissuegraph.cohorts.carried import carried_share
    from tissuegraph.io.stored import read_kept
    from tissuegraph.regions.model import IMAGE, ask
    from tissuegraph.regions.sources import image_reader, taught_by
    from tissuegraph.regions.store import load_model

    model = load_model(directory)
    section = read_kept(slice_path, spots_path)
    image = None
    if model.image is not None and not section.inferred:
        image = image_reader(features, model.about.get("encoder"), record.warn)
    answer = ask(model, section, image, device)
    if model.weights.get(IMAGE, 0) > 0 and section.inferred:
        record.note(
            "its expression was inferred from its image, which is no second witness: genes alone decide"
        )
    elif model.weights.get(IMAGE, 0) > 0 and image is None:
        record.warn(
            "the regions were taught with images and this slice has none to go with them: genes alone decide"
        )
    itself = taught_by(model.about, section)
    if itself is not None:
        record.warn(
            f"this slice taught the model (as {itself}): its regions repeat its own annotation and are not "
            "scored"
        )
    carried = carried_share(model.loadings, section)
    told = {name: model.about.get(name) for name in ("teachers", "guard", "sentence", "level", "left_out")}
    if is_foreign(carried):
        told |= {"guard": NOT_SHOWN, "sentence": foreign(carried)}
        record.warn(told["sentence"].removesuffix("."))
    call = answer.call(model.threshold)
    np.savez(
        regions,
        region=answer.region,
        names=np.array(model.names, dtype=str),
        probability=answer.probability.astype(np.float32),
        novelty=answer.novelty(model.threshold).astype(np.float32),
        call=call,
        posterior=answer.posterior.astype(np.float16),
    )
    size = np.bincount(answer.region, minlength=len(model.names))
    record.metrics |= {
        "names": list(model.names),
        "shares": dict(zip(model.names, (size / size.sum()).tolist(), strict=True)),
        "coverage": float((call >= 0).mean()),
        "novel": float((answer.distance > model.threshold).mean()),
        "mean_probability": float(answer.probability.mean()),
        "offset": model.classes.offset_size(answer.offset),
        "carried": carried,
        "taught_the_model": itself is not None,
        **told,
    }


if __name__ == "__main__":
    main()
