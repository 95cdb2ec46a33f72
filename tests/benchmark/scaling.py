#!/usr/bin/env python3
"""Seconds and peak memory of graph building, training and clustering on generated cells.

\b
    scaling.py                                    sizes 4k to 500k, then one slice of 3,600 spots
    scaling.py --size 4000 --size 16000           these sizes only

Every measurement is a process of its own, so that its peak memory is its own. The tables are printed and
written to OUT/scaling.md, the log-log plot to PLOT.svg and PLOT.png.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from measure import PHASES, measure  # noqa: E402

SIZES = (4_000, 16_000, 64_000, 256_000, 500_000)
SLOPE_FROM = 16_000  # below it fixed costs show
N_GENES, N_DOMAINS = 3_000, 8
SLICE_SPOTS, SLICE_DEPTH = 3_600, 750.0  # non-zero entries as dense as on a Visium slice of the cortex: 14 %
# Every gene is kept, so that sizes differ in nothing else
ALL_GENES = ("preprocess.min_cells=0",)
THREADS = {"generate": 1, "graph": 1, "train": 2, "cluster": 1}  # what the pipeline gives its tasks
TITLES = {"graph": "genes, PCA, graphs", "train": "training", "cluster": "clustering"}


@click.group(help=__doc__, invoke_without_command=True)
@click.option(
    "--size", "sizes", multiple=True, type=click.IntRange(min=1000), default=SIZES, show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "results" / "benchmark")
@click.option("--plot", type=click.Path(path_type=Path), default=ROOT / "docs" / "images" / "scaling")
@click.option("--slice/--no-slice", "one_slice", default=True, help="Also time one slice, default and paper.")
@click.pass_context
def main(context: click.Context, sizes: tuple[int, ...], out: Path, plot: Path, one_slice: bool) -> None:
    if context.invoked_subcommand:
        return
    out.mkdir(parents=True, exist_ok=True)
    parts = []
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        found = {size: growth(size, Path(scratch)) for size in sizes}
        parts.append(growth_table(found))
        if one_slice:
            parts.append(
                slice_table({preset: whole_slice(preset, Path(scratch)) for preset in ("default", "paper")})
            )
    text = "\n\n".join(parts)
    (out / "scaling.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)
    draw(found, plot)


@main.command("measure", hidden=True)
@click.argument("phase", type=click.Choice(PHASES))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--size", type=int, required=True)
@click.option("--depth", type=float, default=260.0)
@click.option("--preset", default="default")
@click.option("--epochs", type=int, help="The preset's own when not given.")
def measure_command(
    phase: str, folder: Path, size: int, depth: float, preset: str, epochs: int | None
) -> None:
    overrides = (*ALL_GENES, *([f"optimiser.epochs={epochs}"] if epochs else []))
    result = measure(phase, folder, size, N_GENES, N_DOMAINS, depth, preset, overrides)
    click.echo(json.dumps(result))


def growth(size: int, folder: Path) -> dict[str, dict[str, float]]:
    """Phase -> what was measured, at one size; few epochs where each one is long."""
    epochs = 5 if size <= 64_000 else 3
    return {phase: _child(phase, folder, "--size", size, "--epochs", epochs) for phase in PHASES}


def whole_slice(preset: str, folder: Path) -> dict[str, dict[str, float]]:
    """The same for one slice with all the epochs of a preset."""
    options = ("--size", SLICE_SPOTS, "--depth", SLICE_DEPTH, "--preset", preset)
    return {phase: _child(phase, folder, *options) for phase in PHASES}


def _child(phase: str, folder: Path, *options) -> dict[str, float]:
    command = [sys.executable, __file__, "measure", phase, folder, *options]
    # As in training tasks: threads that wait should sleep
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(THREADS[phase]))
    finished = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise click.ClickException(f"{phase} {options}: exit status {finished.returncode}\n{finished.stderr}")
    result = json.loads(finished.stdout.splitlines()[-1])
    click.echo(f"{phase} {' '.join(map(str, options))}: {result}", err=True)
    return result


def growth_table(found: dict[int, dict[str, dict[str, float]]]) -> str:
    """Seconds and GB per size and phase, and the slopes of their logarithms."""
    measures = [(phase, key) for phase in TITLES for key in ("seconds", "gb")]
    units = {"seconds": "s", "gb": "GB"}
    heads = [f"{TITLES[phase]}: {units[key]}" for phase, key in measures]
    rows = [["cells", *heads]]
    for size, phases in found.items():
        numbers = [f"{phases[phase][key]:.2f}" for phase, key in measures]
        rows.append([f"{size:,}", *numbers])
    slopes = [slope({size: found[size][phase][key] for size in found}) for phase, key in measures]
    rows.append([f"slope from {SLOPE_FROM:,}", *slopes])
    return f"Generated cells x {N_GENES:,} genes, `default`; training: seconds per epoch\n\n{_markdown(rows)}"


def slope(values: dict[int, float]) -> str:
    """Least-squares slope of log value on log size from SLOPE_FROM on."""
    import numpy as np

    used = {size: value for size, value in values.items() if size >= SLOPE_FROM}
    if len(used) < 2:
        return "-"
    return f"{np.polyfit(np.log(list(used)), np.log(list(used.values())), 1)[0]:.2f}"


def slice_table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Seconds of each phase and the largest peak, for one slice and seed."""
    rows = [["preset", "epochs", "graphs s", "training s", "clustering s", "together s", "peak GB"]]
    for preset, phases in found.items():
        seconds = [phases["graph"]["seconds"], phases["train"]["total"], phases["cluster"]["seconds"]]
        peak = max(phases[phase]["gb"] for phase in TITLES)
        numbers = [f"{value:.1f}" for value in (*seconds, sum(seconds))]
        rows.append([f"`{preset}`", phases["train"]["epochs"], *numbers, f"{peak:.2f}"])
    return f"One slice, {SLICE_SPOTS:,} spots x {N_GENES:,} genes, one seed\n\n{_markdown(rows)}"


def _markdown(rows: list[list]) -> str:
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def draw(found: dict[int, dict[str, dict[str, float]]], stem: Path) -> None:
    """Seconds and memory against size on logarithmic axes, with a line of slope 1 to compare."""
    from matplotlib.figure import Figure

    from tissuegraph.figures.save import save

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    sizes = list(found)
    for axes, key, unit in zip(
        figure.subplots(1, 2), ("seconds", "gb"), ("seconds", "peak memory, GB"), strict=True
    ):
        for phase, title in TITLES.items():
            label = f"{title}, one epoch" if (phase, key) == ("train", "seconds") else title
            axes.loglog(sizes, [found[size][phase][key] for size in sizes], "o-", label=label)
        start = min(found[sizes[0]][phase][key] for phase in TITLES) / 2
        axes.loglog(sizes, [start * size / sizes[0] for size in sizes], "--", color="grey", label="linear")
        axes.set(xlabel="cells", ylabel=unit)
        axes.legend(frameon=False)
    stem.parent.mkdir(parents=True, exist_ok=True)
    save(figure, stem, dpi=100)


if __name__ == "__main__":
    main()
