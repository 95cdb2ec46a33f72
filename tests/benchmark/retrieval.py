#!/usr/bin/env python3
"""Time and peak memory of the exact search for references, on generated image features.

\b
    retrieval.py                                        1e5 x 1e4, then 1e6 x 1e4 (references x targets)
    retrieval.py --size 1000000 100000                  the largest: minutes on a few cores

Each size runs in a process of its own, so that its peak memory is its own. The bank lies in ten slices.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin")]
SLICES = 10


@click.group(help=__doc__, invoke_without_command=True)
@click.option("--size", "sizes", nargs=2, type=int, multiple=True, default=((10**5, 10**4), (10**6, 10**4)))
@click.option("--features", default=100, show_default=True, help="F, image features per spot.")
@click.option("--bank", type=click.Choice(["float32", "float16"]), default="float32", show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.pass_context
def main(context: click.Context, sizes, features: int, bank: str, device: str) -> None:
    if context.invoked_subcommand:
        return
    head = ("references", "targets", "features", "bank", "threads", "device", "seconds", "CPU s", "peak GB")
    click.echo(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for n_references, n_targets in sizes:
        command = [
            sys.executable,
            __file__,
            "one",
            str(n_references),
            str(n_targets),
            str(features),
            bank,
            device,
        ]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        cells = (
            f"{n_references:,}", f"{n_targets:,}", features, bank, found["threads"], device,
            f"{found['seconds']:.1f}", f"{found['cpu']:.1f}", f"{found['gb']:.2f}",
        )  # fmt: skip
        click.echo(f"| {' | '.join(map(str, cells))} |")


@main.command(hidden=True)
@click.argument("n_references", type=int)
@click.argument("n_targets", type=int)
@click.argument("features", type=int)
@click.argument("bank")
@click.argument("device")
def one(n_references: int, n_targets: int, features: int, bank: str, device: str) -> None:
    import torch

    from tissuegraph.spahgc.retrieval import retrieve

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    rng = np.random.default_rng(0)
    shape = (n_references // SLICES, features)
    references = [rng.standard_normal(shape, dtype=np.float32).astype(bank) for _ in range(SLICES)]
    targets = rng.standard_normal((n_targets, features), dtype=np.float32)
    started, spent = time.perf_counter(), time.process_time()
    found = retrieve(targets, references, 7, device=device)
    seconds, cpu = time.perf_counter() - started, time.process_time() - spent
    if (np.diff(found.score, axis=1) > 0).any():
        raise SystemExit("retrieved references are not in the order of their scores")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"seconds": seconds, "cpu": cpu, "gb": peak, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
