#!/usr/bin/env python3
"""One generated tissue seen as spots, bins and cells: does its scale hold on each?

    one_tissue.py                the sizes of docs/benchmarks.md
    one_tissue.py --cells 60000  a larger piece

Cells are drawn; spots of 55 um every 100 um and bins of 16 um count what lies in them. Each is divided by the
baseline with the true number of domains, and asked for that number, once as the pipeline does it and once
with its scale kept back, so that only numbers of nearest spots count.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree
from sklearn.metrics import adjusted_rand_score

sys.path[:0] = [str(Path(__file__).parents[2] / "bin"), str(Path(__file__).parents[1])]

from helpers.scale import large_cells  # noqa: E402

from tissuegraph.clustering.baseline import baseline_features, smooth  # noqa: E402
from tissuegraph.clustering.cluster import cluster  # noqa: E402
from tissuegraph.clustering.n_domains import gather_evidence  # noqa: E402
from tissuegraph.clustering.pooled_number import pool  # noqa: E402

SPOT_RADIUS_UM, SPOT_PITCH_UM, BIN_UM = 27.5, 100.0, 16.0
N_DOMAINS = 6


@click.command()
@click.option("--cells", default=30_000, show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--depth", default=120.0, show_default=True, help="Counts per cell.")
@click.option("--signal", default=0.5, show_default=True)
def main(cells: int, seeds: int, depth: float, signal: float) -> None:
    """Print a table: ARI with the truth, estimated number of domains and what was averaged over."""
    found: dict[tuple[str, bool], list[tuple[float, ...]]] = {}
    sizes: dict[str, list[int]] = {}
    for seed in range(seeds):
        drawn = large_cells(cells, 1000, seed, n_domains=N_DOMAINS, depth=depth, signal=signal)
        for name, (counts, position, truth) in _platforms(drawn).items():
            sizes.setdefault(name, []).append(len(position))
            features = baseline_features(counts)
            for scale in (1.0, None):
                row = _divided(features, position, truth, scale, seed)
                found.setdefault((name, scale is not None), []).append(row)
    print("| seen as | size | scale | averaged over | ARI, number given | number estimated |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (name, known), rows in found.items():
        ari, number, radius, mean = np.array(rows, dtype=float).T
        over = f"{np.nanmin(radius):.0f} to {np.nanmax(radius):.0f} um, " if np.isfinite(radius).any() else ""
        print(
            f"| {name} | {np.mean(sizes[name]):,.0f} | {'known' if known else 'kept back'} "
            f"| {over}{mean.mean():.0f} others | {ari.mean():.3f} ± {ari.std(ddof=1):.3f} "
            f"| {', '.join(f'{int(n)}' for n in number)} |"
        )


def _divided(features, position, truth, um_per_px, seed) -> tuple[float, ...]:
    smoothed, around = smooth(features, position, um_per_px)
    labels = cluster(smoothed, N_DOMAINS, "vote", seed).labels
    number = pool({"one": gather_evidence(smoothed, around.n_averaged)}).n_domains
    return adjusted_rand_score(truth, labels), number, around.radius_um or np.nan, around.n_averaged


def _platforms(drawn) -> dict[str, tuple[sparse.csr_matrix, np.ndarray, np.ndarray]]:
    """counts, position in um and true domain of the tissue as each platform sees it."""
    corner = drawn.position.min(axis=0)
    extent = np.ptp(drawn.position, axis=0)
    row, column = np.mgrid[: int(extent[1] / SPOT_PITCH_UM / 0.866), : int(extent[0] / SPOT_PITCH_UM)]
    spots = np.stack([(column + row % 2 / 2), row * np.sqrt(3) / 2], axis=-1).reshape(-1, 2) * SPOT_PITCH_UM
    spots = spots + corner
    held = cKDTree(drawn.position).query_ball_point(spots, SPOT_RADIUS_UM)
    place = np.floor((drawn.position - corner) / BIN_UM).astype(int)
    bins, member = np.unique(place, axis=0, return_inverse=True)
    in_bins = [np.array(part) for part in _groups(member.ravel(), len(bins))]
    return {
        "spots, 55 um every 100 um": _summed(drawn, spots, held),
        "bins, 16 um": _summed(drawn, (bins + 0.5) * BIN_UM + corner, in_bins),
        "cells": (drawn.counts, drawn.position, drawn.domain),
    }


def _groups(member: np.ndarray, n_groups: int) -> list[np.ndarray]:
    order = np.argsort(member, kind="stable")
    return np.split(order, np.searchsorted(member[order], np.arange(1, n_groups)))


def _summed(drawn, position, held):
    """Counts and commonest domain of the cells that each place holds; places without cells are dropped."""
    kept = [index for index, cells in enumerate(held) if len(cells)]
    rows = np.repeat(np.arange(len(kept)), [len(held[index]) for index in kept])
    columns = np.concatenate([held[index] for index in kept]).astype(int)
    shape = (len(kept), len(drawn.position))
    sums = sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    domain = np.array([np.bincount(drawn.domain[held[index]]).argmax() for index in kept])
    return sparse.csr_matrix(sums @ drawn.counts), position[kept], domain


if __name__ == "__main__":
    main()
