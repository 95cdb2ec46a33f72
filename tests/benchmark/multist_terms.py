#!/usr/bin/env python3
"""MultiST with all of its terms (preset paper), without each of them in turn, and without all, over 5 seeds.

\b
    multist_terms.py --data ../shared/data                   151673, C2 and generated tissue
    multist_terms.py --data ../shared/data --slice picture --n-seeds 2

151673 and generated tissue are scored by ARI against the truth; C2, which nobody annotated, by the agreement
of its seeds with each other (a term that steadies the answer raises it). Labels are read for scores only.
"""

from __future__ import annotations

import json
import statistics
import sys
from itertools import combinations
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from helpers.pictured_tissue import N_REGIONS, SHOWN, pictured_tissue  # noqa: E402
from image_slices import SLICES, prepare  # noqa: E402
from pictured import permuted  # noqa: E402
from tables import markdown  # noqa: E402

WITHOUT = {
    "adversary": ["losses.adversarial=0"],
    "mask": ["genes.mask_rate=0"],
    "graph loss": ["losses.graph=0"],
    "retention": ["fusion.retention=0"],
}
WEAK = ["adversary.lr=0.0001", "adversary.every=5", "adversary.critic_steps=1"]  # 18 steps that move nothing
# title -> what is set otherwise than in preset paper, whose tiles are shown
VARIANTS = {
    "all terms": ([], "own"),
    "adversary of 18 small steps": (WEAK, "own"),
    **{f"no {term}": (changes, "own") for term, changes in WITHOUT.items()},
    "none of these": ([change for changes in WITHOUT.values() for change in changes], "own"),
    "image permuted": ([], "permuted"),
}
REAL = ("151673", "C2")
CONTRAST = 1.6
folder = click.Path(file_okay=False, path_type=Path)


@click.command(help=__doc__)
@click.option("--data", type=folder, required=True, help="Folder of the slices.")
@click.option("--out", type=folder, default=Path("results/multist_terms"), help="Folder to write to.")
@click.option("--slice", "names", multiple=True, type=click.Choice([*REAL, *SHOWN]))
@click.option("--variant", "variants", multiple=True, type=click.Choice(list(VARIANTS)))
@click.option("--n-seeds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option("--tissue", default=0, show_default=True, help="Seed of the generated tissue.")
def main(data, out, names, variants, n_seeds, tissue) -> None:
    def path_of(name: str, title: str) -> Path:
        return out / f"{name}.{tissue}.{title.replace(' ', '_')}.{n_seeds}.json"

    names = names or (*REAL, "picture", "both")
    out.mkdir(parents=True, exist_ok=True)
    scores: dict[tuple[str, str], list[float]] = {}
    for name in names:
        slice_ = (_real if name in REAL else _generated)(name, data, out, tissue)
        for title in variants or VARIANTS:
            kept = path_of(name, title)
            if not kept.exists():
                kept.write_text(json.dumps(score(slice_, *VARIANTS[title], n_seeds)))
                click.echo(f"{kept.stem} done", err=True)
        for title in VARIANTS:
            kept = path_of(name, title)
            if kept.exists():
                scores[title, name] = json.loads(kept.read_text())
    rows = [[title, *(_cell(scores.get((title, name))) for name in names)] for title in VARIANTS]
    click.echo(markdown(["", *names], rows))


def _real(name: str, data: Path, out: Path, tissue: int):
    """Arrays by settings, image features, truth (codes, -1 unlabelled; None where there is none), domains."""
    import anndata
    import pandas as pd

    from tissuegraph.results.kept import annotation_codes, kept_slice
    from tissuegraph.slices.arrays import SliceArrays

    entry = next(each for each in SLICES if each.sample == name)
    made = prepare(entry, data.resolve(), out.resolve())
    arrays = SliceArrays.load(made / "multist.npz")
    with np.load(made / "handcrafted.npz") as stored:
        image = stored["features"]
    truth = None
    if entry.annotation:
        spots = pd.read_csv(made / "spots.csv.gz", index_col=0, dtype={0: str})
        truth, _ = annotation_codes(kept_slice(anndata.read_h5ad(made / "slice.h5ad"), spots))
    return (lambda _: arrays), image, truth, entry.n_domains


def _generated(name: str, data: Path, out: Path, tissue: int):
    made = pictured_tissue(tissue, name, contrast=CONTRAST)
    return made.arrays, made.image, made.domain, N_REGIONS


def score(slice_, changes: list[str], shown: str, n_seeds: int) -> list[float]:
    """One value per seed: ARI against the truth, or the mean ARI with the other seeds."""
    from sklearn.metrics import adjusted_rand_score

    from tissuegraph.clustering.domains import find_domains
    from tissuegraph.multist.training import train_seeds
    from tissuegraph.presets import load_settings

    arrays_of, image, truth, n_domains = slice_
    settings = load_settings("paper", changes, method="multist")
    arrays, labels = arrays_of(settings), []
    for seed in range(n_seeds):
        tiles = permuted(image, seed) if shown == "permuted" else image
        (result,) = train_seeds(arrays, settings, seeds=[seed], device="cpu", image=tiles)
        labels.append(
            find_domains(result.embedding[None], arrays, n_domains, settings.clustering, seed).labels
        )
    if truth is not None:
        known = truth >= 0
        return [adjusted_rand_score(truth[known], found[known]) for found in labels]
    pairs = {
        pair: adjusted_rand_score(*(labels[i] for i in pair)) for pair in combinations(range(n_seeds), 2)
    }
    return [
        statistics.mean(value for pair, value in pairs.items() if seed in pair) for seed in range(n_seeds)
    ]


def _cell(values: list[float] | None) -> str:
    return "none" if values is None else f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


if __name__ == "__main__":
    main()
