#!/usr/bin/env python3
"""Seconds and peak memory of encoding the tiles of one generated slide.

\b
    encoding.py                                       4,000 and 100,000 tiles, handcrafted and colour
    encoding.py --size 4000 --encoder handcrafted     these only
    encoding.py --encoder uni --weights DIR           a network, from local weights

The slide is a pyramidal TIFF, JPEG-compressed in blocks of 512 pixels at half a micrometre per pixel, with
one tile of 100 um beside the other: 4,000 tiles are 12,800 pixels wide, 100,000 tiles 63,500. Every
measurement is a process of its own, so that its peak memory is its own. The table is printed and written to
OUT/encoding.md.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

BLOCK = 512  # pixels, side of the blocks of the file
PITCH = 200  # pixels from tile to tile: 100 um
UM_PER_PX = 0.5
N_DRAWN = 6  # blocks along a side of the picture that is drawn and then repeated


@click.group(help=__doc__, invoke_without_command=True)
@click.option("--size", "sizes", multiple=True, type=click.IntRange(min=16), default=(4_000, 100_000))
@click.option("--encoder", "encoders", multiple=True, default=("handcrafted", "colour"), show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Local weights of a network.")
@click.option("--stain", default="macenko", show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "results" / "benchmark")
@click.pass_context
def main(context: click.Context, sizes, encoders, weights, stain, workers, out) -> None:
    if context.invoked_subcommand:
        return
    out.mkdir(parents=True, exist_ok=True)
    rows = [["tiles", "slide, pixels", "file", "encoder", "threads", "seconds", "CPU ms per tile", "peak GB"]]
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        for size in sizes:
            path = Path(scratch) / f"{size}.tif"
            side = write_slide(path, size)
            for encoder in encoders:
                found = _child(path, size, encoder, weights, stain, workers)
                seconds = found["seconds"]
                numbers = [f"{seconds:.0f}", f"{1000 * found['cpu'] / size:.1f}", f"{found['gb']:.2f}"]
                file = f"{path.stat().st_size / 1e9:.2f} GB"
                rows.append([f"{size:,}", f"{side:,} x {side:,}", file, encoder, str(workers), *numbers])
            path.unlink()
    text = _markdown(rows)
    (out / "encoding.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)


@main.command("measure", hidden=True)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--size", type=int, required=True)
@click.option("--encoder", required=True)
@click.option("--weights", type=click.Path(path_type=Path))
@click.option("--stain", required=True)
@click.option("--workers", type=int, required=True)
def measure_command(path: Path, size: int, encoder: str, weights: Path | None, stain: str, workers: int):
    from tissuegraph.histology.encode import Options, encode_slice
    from tissuegraph.histology.encoders import load_encoder
    from tissuegraph.histology.slide import open_slide
    from tissuegraph.histology.source import Picture
    from tissuegraph.io.registration import from_scale

    chosen, options = load_encoder(encoder, weights), Options(workers=workers)
    started, cpu = time.perf_counter(), time.process_time()
    with open_slide(path) as slide:
        picture = Picture(slide, from_scale(1.0), "full")
        features, _ = encode_slice(picture, centres(size), float(PITCH), chosen, options, stain)
    found = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu, "gb": _peak_gb()}
    click.echo(json.dumps(found | {"n_features": features.features.shape[1]}))


def centres(size: int) -> np.ndarray:
    """Centres (size, 2) of tiles side by side, in random order as barcodes are."""
    columns = math.ceil(math.sqrt(size))
    number = np.random.default_rng(0).permutation(size)
    return np.stack([number % columns, number // columns], axis=1) * PITCH + PITCH / 2.0


def write_slide(path: Path, size: int) -> int:
    """Write the slide with two smaller levels; returns its side in pixels."""
    import tifffile
    from imagecodecs import jpeg8_encode

    blocks = math.ceil(math.ceil(math.sqrt(size)) * PITCH / BLOCK)
    blocks += -blocks % 16  # so that the levels have whole blocks
    drawn = _draw()
    options = {"tile": (BLOCK, BLOCK), "compression": "jpeg", "photometric": "rgb", "dtype": np.uint8}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for step in (1, 4, 16):
            coded = [
                jpeg8_encode(_reduced(drawn, row, column, step), 85, outcolorspace="rgb")
                for row in range(N_DRAWN)
                for column in range(N_DRAWN)
            ]
            n = blocks // step
            level = {"subifds": 2} if step == 1 else {"subfiletype": 1}
            file.write(_repeated(coded, n), shape=(n * BLOCK, n * BLOCK, 3), **level, **options)
    return blocks * BLOCK


def _draw() -> np.ndarray:
    """Generated tissue, (N_DRAWN * BLOCK, N_DRAWN * BLOCK, 3) uint8."""
    from tissuegraph.synthetic.histology import draw_region, stain_slide
    from tissuegraph.synthetic.settings import SliceSettings
    from tissuegraph.synthetic.tissue import draw_tissue

    settings = SliceSettings(n_spots=900)
    tissue = draw_tissue(settings)
    side = N_DRAWN * BLOCK
    origin = tuple(tissue.size / 2 - side * UM_PER_PX / 2)
    return draw_region(stain_slide(settings, tissue), origin, (side, side), UM_PER_PX)


def _reduced(drawn: np.ndarray, row: int, column: int, step: int) -> np.ndarray:
    """A block of the drawn picture at the scale of a level; the picture repeats itself."""
    y = (row * BLOCK + np.arange(BLOCK)) * step % len(drawn)
    x = (column * BLOCK + np.arange(BLOCK)) * step % len(drawn)
    return np.ascontiguousarray(drawn[y[:, None], x])


def _repeated(coded: list[bytes], n: int) -> Iterator[bytes]:
    for row in range(n):
        for column in range(n):
            yield coded[row % N_DRAWN * N_DRAWN + column % N_DRAWN]


def _child(path, size, encoder, weights, stain, workers) -> dict[str, float]:
    command = [sys.executable, __file__, "measure", path, "--size", size, "--encoder", encoder]
    command += ["--stain", stain, "--workers", workers, *(["--weights", weights] if weights else [])]
    finished = subprocess.run(
        [str(part) for part in command],
        env=os.environ | {"OMP_NUM_THREADS": str(workers), "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise click.ClickException(f"{encoder} {size}: exit status {finished.returncode}\n{finished.stderr}")
    result = json.loads(finished.stdout.splitlines()[-1])
    click.echo(f"{encoder} {size}: {result}", err=True)
    return result


def _markdown(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _peak_gb() -> float:
    """Largest resident memory of this process so far; ru_maxrss is in kB, on macOS in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


if __name__ == "__main__":
    main()
