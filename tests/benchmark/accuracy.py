#!/usr/bin/env python3
"""Score the pipeline on annotated slices: every recipe over several seeds, beside the controls.

\b
    accuracy.py --data ../shared/data             every recipe, 5 seeds
    accuracy.py --recipe paper --n-seeds 2        one recipe, fewer seeds
    accuracy.py --table-only                      tables of what earlier runs published

Each recipe is one run of the whole pipeline with a preset of its own, published in OUT/RECIPE; ingest,
quality control and baseline are shared through -resume. Labels are read for scores only, and the last
epoch counts. The tables are printed and written to OUT/accuracy.md; what failed is named in them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
PRESETS = Path(__file__).parent / "presets"
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from development_slices import SLICES, write_samplesheet  # noqa: E402
from tables import CONTROLS, score_tables, time_table  # noqa: E402

RECIPES = {  # name: parameters of the run
    "default": ["--preset", "default"],
    "two_layers": ["--preset", PRESETS / "two_layers.yaml"],
    "two_layers_without_fusion": ["--preset", PRESETS / "two_layers_without_fusion.yaml"],
    "without_contrastive": ["--preset", PRESETS / "without_contrastive.yaml"],
    "without_regulariser": ["--preset", PRESETS / "without_regulariser.yaml"],
    "paper": ["--preset", "paper"],
    "multist": ["--methods", "multist"],
}
folder = click.Path(file_okay=False, path_type=Path)


@click.command(help=__doc__)
@click.option("--data", type=folder, default=ROOT.parent / "shared" / "data", help="Folder of the slices.")
@click.option("--out", type=folder, default=ROOT / "results" / "benchmark", help="Folder to write to.")
@click.option("--recipe", "recipes", multiple=True, type=click.Choice(list(RECIPES)), help="Default: all.")
@click.option("--n-seeds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option("--table-only", is_flag=True, help="Run nothing.")
def main(data: Path, out: Path, recipes: tuple[str, ...], n_seeds: int, table_only: bool) -> None:
    out = out.resolve()
    if not table_only:
        if not data.is_dir():
            raise click.BadParameter(
                f"expected the folder of the development slices, got {data}; give --data"
            )
        out.mkdir(parents=True, exist_ok=True)
        sheet = write_samplesheet(SLICES, data.resolve(), out / "samplesheet.csv")
        for recipe in recipes or RECIPES:
            run_pipeline(recipe, sheet, out, n_seeds)
        if not (out / CONTROLS).exists():
            score_controls(out, n_seeds)
    tables = [*score_tables(out, list(RECIPES), SLICES), time_table(out / "default" / "pipeline_info")]
    text = "\n\n".join(tables)
    (out / "accuracy.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)


def run_pipeline(recipe: str, sheet: Path, out: Path, n_seeds: int) -> None:
    """One run, launched in `out`: all recipes share one work directory and one cache."""
    command = [ROOT / "engine" / "nextflow", "run", ROOT, "-resume", "--input", sheet]
    command += ["--outdir", out / recipe, *RECIPES[recipe], "--n_seeds", n_seeds]
    click.echo(f"{recipe}: {n_seeds} seeds on {len(SLICES)} slices", err=True)
    finished = subprocess.run([str(part) for part in command], cwd=out, stdout=sys.stderr)
    if finished.returncode:
        click.echo(f"{recipe}: the run ended with exit status {finished.returncode}", err=True)


def score_controls(out: Path, n_seeds: int) -> None:
    """The controls without a network once per seed, on the slices that the first recipe published.

    The pipeline runs them once, and their spread over seeds has to be known before a gain can be claimed.
    """
    import anndata

    from tissuegraph.clustering.baseline import baseline
    from tissuegraph.results.kept import annotation_codes
    from tissuegraph.scores.metrics import agreement_scores

    scores: dict[str, dict[str, list[dict[str, float]]]] = {"baseline": {}, "pca_kmeans": {}}
    for entry in SLICES:
        path = out / "default" / "slices" / entry.sample / f"{entry.sample}.h5ad"
        if not path.exists():
            continue
        data = anndata.read_h5ad(path)
        codes, _ = annotation_codes(data)
        for seed in range(n_seeds):
            found = baseline(data.layers["counts"], data.obsm["spatial"], entry.n_domains, seed)
            for key, labels in (("baseline", found.labels), ("pca_kmeans", found.pca_kmeans)):
                scores[key].setdefault(entry.sample, []).append(agreement_scores(labels, codes))
    (out / CONTROLS).write_text(json.dumps(scores), encoding="utf-8")


if __name__ == "__main__":
    main()
