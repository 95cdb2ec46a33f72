#!/usr/bin/env python3
"""Inferred expression beside tuned controls on several sets of genes, leave one slice (or patient) out.

\b
    expression_gene_sets.py FOLDER C2 C3 C4 C5       FOLDER/<name>/{slice.h5ad,spots.csv.gz,features.npz} as
                                                     the pipeline's scripts write them
    expression_gene_sets.py FOLDER ... --ablations   the network without one of its parts at a time

Sets are chosen on the references of each fold. `panel`: the preset's own. `paper`: among the 1,000 most
variable (seurat_v3) of every reference. `250`, `50`: largest variance of log expression among genes
seen in a tenth of the spots of every reference (as the HEST benchmark does). All are asked for, so that one
training serves all. Cells: PCC x 100, mean over genes, folds and seeds, +- over folds, +- over seeds. `above
ridge`: mean over folds of the difference to ridge, +- over seeds, and on how many folds it is above zero.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(ROOT / "tests" / "benchmark")]

from expression import ABLATIONS, prepared_slices  # noqa: E402

SETS = ("panel", "paper", "250", "50")
CONTROLS = ("mean", "knn", "ridge")


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("names", nargs=-1, required=True)
@click.option("--by", type=click.Choice(["slice", "patient"]), default="slice", show_default=True)
@click.option("--preset", default="default", show_default=True)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--ablations/--no-ablations", default=False, show_default=True)
@click.option("--set", "overrides", multiple=True, metavar="TOPIC.KEY=VALUE")
def main(folder, names, by, preset, seeds, ablations, overrides) -> None:
    import torch

    from tissuegraph.presets import load_settings

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    pieces = prepared_slices(folder, names)
    click.echo(f"{len(pieces)} slices ({', '.join(names)}), {pieces[0].image.shape[1]} image features\n")
    click.echo(f"| method | {' | '.join(SETS)} | above ridge, panel | above ridge, 50 |")
    click.echo("|---" * (len(SETS) + 3) + "|")
    recipes = {f"SpaHGC, {preset}": []} | (
        {name: change for name, change in ABLATIONS.items()} if ablations else {}
    )
    for place, (title, change) in enumerate(recipes.items()):
        settings = load_settings(preset, [*overrides, *change], method="spahgc")
        found = scores_of(pieces, settings, by, range(seeds))
        for method in (*(CONTROLS if place == 0 else ()), "spahgc"):
            click.echo(row(title if method == "spahgc" else method, found, method))


def gene_sets(references: Sequence, settings) -> dict[str, np.ndarray]:
    """`paper`, `250` and `50`, chosen on references alone."""
    from tissuegraph.slices.preprocess import detected_genes, mean_variance
    from tissuegraph.spahgc.panel import choose_panel, columns_of, log_expression

    rule = replace(settings.panel, rule="intersection", n_hvg=1000, n_genes=None, min_share=0.0)
    shared = np.array(sorted(set.intersection(*(set(each.genes.tolist()) for each in references))))
    for each in references:
        shared = shared[detected_genes(each.counts[:, columns_of(each, shared)], 0.1)]
    moments = [mean_variance(log_expression(each, shared, settings.panel)) for each in references]
    sizes = np.array([each.n_spots for each in references])[:, None]
    mean = (sizes * [own for own, _ in moments]).sum(axis=0) / sizes.sum()
    squares = (sizes * ([variance + (own - mean) ** 2 for own, variance in moments])).sum(axis=0)
    ranked = shared[np.argsort(-squares, kind="stable")]
    return {"paper": choose_panel(references, rule), "250": ranked[:250], "50": ranked[:50]}


def scores_of(pieces: Sequence, settings, by: str, seeds: Sequence[int]) -> dict:
    """{(fold, seed): {set: {method: mean PCC}}} with each set chosen on the references of its fold."""
    from tissuegraph.spahgc import protocol
    from tissuegraph.spahgc.folds import folds, references_of

    found = {}
    for _, held in folds(pieces, by):
        sets = gene_sets(references_of(pieces, held, by), settings)
        asked = np.unique(np.concatenate(list(sets.values()))).tolist()
        for seed in seeds:
            for result in protocol.run_fold(pieces, held, settings, seed=seed, by=by, asked=asked):
                chosen = {"panel": result.genes} | sets
                found[result.name, seed] = {
                    name: {
                        method: float(np.nanmean(each.gene_pcc[np.isin(result.genes, genes)]))
                        for method, each in result.scores.items()
                    }
                    for name, genes in chosen.items()
                }
    return found


def row(title: str, found: dict, method: str) -> str:
    cells = [_spread(found, lambda each, name=name: each[name][method]) for name in SETS]
    for name in ("panel", "50"):
        gain = {key: each[name][method] - each[name]["ridge"] for key, each in found.items()}
        by_fold, by_seed = _means(gain)
        above = sum(value > 0 for value in by_fold.values())
        text = f"{100 * np.mean(list(by_fold.values())):+.1f} ± {100 * np.std(list(by_seed.values())):.1f}"
        cells.append("" if method == "ridge" else f"{text}, {above} of {len(by_fold)}")
    return f"| {title} | {' | '.join(cells)} |"


def _spread(found: dict, value: Callable[[dict], float]) -> str:
    by_fold, by_seed = _means({key: value(each) for key, each in found.items()})
    folds, seeds = list(by_fold.values()), list(by_seed.values())
    return f"{100 * np.mean(folds):.1f} ± {100 * np.std(folds):.1f} ± {100 * np.std(seeds):.1f}"


def _means(values: dict[tuple[str, int], float]) -> tuple[dict[str, float], dict[int, float]]:
    by_fold, by_seed = defaultdict(list), defaultdict(list)
    for (fold, seed), value in values.items():
        by_fold[fold].append(value)
        by_seed[seed].append(value)
    return tuple({key: float(np.mean(each)) for key, each in group.items()} for group in (by_fold, by_seed))


if __name__ == "__main__":
    main()
