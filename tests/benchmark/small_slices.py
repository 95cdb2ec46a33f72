#!/usr/bin/env python3
"""CPU seconds that each step takes for one small slice, most of which is starting up.

\b
    small_slices.py                       the table of docs/benchmarks.md
    small_slices.py --keep steps          keep the files of all steps in a folder
    small_slices.py --only assemble       one step again, from the files that lie there
    small_slices.py --together 8          of eight slices in one task, the share of each

The scripts of bin/ run one after another as tasks do: from a fresh copy of the code, with the environment of
nextflow.config and caches of their own. CPU seconds, user and system together, depend less on what else the
machine runs than time does. The first of the slices pays for what later ones find, as bytecode, and is not
counted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from tables import markdown  # noqa: E402

TRAINING = "train"
METHOD = "stmfg"


@dataclass(frozen=True)
class Step:
    """One task: its script, its words, and the distributions whose versions it tells."""

    name: str
    words: tuple[str, ...]
    told: tuple[str, ...]


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a step's script and of telling its versions, of one slice."""

    script: float
    versions: float


@click.command(help=__doc__)
@click.option("--spots", type=click.IntRange(min=50), default=400, show_default=True)
@click.option("--slices", type=click.IntRange(min=1), default=3, show_default=True, help="Counted slices.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Folder for all files.")
@click.option("--only", "only", multiple=True, help="Steps to run again in the folder of --keep.")
@click.option(
    "--together", type=click.IntRange(min=1), default=1, show_default=True, help="Slices in a task."
)
def main(spots: int, slices: int, keep: Path | None, only: tuple[str, ...], together: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep.resolve() if keep else Path(scratch)
        code = fresh_copy(Path(scratch))
        if not only:
            write_input(folder, spots)
        steps = [step for step in all_steps(folder) if not only or step.name in only]
        runs = [[cost_of(step, folder, code, together) for step in steps] for _ in range(slices + 1)][1:]
    click.echo(table(steps, runs))


def fresh_copy(scratch: Path) -> Path:
    """bin/ of a copy of what the steps read, without the bytecode of earlier runs."""
    for name in ("bin", "assets"):
        shutil.copytree(ROOT / name, scratch / "code" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return scratch / "code" / "bin"


def write_input(folder: Path, spots: int) -> None:
    """One generated Space Ranger directory with annotation and image, and what the engine writes."""
    from tissuegraph.presets import load_settings
    from tissuegraph.presets.method import read_by
    from tissuegraph.synthetic.cohorts import plan, write_cohort

    first = plan("test")[0]
    write_cohort([replace(first, name="small", settings=replace(first.settings, n_spots=spots))], folder)
    settings = load_settings(f"{METHOD}/default").as_dict()
    topics = [name for name in settings if name != "method"]
    for step in ("graph", TRAINING, "cluster"):
        own = {"method": METHOD} | {name: settings[name] for name in read_by(step, topics)}
        (folder / f"{step}.yaml").write_text(json.dumps(own))
    (folder / "row.json").write_text(json.dumps({"platform": "visium", "role": "reference"}))
    (folder / "thresholds.json").write_text(json.dumps({"min_counts": 10, "min_genes": 5}))


def all_steps(folder: Path) -> list[Step]:
    """Tasks of one slice in their order, with the words and versions of modules/local/*/main.nf."""
    kept = ("--slice", "parts/slice.h5ad", "--spots", "parts/spots.csv.gz")
    assembled = ("--h5ad", "out/small.h5ad")
    preset = {name: ("--preset", f"{name}.yaml") for name in ("graph", TRAINING, "cluster")}
    arrays, embedding = f"parts/{METHOD}.arrays.npz", f"parts/{METHOD}.embedding.npz"
    words = {
        "ingest": (
            *("--row", "row.json", "--path", "small/outs", "--annotation", "small/annotation.csv"),
            *("--slice", "parts/slice.h5ad", "--facts", "facts.json"),
        ),
        "qc": (*kept, "--thresholds", "thresholds.json"),
        "graph": (*kept, *preset["graph"], "--arrays", arrays),
        "estimate": (*kept, "--n-seeds", "5", "--evidence", "small.evidence.npz"),
        "baseline": (*kept, "--n-domains", "4", "--domains", "parts/baseline.npz"),
        TRAINING: ("--arrays", arrays, *preset[TRAINING], "--n-seeds", "2", "--embedding", embedding),
        "cluster": (
            *("--arrays", arrays, "--embedding", embedding, "--n-domains", "4", *preset["cluster"]),
            *("--domains", f"parts/{METHOD}.domains.npz"),
        ),
        "assemble": ("--parts", "parts", "--methods", METHOD, "--figures", "png,svg", "--outdir", "out"),
        "markers": (*assembled, "--seed", "0", "--figures", "png,svg", "--outdir", "found"),
        "spatial_genes": (*assembled, "--figures", "png,svg", "--outdir", "found"),
        "complete": (*assembled, "--found", "found", "--completed", "out/complete.h5ad"),
        "explore": ("--h5ad", "out/complete.h5ad", "--page", "out/small.html"),
    }
    return [
        Step(name, ("--sample", "small", *own, "--record", _record(name)), _versions(name))
        for name, own in words.items()
    ]


def _record(step: str) -> str:
    if step in ("graph", TRAINING, "cluster"):
        return f"parts/{METHOD}.{step}.json"
    return f"parts/{step}.json" if step in ("ingest", "qc", "baseline") else f"{step}.json"  # not assembled


def _versions(step: str) -> tuple[str, ...]:
    """The distributions whose versions a module asks for."""
    text = (ROOT / "modules" / "local" / step / "main.nf").read_text(encoding="utf-8")
    return tuple(re.search(r"versions\.py ([^']+)'", text)[1].split())


def task_environment(folder: Path) -> dict[str, str]:
    """What nextflow.config gives every task, with caches in the folder, which is emptied of them."""
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    block = re.search(
        r"^env \{(.*?)^\}", (ROOT / "nextflow.config").read_text(encoding="utf-8"), re.M | re.S
    )[1]
    given = dict(re.findall(r"^ +(\w+) += '([^']*)'", block, re.M))
    own = {name: value.replace("$PWD", str(folder)) for name, value in given.items()}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return plain | own | {"OMP_NUM_THREADS": "1", "PATH": path}


def cost_of(step: Step, folder: Path, code: Path, together: int = 1) -> Cost:
    """Run a step's script and the one that tells versions, as its task does.

    together: slices that share the task, here the same one again and again; each bears its share.
    """
    (folder / "parts").mkdir(exist_ok=True)
    environment, launcher = task_environment(folder), str(code / "tissuegraph-run")
    words = [f"{step.name}.py", *step.words]
    if together > 1:
        commands = [{"folder": ".", "words": step.words}] * together
        (folder / "commands.json").write_text(json.dumps(commands))
        words = ["several.py", words[0], "commands.json"]
    script = cpu_seconds([launcher, *words], folder, environment)
    record = json.loads((folder / step.words[-1]).read_text(encoding="utf-8"))
    if record["status"] == "failed":
        raise click.ClickException(f"{step.name} failed: {record['reasons']}")
    versions = cpu_seconds([launcher, "versions.py", *step.told], folder, environment)
    return Cost(script / together, versions / together)


def cpu_seconds(command: Sequence[str], folder: Path, environment: dict[str, str]) -> float:
    """User and system time of a process and of all that it waited for; raises where it fails."""
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{' '.join(command[:2])} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def table(steps: Sequence[Step], runs: Sequence[Sequence[Cost]]) -> str:
    """Medians over the slices by step, and their sums with and without training."""
    rows, sums = [], {True: [0.0, 0.0], False: [0.0, 0.0]}
    for step, costs in zip(steps, zip(*runs, strict=True), strict=True):
        parts = [
            statistics.median(values) for values in zip(*((c.script, c.versions) for c in costs), strict=True)
        ]
        own = sums[step.name == TRAINING]
        own[:] = [had + part for had, part in zip(own, parts, strict=True)]
        rows.append([step.name.upper(), *(f"{value:.2f}" for value in (*parts, sum(parts)))])
    beyond = sums[False]
    rows.append(["beyond training", *(f"{value:.2f}" for value in (*beyond, sum(beyond)))])
    return markdown(["step", "script: CPU s", "versions: CPU s", "together"], rows)


if __name__ == "__main__":
    main()
