#!/usr/bin/env python3
"""Time and memory of inferred expression from many reference spots, on generated tissue.

\b
    expression_scale.py --references 100000 --targets 10000
    expression_scale.py --references 720 --slice 180 --targets 180 --repeat 100     one target, and a hundred

One tissue is drawn and cut into slices of --slice spots. Image features (119, as the handcrafted encoder's)
follow the domains with noise; they say nothing of any real accuracy. Each step runs in a process of its own
where it says so; memory is the most that the process held so far. One core.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click
import numpy as np
from scipy import sparse

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests")]
N_FEATURES = 119


@click.command(help=__doc__)
@click.option("--references", "n_references", default=100_000, show_default=True, help="Spots.")
@click.option("--targets", "n_targets", default=10_000, show_default=True, help="Spots.")
@click.option("--slice", "n_slice", default=100_000, show_default=True, help="Spots of a reference slice.")
@click.option("--genes", "n_genes", default=10_000, show_default=True)
@click.option("--depth", default=400.0, show_default=True, help="Counts per spot.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, show_default=True, help="Targets inferred.")
@click.option("--preset", default="default", show_default=True)
@click.option("--set", "overrides", multiple=True, metavar="TOPIC.KEY=VALUE")
def main(n_references, n_targets, n_slice, n_genes, depth, repeat, preset, overrides) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sizes = [len(part) for part in np.array_split(np.arange(n_references), -(-n_references // n_slice))]
        _apart(_generate, Path(folder), [*sizes, n_targets], n_genes, depth)
        click.echo(f"{n_references:,} reference spots in {len(sizes)} slices, {n_genes:,} genes measured")
        click.echo("\n| step | s | CPU s | GB |\n|---|---|---|---|")
        _apart(_measure, Path(folder), len(sizes), repeat, preset, overrides)


def _apart(step: Callable, *args) -> None:
    """In a process of its own, so that its memory is only its own."""
    process = multiprocessing.get_context("spawn").Process(target=step, args=args)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def _generate(folder: Path, sizes: list[int], n_genes: int, depth: float) -> None:
    """References, then the target: counts and image of each, from one tissue."""
    from helpers.scale import large_cells

    cells = large_cells(sum(sizes), n_genes, depth=depth)
    draws = np.random.default_rng(0)
    looks = draws.normal(size=(int(cells.domain.max()) + 1, N_FEATURES))
    stops = np.cumsum([0, *sizes])
    for place, (start, stop) in enumerate(pairwise(stops)):
        domain = cells.domain[start:stop]
        image = looks[domain] + 2 * draws.normal(size=(len(domain), N_FEATURES))
        sparse.save_npz(folder / f"{place}.counts.npz", cells.counts[start:stop], compressed=False)
        np.savez(folder / f"{place}.npz", image=image, position=cells.position[start:stop])


def _read(folder: Path, place: int, name: str):
    from tissuegraph.spahgc.slices import HistologySlice

    with np.load(folder / f"{place}.npz") as arrays:
        image, position = arrays["image"], arrays["position"]
    counts = sparse.load_npz(folder / f"{place}.counts.npz")
    genes = [f"GENE{number:05d}" for number in range(counts.shape[1])]
    return HistologySlice(
        name=name, patient=None, group=None, image=image, position=position, pitch=12.0,
        counts=counts, genes=genes,
    )  # fmt: skip


def _measure(folder: Path, n_slices: int, repeat: int, preset: str, overrides: tuple[str, ...]) -> None:
    import torch

    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.presets import load_settings
    from tissuegraph.spahgc.learning import learn
    from tissuegraph.spahgc.prediction import predict

    keep_freed_memory()  # as the scripts
    torch.set_num_threads(1)
    settings = load_settings(preset, list(overrides), method="spahgc")
    references = _told("read", lambda: [_read(folder, place, f"R{place}") for place in range(n_slices)])
    model = _told("learn", partial(learn, references, settings, seeds=[0], device="cpu"))
    target = _read(folder, n_slices, "T").without_counts()
    found = _told("infer", lambda: predict(target, model, device="cpu"))
    if repeat > 1:
        _told(f"infer {repeat}", lambda: [predict(target, model, device="cpu") for _ in range(repeat)][-1])
    click.echo(f"\n{found.predicted.shape[0]:,} targets x {found.predicted.shape[1]:,} genes")


def _told(step: str, action: Callable):
    started, cpu = time.perf_counter(), time.process_time()
    result = action()
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    click.echo(f"| {step} | {seconds:.0f} | {used:.0f} | {peak:.2f} |")
    return result


if __name__ == "__main__":
    main()
