#!/usr/bin/env python3
"""Put all results of one slice into one h5ad, draw its figures and summarise it for the report."""

from pathlib import Path

import click

from tissuegraph.cli import existing_file, one_line_errors, sample_option, slice_option, spots_option

paths = {"required": True, "multiple": True, "type": existing_file}


@click.command()
@sample_option
@slice_option
@spots_option
@click.option("--arrays", required=True, type=existing_file, help="Graphs and features (npz).")
@click.option("--features", type=existing_file, help="Image features (npz), where the slice has an image.")
@click.option("--baseline", required=True, type=existing_file, help="Domains without a network (npz).")
@click.option("--method", "methods", required=True, multiple=True, help="Name of a method; may repeat.")
@click.option("--embedding", "embeddings", **paths, help="Its embedding (npz), in the order of --method.")
@click.option("--domains", **paths, help="Its domains (npz), in the order of --method.")
@click.option("--record", "records", multiple=True, type=existing_file, help="Record of a step; may repeat.")
@click.option("--final", help="Method whose domains are the final answer; the first one if not given.")
@click.option("--outdir", default=".", type=click.Path(file_okay=False, path_type=Path), show_default=True)
@one_line_errors
def main(sample, slice_path, spots_path, methods, embeddings, domains, records, final, outdir, **inputs):
    """Write SAMPLE.h5ad, SAMPLE.<figure>.png and .svg, and slice.json into OUTDIR."""
    from tissuegraph.results.slice import assemble_slice
    from tissuegraph.results.steps import StepFiles

    if not len(methods) == len(embeddings) == len(domains):
        raise click.UsageError(
            f"each --method needs one --embedding and one --domains, "
            f"got {len(methods)}, {len(embeddings)} and {len(domains)}"
        )
    if final and final not in methods:
        raise click.BadParameter(
            f"{final!r} is not among the methods {', '.join(methods)}", param_hint="--final"
        )
    outdir.mkdir(parents=True, exist_ok=True)
    files = StepFiles(
        sample=sample,
        slice_path=slice_path,
        spots_path=spots_path,
        methods=tuple(zip(methods, embeddings, domains, strict=True)),
        records=records,
        **inputs,
    )
    assemble_slice(files, final or methods[0], outdir)


if __name__ == "__main__":
    main()
