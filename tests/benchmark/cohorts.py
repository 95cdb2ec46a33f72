#!/usr/bin/env python3
"""Score what several sections of one tissue bring together, over seeds; labels are read for scores only.

\b
    cohorts.py unsupervised --data ../shared/data     separate and matched, joint, and the verdict on joining

The table is printed: pooled ARI over all annotated spots of the sections, and the ARI of each section.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from development_slices import KNOWN, read_section  # noqa: E402

if TYPE_CHECKING:
    pass

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
@click.option("--group", "chosen", multiple=True, help="Such as BZ5+BZ9; all where not given.")
@click.option("--device", default="auto", show_default=True)
def unsupervised(data: Path, n_seeds: int, chosen: tuple[str, ...], device: str) -> None:
    """Separate domains matched by their profiles against joint ones, without any label.

    Mean and spread over single seeds; `all`: their consensus, which is what the pipeline gives.
    """
    click.echo("| sections | K | domains | pooled | pooled, all | each section | verdict |")
    click.echo("|---|---|---|---|---|---|---|")
    for names, n_domains in GROUPS.items():
        if not chosen or "+".join(names) in chosen:
            for row in _rows(names, n_domains, data, n_seeds, device):
                click.echo(f"| {' | '.join(row)} |")
                sys.stdout.flush()


def _rows(
    names: tuple[str, ...], n_domains: int, data: Path, n_seeds: int, device: str
) -> Iterator[list[str]]:
    """One row for matched, joint and joint stMFG each, as soon as it is known."""
    from tissuegraph.clustering.baseline import baseline
    from tissuegraph.cohorts.components import fit_loadings, smoothed_scores
    from tissuegraph.cohorts.joint import agreed_domains
    from tissuegraph.cohorts.matching import match_domains
    from tissuegraph.cohorts.verdict import judge
    from tissuegraph.presets import load_settings
    from tissuegraph.slices.preprocess import total_counts
    from tissuegraph.stmfg.joint import joint_embeddings

    read = {name: read_section(KNOWN[name], data) for name in names}
    sections = {name: kept for name, (kept, _) in read.items()}
    truth = {name: regions for name, (_, regions) in read.items()}
    readers = {name: (lambda kept=kept: kept) for name, kept in sections.items()}
    loadings = fit_loadings(list(readers.values()))
    components = {name: smoothed_scores(loadings, kept)[1] for name, kept in sections.items()}
    depth = {name: float(np.median(total_counts(kept.counts))) for name, kept in sections.items()}
    seeds = range(n_seeds)
    own = [
        {name: baseline(kept.counts, kept.xy, n_domains, seed).labels for name, kept in sections.items()}
        for seed in seeds
    ]
    numbers = [match_domains(components, found).numbers for found in own]
    matched = [
        {name: number[name][found[name]] for name in names}
        for number, found in zip(numbers, own, strict=True)
    ]
    start = ["+".join(names), str(n_domains)]
    yield [*start, "matched", *_cells(matched, None, truth), ""]

    def row(title: str, values: list[Mapping[str, np.ndarray]]) -> list[str]:
        """Of joint clustering, each seed on its own values."""
        single = [
            agreed_domains([found], n_domains, [seed]) for found, seed in zip(values, seeds, strict=True)
        ]
        every = agreed_domains(values, n_domains, seeds)
        verdict = judge(values[0], every, own[0], depth)
        labels = [{name: found[name].labels for name in names} for found in single]
        agreed = {name: every[name].labels for name in names}
        refused = ", joint refused" if verdict.joint_refused else ""
        return [*start, title, *_cells(labels, agreed, truth), verdict.kind + refused]

    yield row("joint", [components] * n_seeds)
    settings = load_settings("default", method="stmfg")
    yield row("joint, stMFG", joint_embeddings(readers, loadings, settings, seeds, device))


def _cells(
    runs: list[Mapping[str, np.ndarray]],
    agreed: Mapping[str, np.ndarray] | None,
    truth: Mapping[str, np.ndarray],
) -> list[str]:
    """Pooled over seeds, pooled of their consensus, and each section over seeds."""
    scores = [_scores(labels, truth) for labels in runs]
    every = "" if agreed is None else f"{_scores(agreed, truth)['pooled']:.3f}"
    return [_cell(scores, "pooled"), every, ", ".join(_cell(scores, name) for name in truth)]


def _scores(labels: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]) -> dict[str, float]:
    import pandas as pd
    from sklearn.metrics import adjusted_rand_score

    found = {}
    for name in labels:
        known = pd.notna(truth[name])
        found[name] = adjusted_rand_score(truth[name][known].astype(str), labels[name][known])
    every = np.concatenate([truth[name] for name in labels])
    known = pd.notna(every)
    every_label = np.concatenate(list(labels.values()))
    found["pooled"] = adjusted_rand_score(every[known].astype(str), every_label[known])
    return found


def _cell(runs: list[dict[str, float]], name: str) -> str:
    values = [run[name] for run in runs]
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


if __name__ == "__main__":
    main()
