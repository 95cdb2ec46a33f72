#!/usr/bin/env python3
"""What characterising finds: planted truth, known markers of annotated tissue, and what it costs.

\b
    biology.py planted --scratch /tmp             a generated cohort of two conditions, against its truth
    biology.py known --data DATA --scratch /tmp   known markers of cortical layers in unlabelled domains
    biology.py scale --scratch /tmp               24 sections of 4,000 spots: seconds and memory

Each part is a run of the pipeline into a folder of SCRATCH, where a second call goes on.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from tables import gigabytes, markdown, seconds  # noqa: E402

# Gene -> layers that it is known to mark; of the human cortex by Ensembl identifier (Maynard et al. 2021),
# of the mouse by symbol (Wang et al. 2018, Tasic et al. 2018)
HUMAN = {
    "ENSG00000197971": ("MBP", "WM"), "ENSG00000168314": ("MOBP", "WM"), "ENSG00000123560": ("PLP1", "WM"),
    "ENSG00000131095": ("GFAP", "L1 WM"), "ENSG00000171885": ("AQP4", "L1"),
    "ENSG00000189056": ("RELN", "L1"), "ENSG00000115756": ("HPCAL1", "L2"),
    "ENSG00000111249": ("CUX2", "L2 L3"), "ENSG00000164326": ("CARTPT", "L2 L3"),
    "ENSG00000171617": ("ENC1", "L2 L3"), "ENSG00000183036": ("PCP4", "L5"),
    "ENSG00000186854": ("TRABD2A", "L5"), "ENSG00000128422": ("KRT17", "L6"),
}  # fmt: skip
MOUSE = {
    "Reln": "L1", "Ndnf": "L1", "Cux2": "L2/3", "Rasgrf2": "L2/3", "Otof": "L2/3", "Nov": "L2/3",
    "Rorb": "L4 L5", "Scnn1a": "L4", "Pcp4": "L5 L6", "Etv1": "L5", "Deptor": "L5", "Fezf2": "L5",
    "Foxp2": "L6", "Syt6": "L6", "Tbr1": "L6", "Rprm": "L6", "Ctgf": "L6", "Tle4": "L6", "Mog": "cc",
}  # fmt: skip
SECTIONS = {  # sample: path below the data, annotation, number of annotated regions, known markers
    "151673": ("dlpfc/151673/outs", "dlpfc/151673/annotation.csv", 7, HUMAN),
    "151675": ("dlpfc/151675.h5ad", "ground_truth", 7, HUMAN),
    "mpfc_BZ5": ("starmap/mpfc_BZ5.h5ad", "ground_truth", 4, MOUSE),
    "mpfc_BZ9": ("starmap/mpfc_BZ9.h5ad", "ground_truth", 4, MOUSE),
}
CHARACTERISING = (
    "MARKERS", "SPATIAL_GENES", "TRAJECTORY", "INTERACTIONS", "ENRICHMENT", "DENOISE", "COMPLETE",
    "COMPOSITION", "DIFFERENTIAL",
)  # fmt: skip


@click.group(help=__doc__)
def main() -> None:
    pass


scratch_option = click.option(
    "--scratch", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)


@main.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--n-seeds", type=click.IntRange(min=1), default=3, show_default=True)
@scratch_option
def known(data: Path, n_seeds: int, scratch: Path) -> None:
    """Rank of known markers in the domain that they mark best, beside what that domain was annotated as."""
    folder = scratch / "known"
    folder.mkdir(exist_ok=True)
    rows = ["sample,path,annotation,n_domains\n"]
    for sample, (path, annotation, n_domains, _genes) in SECTIONS.items():
        place = data.resolve() / annotation
        rows.append(
            f"{sample},{data.resolve() / path},{place if place.exists() else annotation},{n_domains}\n"
        )
    sheet = folder / "sheet.csv"
    sheet.write_text("".join(rows))
    run(folder, sheet, "--n_seeds", n_seeds)
    for sample, (_path, _annotation, _n_domains, genes) in SECTIONS.items():
        click.echo(f"\n{sample}\n\n{known_markers(folder / 'results' / 'slices' / sample, sample, genes)}")


def known_markers(folder: Path, sample: str, genes: dict[str, str | tuple[str, str]]) -> str:
    """One row per known marker that the slice measures and the table has."""
    annotated = annotation_of_domains(folder / f"{sample}.h5ad")
    found = {}
    with (folder / f"{sample}.markers.csv").open() as lines:
        for row in csv.DictReader(lines):
            if row["gene"] in genes:
                best = found.get(row["gene"])
                if best is None or float(row["auc"]) > float(best["auc"]):
                    found[row["gene"]] = row
    rows = []
    for gene, told in genes.items():
        name, layers = told if isinstance(told, tuple) else (gene, told)
        row = found.get(gene)
        if row is None:
            continue
        region, share = annotated[row["domain"]]
        fits = "yes" if region in layers.split() else "no"
        figures = [row["rank"], f"{float(row['auc']):.2f}", f"{float(row['log2_fold_change']):.2f}"]
        rows.append([name, layers, row["domain"], f"{region} ({share:.0%})", fits, *figures])
    absent = [
        told[0] if isinstance(told, tuple) else gene for gene, told in genes.items() if gene not in found
    ]
    head = ["gene", "known of", "marks domain", "annotated mostly as", "fits", "rank", "AUC", "log2 fold"]
    missing = f"Not in the table (not measured, or no domain's): {', '.join(absent) or 'none'}"
    return f"{markdown(head, rows)}\n\n{missing}"


def annotation_of_domains(path: Path) -> dict[str, tuple[str, float]]:
    """The annotated region of most labelled spots of each domain, and their share."""
    obs, found = spots(path), {}
    for domain, labels in obs.groupby("domain", observed=True)["annotation"]:
        shares = labels.dropna().astype(str).str.replace("Layer ", "L").value_counts(normalize=True)
        found[str(domain)] = (shares.index[0], float(shares.iloc[0])) if len(shares) else ("", 0.0)
    return found


@main.command()
@click.option("--n-seeds", type=click.IntRange(min=1), default=1, show_default=True)
@scratch_option
def planted(n_seeds: int, scratch: Path) -> None:
    """What was planted in a generated cohort of two conditions, and where it was found."""
    folder = scratch / "planted"
    folder.mkdir(exist_ok=True)
    if not (folder / "data" / "truth.json").exists():
        script = ROOT / "bin" / "simulate.py"
        subprocess.run(
            [sys.executable, script, "--out", folder / "data", "--preset", "conditions"], check=True
        )
    truth = json.loads((folder / "data" / "truth.json").read_text())
    gene = next(name for name, way in truth["gradient"]["genes"].items() if way == "shallower")
    options = ["--characterise", "markers,spatial_genes,trajectory,interactions", "--root", gene]
    options += ["--interaction_pairs", folder / "data" / "pairs.csv", "--n_seeds", n_seeds]
    run(folder, folder / "data" / "samplesheet.csv", *options)
    click.echo(found_again(folder / "results", truth))


def found_again(results: Path, truth: dict) -> str:
    """One row per planted thing: what was asked of it, and what came out over the sections."""
    import pandas as pd

    leading, named, follows, places = 0, 0, [], []
    pair = truth["interaction"]
    changed = truth["share_change"]["domain"], truth["differential"]["domain"]
    numbers: dict[str, list[str]] = {layer: [] for layer in changed}
    for section in truth["sections"]:
        sample = section["sample"]
        folder = results / "slices" / sample
        obs = spots(folder / f"{sample}.h5ad")
        layers = pd.crosstab(obs["domain"].astype(str), obs["annotation"].astype(str), normalize="index")
        markers = pd.read_csv(folder / f"{sample}.markers.csv", dtype={"domain": str})
        for domain, layer in layers.idxmax(axis=1).items():
            first = markers[(markers["domain"] == domain) & (markers["rank"] <= 5)]["gene"]
            leading += len(set(truth["markers"][layer]) & set(first))
            named += len(truth["markers"][layer])
            if layer in numbers:
                numbers[layer].append(domain)
        depth = obs[next(name for name in obs if truth["gradient"]["column"] in name)]
        follows.append(obs["pseudotime"].corr(depth, method="spearman"))
        table = pd.read_csv(folder / f"{sample}.interactions.csv")
        own = (table["ligand"] == pair["ligand"]) & (table["receptor"] == pair["receptor"])
        places.append(int(table[own]["rank"].min()))
    shares = pd.read_csv(results / "cohort/conditions/composition_test.csv", dtype={"domain": str})
    genes = pd.read_csv(results / "cohort/conditions/differential.csv", dtype={"domain": str})
    said = genes[genes["p_adjusted"] <= 0.1]
    other, wanted = (max(set(numbers[layer]), key=numbers[layer].count) for layer in changed)
    true = said[(said["domain"] == wanted) & said["gene"].isin(truth["differential"]["log2_fold_changes"])]
    change = shares.set_index("domain").loc[other]
    n_planted = len(truth["differential"]["log2_fold_changes"])
    return markdown(
        ["planted", "found"],
        [
            ["three markers of each domain", f"{leading} of {named} among the first five of their domain"],
            [
                "a gradient along depth",
                f"Spearman with pseudotime {min(follows):.2f} to {max(follows):.2f}, {len(follows)} sections",
            ],
            [
                "a pair at one border",
                f"among the first three in {sum(place <= 3 for place in places)} of {len(places)} sections",
            ],
            [
                "a change of one domain's share",
                f"log2 {change['effect']:.2f}, p {change['p_value']:.3f}, adjusted "
                f"{change['p_adjusted']:.3f}; "
                f"other domains with an adjusted p of at most 0.05: "
                f"{(shares['p_adjusted'] <= 0.05).sum() - (change['p_adjusted'] <= 0.05)}",
            ],
            [
                f"{n_planted} genes that differ in one domain",
                f"{len(true)} at an FDR of 0.1, and {len(said) - len(true)} others",
            ],
        ],
    )


def spots(path: Path):
    """Columns of obs of a published slice."""
    import h5py
    from anndata.io import read_elem

    with h5py.File(path) as file:
        return read_elem(file["obs"])


@main.command()
@click.option("--n-sections", type=click.IntRange(min=1), default=24, show_default=True)
@click.option("--size", type=click.IntRange(min=100), default=4000, show_default=True)
@click.option("--n-seeds", type=click.IntRange(min=1), default=3, show_default=True)
@scratch_option
def scale(n_sections: int, size: int, n_seeds: int, scratch: Path) -> None:
    """Seconds per section and peak memory of every process, and the share of what characterises."""
    folder = scratch / f"scale_{n_sections}"
    folder.mkdir(exist_ok=True)
    rows = ["sample,path,platform,group,patient,condition\n"]
    for k in range(n_sections):
        name = f"s{k:02d}"
        if not (folder / name).exists():
            write = f"write_visium_hd(Path('{name}'), {size})"
            code = f"from pathlib import Path; from helpers.large_runs import write_visium_hd; {write}"
            environment = os.environ | {"PYTHONPATH": f"{ROOT / 'bin'}{os.pathsep}{ROOT / 'tests'}"}
            subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
        rows.append(f"{name},{folder / name},visium,g,p{k // 2},{'case' if k % 4 < 2 else 'control'}\n")
    sheet = folder / "sheet.csv"
    sheet.write_text("".join(rows))
    elapsed = run(folder, sheet, "--n_seeds", n_seeds, "--n_domains", 7)
    click.echo(f"{n_sections} sections of {size:,} spots: {elapsed / 60:.1f} min\n")
    click.echo(cost(folder / "results", n_sections))


def cost(results: Path, n_sections: int) -> str:
    """By process: CPU seconds per section and largest memory; then the share of what characterises."""
    with (results / "pipeline_info" / "execution_trace.txt").open(encoding="utf-8") as lines:
        tasks = [task for task in csv.DictReader(lines, delimiter="\t") if task["%cpu"] != "-"]
    spent: dict[str, float] = {}
    most: dict[str, float] = {}
    for task in tasks:
        name = task["name"].split(" ")[0].split(":")[-1]
        cpu = seconds(task["realtime"]) * float(task["%cpu"].rstrip("%")) / 100
        spent[name] = spent.get(name, 0.0) + cpu
        most[name] = max(most.get(name, 0.0), gigabytes(task["peak_rss"]))
    rows = [[name, f"{spent[name] / n_sections:.1f}", f"{most[name]:.2f}"] for name in spent]
    share = sum(spent.get(name, 0.0) for name in CHARACTERISING) / sum(spent.values())
    table = markdown(["process", "CPU s per section", "peak memory, GB"], rows)
    return f"{table}\n\nCharacterising: {share:.0%} of all CPU seconds"


def run(folder: Path, sheet: Path, *options: object) -> float:
    """Run the pipeline in `folder`, going on where it was; seconds that it took."""
    config = folder / "trace.config"
    config.write_text("trace.fields = 'name,status,exit,attempt,memory,realtime,%cpu,peak_rss'\n")
    command = [ROOT / "engine" / "nextflow", "run", ROOT, "-ansi-log", "false", "-resume", "-c", config]
    command += ["--input", sheet, "--outdir", folder / "results", *options]
    started = time.perf_counter()
    environment = os.environ | {"NXF_HOME": str(folder / ".nxf")}
    subprocess.run(
        [str(word) for word in command], cwd=folder, check=True, stdout=sys.stderr, env=environment
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
