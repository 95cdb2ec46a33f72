#!/usr/bin/env python3
"""Inferred expression against baselines: on slices prepared by the pipeline's scripts, on generated slices
that carry known signal, and training time against edges.

\b
    expression.py slices FOLDER [C2 C3 C4 C5]    leave one slice out; FOLDER/<name>/{slice.h5ad,
                                                 spots.csv.gz,features.npz} as ingest.py, qc.py and
                                                 encode_histology.py write them
    expression.py generated                      baselines and ablations where the truth is known
    expression.py panels FILE.h5ad ...           panels of a growing number of references
    expression.py edges                          seconds per training step against the number of edges

Tables are Markdown, on standard output. PCC is the mean over genes; the spread is the standard deviation
over folds of the mean over seeds, then over seeds of the mean over folds.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests")]

ABLATIONS = {
    "without CS": ["graph.cs_k=0"],
    "without TS": ["graph.ts_k=0"],
    "without RS": ["graph.rs_k=0"],
    "random masks": ["masking.mode=random"],
    "complementary masks": ["masking.mode=complementary"],
    "without CNDA": ["model.attention=mean"],
    "without CNAP": ["model.pooling=false"],
    "without the starting point": ["model.base=none"],
}
BASELINES = ("mean", "knn", "ridge")
presets_option = click.option("--preset", "presets", multiple=True, default=("default",), show_default=True)
seeds_option = click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
set_option = click.option("--set", "overrides", multiple=True, metavar="TOPIC.KEY=VALUE")
ablations_option = click.option("--ablations/--no-ablations", default=False, show_default=True)


@click.group(help=__doc__)
def main() -> None:
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("names", nargs=-1)
@click.option("--by", type=click.Choice(["slice", "patient"]), default="slice", show_default=True)
@click.option("--patient", default=None, help="Of all slices  [default: the letters a name starts with]")
@presets_option
@seeds_option
@ablations_option
@set_option
def slices(folder, names, by, patient, presets, seeds, ablations, overrides) -> None:
    """Leave-one-slice-out or leave-one-patient-out on prepared slices."""
    names = names or sorted(path.parent.name for path in folder.glob("*/features.npz"))
    pieces = prepared_slices(folder, names, patient)
    click.echo(f"{len(pieces)} slices ({', '.join(names)}), {pieces[0].image.shape[1]} image features\n")
    click.echo(_table(pieces, _recipes(presets, ablations, overrides), by, range(seeds)))


@main.command()
@click.option("--n-slices", default=3, show_default=True)
@click.option("--side", default=14, show_default=True, help="Spots along one side.")
@presets_option
@seeds_option
@ablations_option
@set_option
def generated(n_slices, side, presets, seeds, ablations, overrides) -> None:
    """Slices whose expression follows from the image, its neighbours and exemplars elsewhere."""
    from helpers.paired import PairedSettings, paired_slices

    pieces = paired_slices(PairedSettings(n_slices=n_slices, side=side), seed=0)
    click.echo(_table(pieces, _recipes(presets, ablations, overrides), "slice", range(seeds)))


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--genes", default="", help="Genes to ask for and to look up, joined by commas.")
@click.option("--preset", "presets", multiple=True, default=("paper", "default"), show_default=True)
def panels(files, genes, presets) -> None:
    """Number of panel genes with the first, the first two ... references, and which of the genes are in."""
    from tissuegraph.presets import load_settings
    from tissuegraph.spahgc.asked import find_genes
    from tissuegraph.spahgc.panel import choose_panel

    references = [_counts_alone(path) for path in files]
    click.echo("| references | preset | genes | of those asked for | asked for | of those asked for |")
    click.echo("|---|---|---|---|---|---|")
    for number in range(1, len(files) + 1):
        serving = references[:number]
        asked = find_genes(filter(None, genes.split(",")), [each.gene_names for each in serving]).genes
        for preset in presets:
            settings = load_settings(preset, method="spahgc").panel
            cells = []
            for panel in (choose_panel(serving, settings), choose_panel(serving, settings, asked)):
                cells += [f"{len(panel):,}", ", ".join(gene for gene in asked if gene in panel) or "none"]
            click.echo(f"| {number} | {preset} | {' | '.join(cells)} |")


def _counts_alone(path: Path):
    """A slice of raw counts as an h5ad holds them, with a constant for an image."""
    from tissuegraph.io.reading import read_slice
    from tissuegraph.io.request import Request
    from tissuegraph.keys import GENE_ID, GENE_SYMBOL, SPATIAL
    from tissuegraph.spahgc.slices import HistologySlice

    data = read_slice(Request(path=path, sample=path.stem))
    return HistologySlice(
        name=path.stem, patient=None, group=None, image=np.ones((data.n_obs, 1)), position=data.obsm[SPATIAL],
        pitch=1.0, counts=data.X, genes=data.var_names, gene_ids=data.var[GENE_ID],
        symbols=data.var[GENE_SYMBOL],
    )  # fmt: skip


@main.command()
@click.option("--side", "sides", multiple=True, type=int, default=(20, 28, 40, 57, 80), show_default=True)
@click.option("--preset", default="default", show_default=True)
def edges(sides, preset) -> None:
    """Processor seconds of one epoch on slices of growing size; a slice is one graph up to 100,000 spots."""
    import torch
    from helpers.paired import PairedSettings, paired_slices

    from tissuegraph.presets import load_settings
    from tissuegraph.spahgc.baselines import Tuning
    from tissuegraph.spahgc.training import train_network
    from tissuegraph.spahgc.training_set import TrainingSet

    settings = load_settings(preset, ["graph.max_spots=100000"], method="spahgc")
    rows = []
    for side in sides:
        pieces = paired_slices(PairedSettings(n_slices=2, side=side), seed=0)
        training, cpu = TrainingSet(pieces, pieces[0].genes, settings, by="slice"), torch.device("cpu")
        started = time.process_time()
        graphs = training.graphs(Tuning(neighbours=7, penalty=10.0, start="ridge"), cpu)
        planned = time.process_time() - started
        n_edges = sum(graph().num_edges for graph in graphs)
        known = training.references
        size = {"n_features": known.n_features, "n_genes": len(known.genes), "device": cpu}
        train_network(graphs, settings, epochs=1, seed=0, **size)  # the first pass allocates
        started = time.process_time()
        train_network(graphs, settings, epochs=3, seed=0, **size)
        epoch = (time.process_time() - started) / 3
        rows.append((2 * side**2, n_edges, planned, epoch, 1e6 * epoch / n_edges))
    click.echo("| spots | edges | graphs, CPU s | one epoch, CPU s | µs per edge |\n|---|---|---|---|---|")
    for n_spots, n_edges, planned, epoch, each in rows:
        click.echo(f"| {n_spots:,} | {n_edges:,} | {planned:.2f} | {epoch:.3f} | {each:.2f} |")
    slope = np.polyfit(np.log([row[1] for row in rows]), np.log([row[3] for row in rows]), 1)[0]
    click.echo(f"\nTime grows as edges to the power {slope:.2f}.")


def prepared_slices(folder: Path, names, patient: str | None = None) -> list:
    """Slices as ingest.py, qc.py and encode_histology.py wrote them; patient: of all of them."""
    from tissuegraph.spahgc.members import Member

    return [
        Member(
            name=name,
            role="both",
            patient=patient or name.rstrip("0123456789"),
            group=None,
            slice_path=folder / name / "slice.h5ad",
            spots_path=folder / name / "spots.csv.gz",
            features_path=folder / name / "features.npz",
        ).read()
        for name in names
    ]


def _recipes(presets, ablations: bool, overrides) -> dict[str, tuple[str, list[str]]]:
    """Row title to preset and settings; ablations are of the first preset."""
    recipes = {f"SpaHGC, {preset}": (preset, list(overrides)) for preset in presets}
    if ablations:
        recipes |= {title: (presets[0], [*overrides, *change]) for title, change in ABLATIONS.items()}
    return recipes


def _table(pieces, recipes, by: str, seeds) -> str:
    from tissuegraph.presets import load_settings
    from tissuegraph.spahgc import protocol

    lines = [
        "| method | PCC x 100 | folds | seeds | PCC of spots x 100 | RMSE | inner PCC x 100 "
        "| epochs | genes | s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    shown_with = None
    for title, (preset, overrides) in recipes.items():
        settings = load_settings(preset, overrides, method="spahgc")
        started = time.perf_counter()
        results = protocol.evaluate(pieces, settings, by=by, seeds=list(seeds))
        seconds = (time.perf_counter() - started) / len(results)
        if shown_with != (settings.panel, settings.features):  # baselines depend on these topics only
            shown_with = (settings.panel, settings.features)
            lines += [_row(f"{name} ({preset}'s panel and scale)", name, results) for name in BASELINES]
        lines.append(_row(title, "spahgc", results, seconds))
        click.echo(lines[-1], err=True)
    return "\n".join(lines)


def _row(title: str, method: str, results, seconds: float | None = None) -> str:
    by_fold, by_seed = defaultdict(list), defaultdict(list)
    for result in results:
        pcc = result.scores[method].summary()["pcc"]
        by_fold[result.name].append(pcc)
        by_seed[result.seed].append(pcc)
    folds = [np.mean(values) for values in by_fold.values()]
    seeds = [np.mean(values) for values in by_seed.values()]
    summaries = [result.scores[method].summary() for result in results]
    inner = [result.inference.history["validation_pcc_of"][method] for result in results]
    epochs = sorted({result.inference.epochs_chosen for result in results})
    genes = sorted({len(result.genes) for result in results})
    return (
        f"| {title} | {100 * np.mean(folds):.1f} | ± {100 * np.std(folds):.1f} | ± {100 * np.std(seeds):.1f} "
        f"| {100 * np.mean([each['spot_pcc'] for each in summaries]):.1f} "
        f"| {np.mean([each['rmse'] for each in summaries]):.3f} | {100 * np.mean(inner):.1f} "
        f"| {_range(epochs) if method == 'spahgc' else ''} | {_range(genes)} "
        f"| {'' if seconds is None else f'{seconds:.0f}'} |"
    )


def _range(values) -> str:
    return str(values[0]) if values[0] == values[-1] else f"{values[0]}-{values[-1]}"


if __name__ == "__main__":
    main()
