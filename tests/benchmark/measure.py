"""One phase on one generated slice: how long it takes and how much memory its process needs at most.

Phases hand over files, as the tasks of the pipeline do. Reading and writing them is not counted in the
seconds, and what they hold is counted in the memory.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import sparse

PHASES = ("generate", "graph", "train", "cluster")
PITCH_PX = 137.0  # centre to centre on the slides that radii in pixels were chosen on


def measure(
    phase: str,
    folder: Path,
    size: int,
    n_genes: int,
    n_domains: int,
    depth: float,
    preset: str,
    overrides: Sequence[str],
) -> dict[str, float]:
    """Run one phase in this process; returns seconds, peak memory in GB and what else the phase tells."""
    from tissuegraph.presets import load_settings

    settings = load_settings(preset, overrides, method="stmfg")
    if phase == "generate":
        found = _generate(folder, size, n_genes, n_domains, depth)
    elif phase == "graph":
        found = _graph(folder, settings)
    elif phase == "train":
        found = _train(folder, settings)
    else:
        found = _cluster(folder, settings, n_domains)
    return {**found, "gb": _peak_gb()}


def _generate(folder: Path, size: int, n_genes: int, n_domains: int, depth: float) -> dict[str, float]:
    from helpers.scale import CELL_SPACING_UM, large_cells

    started = time.perf_counter()
    cells = large_cells(size, n_genes, n_domains=n_domains, depth=depth)
    seconds = time.perf_counter() - started
    sparse.save_npz(folder / "counts.npz", cells.counts, compressed=False)
    np.savez(folder / "cells.npz", position=cells.position * PITCH_PX / CELL_SPACING_UM, domain=cells.domain)
    return {"seconds": seconds, "share_nonzero": cells.counts.nnz / size / n_genes}


def _graph(folder: Path, settings) -> dict[str, float]:
    from tissuegraph.slices.build import build_arrays
    from tissuegraph.slices.preprocess import hvg_scores

    counts = sparse.load_npz(folder / "counts.npz").tocsr()
    position = np.load(folder / "cells.npz")["position"]
    started = time.perf_counter()
    # No more genes than are wanted: none is scored. A real slice has more, so the time is added.
    hvg_scores(counts)
    built = build_arrays(counts, np.arange(counts.shape[1]).astype(str), position, PITCH_PX, settings)
    seconds = time.perf_counter() - started
    built.arrays.save(folder / "arrays.npz")
    return {
        "seconds": seconds,
        "n_genes": built.arrays.n_genes,
        "degree": built.spatial_degrees.as_dict()["mean"],
    }


def _train(folder: Path, settings) -> dict[str, float]:
    from tissuegraph.nn.allocator import keep_freed_memory
    from tissuegraph.slices.arrays import SliceArrays
    from tissuegraph.stmfg.training import train_seeds

    keep_freed_memory()  # as train.py
    arrays = SliceArrays.load(folder / "arrays.npz")
    epochs, marks = settings.optimiser.epochs, []  # marks: (epoch, seconds)
    started = time.perf_counter()
    results = train_seeds(
        arrays,
        settings,
        seeds=[0],
        device="cpu",
        progress=lambda _seed, epoch, *_: marks.append((epoch, time.perf_counter())),
    )
    total = time.perf_counter() - started
    np.save(folder / "embeddings.npy", np.stack([result.embedding for result in results]))
    steps, seconds = np.diff(marks, axis=0).T
    between = seconds / steps
    return {"seconds": statistics.median(between), "total": total, "epochs": epochs}


def _cluster(folder: Path, settings, n_domains: int) -> dict[str, float]:
    from tissuegraph.clustering.domains import find_domains
    from tissuegraph.scores.metrics import agreement_scores
    from tissuegraph.slices.arrays import SliceArrays

    arrays = SliceArrays.load(folder / "arrays.npz")
    embeddings = np.load(folder / "embeddings.npy")
    truth = np.load(folder / "cells.npz")["domain"]
    started = time.perf_counter()
    found = find_domains(embeddings, arrays, n_domains, settings.clustering)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "ari": agreement_scores(found.labels, truth)["ari"]}


def _peak_gb() -> float:
    """Largest resident memory of this process so far; ru_maxrss is in kB, on macOS in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
