#!/usr/bin/env python3
"""One stMFG encoder over all sections of a group, and the domains that it finds in all of them together."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    device_option,
    existing_directory,
    failed_slice_is_a_result,
    n_domains_option,
    n_seeds_option,
    output_directory,
    record_option,
    sample_option,
    sections_options,
    seed_option,
    settings_options,
)
from tissuegraph.records import Record
from tissuegraph.stmfg.settings import Settings


@click.command()
@sample_option
@sections_options
@click.option(
    "--components",
    required=True,
    type=existing_directory,
    help="Holds SECTION.components.npz of the sections that cohort.py could read; others stay out.",
)
@n_domains_option
@settings_options("stmfg")
@seed_option
@n_seeds_option("Encoders to train; the domains are the consensus over them.")
@device_option
@click.option(
    "--outdir", required=True, type=output_directory, help="Where SECTION.joint_stmfg.npz are written."
)
@record_option
@failed_slice_is_a_result("join")
def main(
    record: Record,
    files: dict[str, tuple[Path, Path]],
    components: Path,
    n_domains: int,
    settings: Settings,
    seed: int,
    n_seeds: int,
    device: str,
    outdir: Path,
) -> None:
    """The network reads components that the sections share, each less its section's mean."""
    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.nn.device import resolve_device
    from tissuegraph.stmfg.joint import join_sections

    keep_freed_memory()
    readable = {
        name: paths for name, paths in files.items() if (components / f"{name}.components.npz").is_file()
    }
    join_sections(record, readable, n_domains, settings, range(seed, seed + n_seeds), outdir, device)
    record.metrics["device"] = resolve_device(device).type


if __name__ == "__main__":
    main()
