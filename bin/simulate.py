#!/usr/bin/env python3
"""Write generated slices with known truth, and the samplesheet that runs them."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import one_line_errors, seed_option
from tissuegraph.synthetic.cohorts import PRESETS, write_preset


@click.command(context_settings={"show_default": True})
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write."
)
@click.option("--preset", default="demo", type=click.Choice(PRESETS), help="Which slices.")
@click.option("--n-slices", type=click.IntRange(min=1), help="Number of slices.  [default: the preset's own]")
@click.option(
    "--full-resolution", type=click.Choice(["tif", "jpg"]), help="Also draw full-resolution images."
)
@seed_option
@one_line_errors
def simulate(out: Path, preset: str, n_slices: int | None, full_resolution: str | None, seed: int) -> None:
    """Write generated slices and OUT/samplesheet.csv; of conditions also what is planted, OUT/truth.json."""
    sheet = write_preset(preset, out, n_slices, seed, full_resolution=full_resolution or "")
    click.echo(sheet)


if __name__ == "__main__":
    simulate()
