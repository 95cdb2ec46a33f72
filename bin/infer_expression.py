#!/usr/bin/env python3
"""Infer the expression of one slice from its image, with what other slices taught."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from tissuegraph.cli import (
    device_option,
    existing_directory,
    existing_file,
    failed_slice_is_a_result,
    figures_option,
    outdir_option,
    record_option,
    sample_option,
)
from tissuegraph.cli.startup import anndata_for_hdf5
from tissuegraph.errors import InputError
from tissuegraph.figures.fonts import know_own_fonts_only
from tissuegraph.methods import title_of
from tissuegraph.records import Record, read_record

_NAMED = 10  # references in one message
file = {"required": True, "type": existing_file}


@click.command()
@sample_option
@click.option(
    "--member",
    "member_path",
    help="JSON: name, role, patient and group of the slice, and names of its references.",
    **file,
)
@click.option("--slice", "slice_path", help="Canonical slice (h5ad).", **file)
@click.option("--spots", "spots_path", help="Per-spot QC table.", **file)
@click.option("--features", "features_path", help="Image features (npz).", **file)
@click.option(
    "--model",
    "directory",
    type=existing_directory,
    help="What learn_expression.py wrote; none where it failed.",
)
@click.option("--told", type=existing_file, help="Its record, which says why there is no model.")
@click.option("--given", is_flag=True, help="The model is of an earlier run.")
@click.option(
    "--genes", "genes_path", type=existing_file, help="JSON list of genes asked of a model of an earlier run."
)
@click.option(
    "--marker-genes",
    default="",
    help="Genes to draw, joined by commas; then those asked for and the most reliable.",
)
@device_option
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("infer_expression")
def main(
    record: Record,
    member_path: Path,
    slice_path: Path,
    spots_path: Path,
    features_path: Path,
    directory: Path | None,
    told: Path | None,
    given: bool,
    genes_path: Path | None,
    marker_genes: str,
    device: str,
    formats: tuple[str, ...],
    outdir: Path,
) -> None:
    """Write prediction.npz, SAMPLE.inferred.h5ad, .png and, where asked for, .svg into OUTDIR.

    A slice without counts also gets on/slice.h5ad and on/spots.csv.gz, with inferred counts, to go on to
    the later steps. A slice with counts is compared with its measurement, which nothing was learned from.
    """
    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.spahgc.members import read_member

    keep_freed_memory()
    entry = json.loads(member_path.read_text(encoding="utf-8"))
    if directory is None:
        raise InputError(_why_no_model(record.sample, entry.get("references") or (), told))
    own = read_member(entry, slice_path, spots_path, features_path)
    target = own.read()

    from tissuegraph.nn.device import resolve_device
    from tissuegraph.spahgc.prediction import predict  # torch: after the cheap checks
    from tissuegraph.spahgc.store import load_model

    model = load_model(directory)
    if given:
        model = model.asked_for(json.loads(genes_path.read_text(encoding="utf-8")) if genes_path else ())
    itself = model.taught_by(target) if target.counts is not None else None
    if given and itself:
        raise InputError(
            f"this slice taught the reference model (as {itself}), which therefore knows its counts; leave "
            "it out, or compare the model with slices that it has not seen"
        )
    prediction = predict(target, model, device=device)
    prediction.save(outdir / "prediction.npz")
    _write_all(record, own, target, model, prediction, marker_genes, formats, outdir)
    held_out_by = "model" if given else model.by
    record.metrics |= {
        "role": own.role,
        "held_out_by": held_out_by,
        "device": resolve_device(device).type,
        "settings": model.settings.as_dict(),
    }
    if itself:
        record.warn(
            f"its reference {itself} has the same image features: where it is the same slice under another "
            "name, it was not held out and its scores say nothing"
        )
    texts = [text for each in prediction.inferences for text in each.warnings]
    for warning in dict.fromkeys([*prediction.warnings, *texts]):
        record.warn(warning)


def _why_no_model(sample: str, references: Sequence[str], told: Path | None) -> str:
    if not references:
        return (
            f"no slice of the group of {sample} that may serve it has both counts and image features, under "
            "--evaluate lopo none of another patient; give it a reference"
        )
    reasons = read_record(told).reasons if told else ()
    named = ", ".join(references[:_NAMED]) + (" and others" if len(references) > _NAMED else "")
    why = "; ".join(reasons) or "the task left no result, see its log in pipeline_info"
    return f"nothing was learned from its references {named}: {why}"


def _write_all(record, own, target, model, prediction, marker_genes, formats, outdir) -> None:
    know_own_fonts_only()
    anndata_for_hdf5()
    from tissuegraph.results.inferred import (
        asked_notes,
        described,
        draw,
        gene_table,
        inferred_slice,
        to_draw,
        write_slice_to_go_on,
    )
    from tissuegraph.results.steps import read_whole

    data, table = read_whole(own.slice_path, own.spots_path)
    var = gene_table(prediction, model.gene_names)
    method = model.settings.method
    notes = {"references": list(model.names), "method": title_of(method)} | asked_notes(prediction)
    inferred = inferred_slice(data, table, prediction, var, notes)
    inferred.write_h5ad(outdir / f"{own.name}.inferred.h5ad", compression="gzip", compression_opts=1)
    markers = [name.strip() for name in marker_genes.split(",") if name.strip()]
    wanted, missing = to_draw(markers, prediction, var)
    shown, pictures = draw(inferred, prediction, wanted, outdir / f"{own.name}.inferred", formats)
    record.metrics |= {"method": method} | described(prediction) | {"files": shown, "pictures": pictures}
    if missing:
        record.warn(f"marker genes that are not in the panel of {len(var)} genes: {', '.join(missing)}")
    for note in prediction.asked.notes:
        record.note(note)
    record.metrics["goes_on"] = target.counts is None
    if target.counts is None:
        (outdir / "on").mkdir(exist_ok=True)
        write_slice_to_go_on(data, prediction, var, model.settings.panel, outdir / "on")


if __name__ == "__main__":
    main()
