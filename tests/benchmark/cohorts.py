#!/usr/bin/env python3
"""Score what several sections of one tissue bring together, over seeds; labels are read for scores only.

\b
    cohorts.py unsupervised --data ../shared/data     separate and matched, joint, and the verdict on joining

The table is printed: pooled ARI over all annotated spots of the sections, and the ARI of each section.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from development_slices import SLICES, AnnotatedSlice  # noqa: E402

BZ9 = AnnotatedSlice("BZ9", "starmap/mpfc_BZ9.h5ad", 4)
KNOWN = {entry.sample: entry for entry in (*SLICES, BZ9)}
GROUPS = {  # sections: number of domains
    ("BZ5", "BZ9"): 4,
    ("151673", "151675"): 7,
    ("A1", "B1"): 5,
    ("A1", "G2"): 6,
    ("B1", "G2"): 6,
}
folder = click.Path(file_okay=False, exists=True, path_type=Path)


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.option("--data", type=folder, default=ROOT.parent / "shared" / "data", help="Folder of the slices.")
@click.option("--n-seeds", type=click.IntRange(min=1), default=3, show_default=True)
def unsupervised(data: Path, n_seeds: int) -> None:
    """Separate domains matched by their profiles against joint domains, without any label."""
    click.echo("| sections | K | matched, pooled | joint, pooled | matched, each | joint, each | verdict |")
    click.echo("|---|---|---|---|---|---|---|")
    for names, n_domains in GROUPS.items():
        click.echo(_line(names, n_domains, data, n_seeds))


def _line(names: tuple[str, ...], n_domains: int, data: Path, n_seeds: int) -> str:
    from tissuegraph.clustering.baseline import baseline, smooth
    from tissuegraph.cohorts.components import fit_loadings
    from tissuegraph.cohorts.joint import joint_domains
    from tissuegraph.cohorts.matching import match_domains
    from tissuegraph.cohorts.verdict import judge
    from tissuegraph.slices.smoothing import smoothing_scale

    sections = {name: _read(KNOWN[name], data) for name in names}
    loadings = fit_loadings([lambda kept=kept: (kept[0], kept[1]) for kept in sections.values()])
    components = {}
    for name, (counts, genes, position, _) in sections.items():
        scores = loadings.scores(counts, genes)
        components[name] = smooth(scores, position, smoothing_scale(scores, position))
    truth = {name: kept[3] for name, kept in sections.items()}
    depth = {name: float(np.median(np.asarray(kept[0].sum(axis=1)))) for name, kept in sections.items()}
    matched, joint = [], []
    for seed in range(n_seeds):
        own = {n: baseline(kept[0], kept[2], n_domains, seed).labels for n, kept in sections.items()}
        numbers = match_domains(components, own).numbers
        matched.append(_scores({name: numbers[name][own[name]] for name in names}, truth))
        together = joint_domains(components, n_domains, (seed, seed + n_seeds))
        joint.append(_scores({name: together[name].labels for name in names}, truth))
        verdict = judge(components, together, own, depth)
    cells = ["+".join(names), str(n_domains), _cell(matched, "pooled"), _cell(joint, "pooled")]
    cells += [", ".join(_cell(runs, name) for name in names) for runs in (matched, joint)]
    cells.append(f"{verdict.kind}{', joint refused' if verdict.joint_refused else ''}")
    return f"| {' | '.join(cells)} |"


def _read(entry: AnnotatedSlice, data: Path):
    """Counts, genes, positions and codes of the regions' names (-1 = unlabelled) that QC keeps by default."""
    import pandas as pd

    from tissuegraph.io.reading import read_slice
    from tissuegraph.io.request import Request

    is_file = entry.annotation.endswith(".csv")
    slice_ = read_slice(
        Request(
            sample=entry.sample,
            path=data / entry.path,
            annotation=str(data / entry.annotation) if is_file else entry.annotation,
        )
    )
    regions = slice_.obs["annotation"].astype(object)
    return (
        slice_.X.tocsr().astype(np.float32),
        np.asarray(slice_.var_names).astype(str),
        np.asarray(slice_.obsm["spatial"], dtype=float)[:, :2],
        np.array(["" if pd.isna(name) else str(name) for name in regions]),
    )


def _scores(labels: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]) -> dict[str, float]:
    from sklearn.metrics import adjusted_rand_score

    found = {}
    for name in labels:
        known = truth[name] != ""
        found[name] = adjusted_rand_score(truth[name][known], labels[name][known])
    every = np.concatenate([truth[name] for name in labels])
    known = every != ""
    found["pooled"] = adjusted_rand_score(every[known], np.concatenate(list(labels.values()))[known])
    return found


def _cell(runs: list[dict[str, float]], name: str) -> str:
    values = [run[name] for run in runs]
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


if __name__ == "__main__":
    main()
