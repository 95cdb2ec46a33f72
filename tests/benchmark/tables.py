"""Markdown tables from what benchmark runs published: scores per recipe and slice, time per process."""

from __future__ import annotations

import csv
import json
import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from development_slices import AnnotatedSlice

CONTROLS = "controls.json"
CONTROL_NAMES = {"baseline": "smoothed PCA, vote of mixtures", "pca_kmeans": "PCA, KMeans"}
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Cell:
    """One score on one slice or over slices; sd is None where there is one labelling only."""

    mean: float
    sd: float | None = None

    def __str__(self) -> str:
        text = f"{self.mean:.3f}"
        return text if self.sd is None else f"{text} ± {self.sd:.3f}"


@dataclass(frozen=True)
class Line:
    """One row: a recipe, how its labels were made, how many seeds, and its cells by slice."""

    recipe: str
    labels: str
    n_seeds: int
    cells: dict[str, Cell]


def mean_over(cells: Sequence[Cell | None]) -> Cell | None:
    """Mean over slices; None where one is missing.

    Its standard deviation over seeds takes the seeds of different slices as independent.
    """
    if not cells or any(cell is None for cell in cells):
        return None
    mean = sum(cell.mean for cell in cells) / len(cells)
    spreads = [cell.sd for cell in cells]
    if any(sd is None for sd in spreads):
        return Cell(mean)
    return Cell(mean, math.sqrt(sum(sd**2 for sd in spreads)) / len(cells))


def score_tables(out: Path, recipes: Sequence[str], slices: Sequence[AnnotatedSlice]) -> list[str]:
    """One table of ARI, one of NMI, and a line per slice that failed."""
    tables = []
    for score in ("ari", "nmi"):
        lines = _control_lines(out / CONTROLS, score)
        for recipe in recipes:
            found = _recipe_lines(recipe, _published(out / recipe, slices), score)
            # Ablations of a loss share the untrained network: its rows are shown once
            lines += [line for line in found if line.cells not in [known.cells for known in lines]]
        tables.append(f"{score.upper()}\n\n{markdown(*_score_rows(lines, slices))}")
    failures = [line for recipe in recipes for line in _failures(out / recipe, recipe, slices)]
    return tables + ["\n".join(["Failed or not run:", "", *failures] if failures else ["No slice failed."])]


def time_table(pipeline_info: Path) -> str:
    """Tasks, median and longest wall time, and largest resident memory per process of one run."""
    path = pipeline_info / "execution_trace.txt"
    if not path.exists():
        return "No trace of the default recipe."
    with open(path, newline="", encoding="utf-8") as file:
        tasks = [
            row for row in csv.DictReader(file, delimiter="\t") if row["status"] in ("COMPLETED", "CACHED")
        ]
    by_process: dict[str, list[dict[str, str]]] = {}
    for task in tasks:
        by_process.setdefault(task["name"].split(" ")[0].split(":")[-1], []).append(task)
    rows = []
    for process, group in by_process.items():
        wall = [seconds(task["realtime"]) for task in group]
        memory = max(gigabytes(task["peak_rss"]) for task in group)
        rows.append(
            [process, len(group), f"{statistics.median(wall):.1f}", f"{max(wall):.1f}", f"{memory:.2f}"]
        )
    head = ["process", "tasks", "median s", "longest s", "peak memory, GB"]
    return f"Wall time of the default recipe\n\n{markdown(head, rows)}"


def _published(folder: Path, slices: Sequence[AnnotatedSlice]) -> dict:
    """Slice -> the table of scores in its h5ad, for the slices that went through."""
    import anndata

    paths = {entry.sample: folder / "slices" / entry.sample / f"{entry.sample}.h5ad" for entry in slices}
    return {
        sample: anndata.read_h5ad(path, backed="r").uns["tissuegraph"]["scores"]
        for sample, path in paths.items()
        if path.exists()
    }


def _recipe_lines(recipe: str, published: dict, score: str) -> list[Line]:
    """Trained and untrained networks: seed by seed, and the consensus that the pipeline reports."""
    lines = []
    method, title = ("multist", "MultiST") if recipe == "multist" else ("stmfg", f"stMFG `{recipe}`")
    for key, what in ((method, ""), (f"{method}_untrained", ", untrained")):
        rows = {sample: scores.loc[key] for sample, scores in published.items()}
        if not rows:
            continue
        n_seeds = int(min(row["n_seeds"] for row in rows.values()))
        single = {name: Cell(row[f"{score}_mean"], row[f"{score}_sd"]) for name, row in rows.items()}
        agreed = {name: Cell(row[score]) for name, row in rows.items()}
        name = f"{title}{what}"
        lines += [Line(name, "single seeds", n_seeds, single), Line(name, "consensus", n_seeds, agreed)]
    return lines


def _control_lines(path: Path, score: str) -> list[Line]:
    if not path.exists():
        return []
    lines = []
    for key, by_slice in json.loads(path.read_text(encoding="utf-8")).items():
        if not by_slice:
            continue
        values = {name: [seed[score] for seed in seeds] for name, seeds in by_slice.items()}
        cells = {name: Cell(statistics.mean(v), statistics.stdev(v)) for name, v in values.items()}
        lines.append(Line(CONTROL_NAMES[key], "single seeds", min(map(len, values.values())), cells))
    return lines


def _score_rows(lines: Iterable[Line], slices: Sequence[AnnotatedSlice]) -> tuple[list[str], list[list]]:
    names, core = [s.sample for s in slices], [s.sample for s in slices if s.core]
    rows = []
    for line in lines:
        means = [mean_over([line.cells.get(name) for name in chosen]) for chosen in (core, names)]
        cells = [*(line.cells.get(name) for name in names), *means]
        rows.append([line.recipe, line.labels, line.n_seeds, *(cell or "none" for cell in cells)])
    return ["recipe", "labels", "seeds", *names, f"mean{len(core)}", f"mean{len(names)}"], rows


def _failures(folder: Path, recipe: str, slices: Sequence[AnnotatedSlice]) -> list[str]:
    table = folder / "slices.csv"
    if not table.exists():
        return [f"- `{recipe}`: not run, or the run did not finish (no slices.csv)"]
    with open(table, newline="", encoding="utf-8") as file:
        rows = {row["sample"]: row for row in csv.DictReader(file)}
    bad = [(s.sample, rows.get(s.sample, {"status": "absent", "reason": ""})) for s in slices]
    return [
        f"- `{recipe}`, {sample}: {row['status']} {row['reason']}".rstrip()
        for sample, row in bad
        if row["status"] in ("failed", "absent")
    ]


def markdown(head: Sequence[str], rows: Iterable[Sequence]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def seconds(text: str) -> float:
    """Seconds of a duration such as `1m 2s` or `950ms`."""
    parts = re.findall(r"([\d.]+)\s*(ms|s|m|h|d)", text)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def gigabytes(text: str) -> float:
    """Gigabytes of a size such as `512.3 MB`; 0 where the trace has none."""
    found = re.match(r"([\d.]+)\s*([KMGT]?)B", text)
    return float(found[1]) * 1024 ** " KMGT".index(found[2] or " ") / 1e9 if found else 0.0
