#!/usr/bin/env python3
"""Turn the embeddings of all seeds into one set of domains with a confidence per spot."""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np

from tissuegraph.cli import (
    existing_file,
    one_line_errors,
    output_file,
    record_option,
    sample_option,
    seed_option,
)
from tissuegraph.clustering.domains import find_domains
from tissuegraph.presets import load_settings
from tissuegraph.records import Record, read_record
from tissuegraph.slices.arrays import SliceArrays


@click.command(help=__doc__)
@sample_option
@click.option("--arrays", "arrays_path", required=True, type=existing_file, help="Arrays of the slice (npz).")
@click.option("--embedding", required=True, type=existing_file, help="Embeddings of all seeds (npz).")
@click.option("--n-domains", type=click.IntRange(min=2), help="Number of domains.")
@click.option("--n-domains-as", type=existing_file, help="Record of another answer with the wanted number.")
@click.option("--preset", default="default", show_default=True, help="Name of a preset, or a YAML file.")
@click.option("--set", "overrides", multiple=True, metavar="TOPIC.KEY=VALUE", help="Override one setting.")
@seed_option
@click.option("--domains", required=True, type=output_file, help="Labels and confidence to write (npz).")
@record_option
@one_line_errors
def main(
    sample: str,
    arrays_path: Path,
    embedding: Path,
    n_domains: int | None,
    n_domains_as: Path | None,
    preset: str,
    overrides: tuple[str, ...],
    seed: int,
    domains: Path,
    record: Path,
) -> None:
    if (n_domains is None) == (n_domains_as is None):
        raise click.UsageError("give either --n-domains or --n-domains-as")
    if n_domains is None:
        n_domains = int(read_record(n_domains_as).metrics["n_domains"])
    started = time.perf_counter()
    preset_settings = load_settings(preset, overrides)
    settings = preset_settings.clustering
    arrays = SliceArrays.load(arrays_path)
    with np.load(embedding) as stored:
        trained, untrained = stored["embeddings"], stored["untrained"]
    found = find_domains(trained, arrays, n_domains, settings, seed)
    control = find_domains(untrained, arrays, n_domains, settings, seed)  # the same network, not trained
    np.savez(
        domains,
        domain=found.labels,
        confidence=found.confidence,
        per_seed=found.per_seed,
        unrefined=found.unrefined,
        untrained=control.labels,
        untrained_per_seed=control.per_seed,
    )
    entry = Record(sample, "cluster")
    n_found = len(np.unique(found.labels))
    if n_found != n_domains:
        entry.warn(
            f"{n_found} domains found where {n_domains} were asked for; choose another number or clusterer"
        )
    entry.metrics = {
        "method": preset_settings.method,
        "n_domains": n_domains,
        "n_domains_found": n_found,
        "clusterer": settings.clusterer,
        "mean_confidence": float(found.confidence.mean()),
        "refined": settings.refine,
        "changed_by_refinement": found.changed,
        "seconds": round(time.perf_counter() - started, 3),
    }
    entry.write(record)


if __name__ == "__main__":
    main()
