#!/usr/bin/env python3
"""Infer the expression of one slice from its image, with the other slices of its group as references."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tissuegraph.cli import (
    device_option,
    existing_file,
    failed_slice_is_a_result,
    figures_option,
    n_seeds_option,
    outdir_option,
    record_option,
    sample_option,
    seed_option,
    settings_options,
)
from tissuegraph.methods import title_of
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
    help="JSON list: name, role, patient, group of each slice.",
)
@click.option(
    "--slice", "slices", help="Canonical slice (h5ad), in the order of --members; repeats.", **files
)
@click.option("--spots", help="Per-spot QC table, in the same order; repeats.", **files)
@click.option("--features", help="Image features (npz), in the same order; repeats.", **files)
@settings_options("spahgc")
@click.option(
    "--by",
    type=click.Choice(["slice", "patient"]),
    default="slice",
    show_default=True,
    help="What is held out together: patient keeps a patient's other slices out of the references.",
)
@click.option("--genes", "genes_path", type=existing_file, help="JSON list of genes to infer in any case.")
@click.option(
    "--marker-genes",
    default="",
    help="Genes to draw, joined by commas; then those of --genes and the most reliable.",
)
@n_seeds_option("Runs to average.")
@seed_option
@device_option
@figures_option
@outdir_option
@record_option
@failed_slice_is_a_result("infer_expression")
def main(
    record: Record,
    members_path: Path,
    slices: tuple[Path, ...],
    spots: tuple[Path, ...],
    features: tuple[Path, ...],
    settings: Settings,
    by: str,
    genes_path: Path | None,
    marker_genes: str,
    n_seeds: int,
    seed: int,
    device: str,
    formats: tuple[str, ...],
    outdir: Path,
) -> None:
    """Write prediction.npz, SAMPLE.inferred.h5ad, .png and, where asked for, .svg into OUTDIR.

    A slice without counts also gets on/slice.h5ad and on/spots.csv.gz, with inferred counts, to go on to
    the later steps. A slice with counts is held out and compared with its measurement.
    """
    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.spahgc.members import read_group, read_members

    keep_freed_memory()
    members = read_members(members_path, slices, spots, features)
    target, references = read_group(members, record.sample)

    from tissuegraph.spahgc.folds import references_of  # torch: after the cheap checks
    from tissuegraph.spahgc.learning import learn
    from tissuegraph.spahgc.prediction import predict

    model = learn(
        references_of([target, *references], [target.name], by),
        settings,
        seeds=range(seed, seed + n_seeds),
        by=by,
        device=device,
        asked=json.loads(genes_path.read_text(encoding="utf-8")) if genes_path else (),
        progress=lambda what, epoch, value: click.echo(f"{record.sample} {what} epoch {epoch}: {value:.4f}"),
    )
    prediction = predict(target, model, device=device)
    prediction.save(outdir / "prediction.npz")
    own = next(member for member in members if member.name == record.sample)
    served = prediction.inferences[0].history["references"]  # the panel's genes are genes of these
    first = next(member for member in members if member.name == served[0])
    _write_all(record, own, first, target, references, prediction, settings, marker_genes, formats, outdir)
    record.metrics |= {"role": own.role, "held_out_by": by, "settings": settings.as_dict()}
    texts = [text for each in prediction.inferences for text in each.warnings]
    for warning in dict.fromkeys([*prediction.warnings, *texts]):
        record.warn(warning)


def _write_all(
    record, own, first, target, references, prediction, settings, marker_genes, formats, outdir
) -> None:
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
    var = gene_table(prediction, first.slice_path)
    notes = {"references": [piece.name for piece in references], "method": title_of(settings.method)}
    notes |= asked_notes(prediction)
    inferred = inferred_slice(data, table, prediction, var, notes)
    inferred.write_h5ad(outdir / f"{own.name}.inferred.h5ad", compression="gzip", compression_opts=1)
    markers = [name.strip() for name in marker_genes.split(",") if name.strip()]
    wanted, missing = to_draw(markers, prediction, var)
    shown, pictures = draw(inferred, prediction, wanted, outdir / f"{own.name}.inferred", formats)
    record.metrics |= (
        {"method": settings.method} | described(prediction) | {"files": shown, "pictures": pictures}
    )
    if missing:
        record.warn(f"marker genes that are not in the panel of {len(var)} genes: {', '.join(missing)}")
    for note in prediction.asked.notes:
        record.note(note)
    record.metrics["goes_on"] = target.counts is None
    if target.counts is None:
        (outdir / "on").mkdir(exist_ok=True)
        write_slice_to_go_on(data, prediction, var, settings.panel, outdir / "on")


if __name__ == "__main__":
    main()
