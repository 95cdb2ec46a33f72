#!/usr/bin/env python3
"""Time and peak memory of every step of a whole run, from a platform's directory to the report.

\b
    whole_run.py --scratch /tmp                              the sizes of docs/benchmarks.md
    whole_run.py --platform xenium --size 50000              one run
    whole_run.py --size 500000 --beside 200                  with a small section in the same samplesheet
    whole_run.py --size 4000 -- -profile docker              more options for the engine after --

A section is generated as Space Ranger (bins of 8 um, 18,000 genes, 2 % non-zero) or Xenium (300 genes and
control probes) writes it, and run with `nextflow run`: the number of domains is estimated, an annotation is
given for scores only. Data and work directory are deleted after each run; its table is printed, with the
memory that each task asked for (subworkflows/local/resources) beside what it took.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from tables import gigabytes, markdown, seconds  # noqa: E402

WRITERS = {"visium_hd": "write_visium_hd", "xenium": "write_xenium"}
SIZES = {"visium_hd": (4_000, 50_000, 200_000, 400_000), "xenium": (4_000, 50_000, 200_000, 500_000)}


@click.command(help=__doc__)
@click.option(
    "--platform", "platforms", multiple=True, type=click.Choice(list(WRITERS)), default=list(WRITERS)
)
@click.option("--size", "sizes", multiple=True, type=click.IntRange(min=1000), help="Spots; default: all.")
@click.option("--n-seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Of --n_seeds.")
@click.option("--epochs", type=click.IntRange(min=1), help="Of training; the preset's 100 where not given.")
@click.option("--beside", type=click.IntRange(min=100), help="Spots of a second section in the samplesheet.")
@click.option("--scratch", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option("--keep", is_flag=True, help="Keep data, results and work directory.")
@click.argument("more", nargs=-1)
def main(
    platforms: tuple[str, ...], sizes: tuple[int, ...], n_seeds: int, epochs: int | None,
    beside: int | None, scratch: Path | None, keep: bool, more: tuple[str, ...],
) -> None:  # fmt: skip
    for platform in platforms:
        for size in sizes or SIZES[platform]:
            if keep:
                folder = (scratch or Path.cwd()) / f"{platform}_{size}"
                folder.mkdir(exist_ok=True)
                click.echo(one_run(platform, (size, beside), n_seeds, epochs, folder, more) + "\n")
                continue
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                click.echo(one_run(platform, (size, beside), n_seeds, epochs, Path(folder), more) + "\n")


def one_run(
    platform: str,
    sizes: tuple[int, int | None],
    n_seeds: int,
    epochs: int | None,
    folder: Path,
    more: tuple[str, ...],
) -> str:
    """Generate, run, and return the table; sizes: spots of the section, and of one beside it, if any."""
    size, beside = sizes
    facts = generated(platform, size, folder, "section")
    if beside:
        generated(platform, beside, folder, "small")
    rows = [
        f"{name},{folder / name},{_sheet_name(platform)},{folder / name}.annotation.csv\n"
        for name in ("section", "small")[: 2 if beside else 1]
    ]
    sheet = folder / "sheet.csv"
    sheet.write_text("".join(["sample,path,platform,annotation\n", *rows]))
    command = [ROOT / "engine" / "nextflow", "run", ROOT, "-ansi-log", "false", "--input", sheet]
    command += ["--outdir", folder / "results", "--n_seeds", n_seeds, "-c", _machine(folder)]
    if epochs:
        preset = folder / "preset.yaml"
        preset.write_text(f"method: stmfg\nextends: default\noptimiser:\n  epochs: {epochs}\n")
        command += ["--stmfg_preset", preset]
    command += more
    environment = os.environ | {"NXF_HOME": str(folder / ".nxf")}
    load = os.getloadavg()[1]
    started = time.perf_counter()
    run = subprocess.Popen([str(word) for word in command], cwd=folder, stdout=sys.stderr, env=environment)
    most = 0.0
    while run.poll() is None:
        most = max(most, _memory_of_tree(run.pid))
        time.sleep(1)
    elapsed = time.perf_counter() - started
    head = (
        f"{platform}, {size:,} spots x {facts['genes']:,} genes ({facts['share']:.1%} non-zero), "
        f"{n_seeds} seed(s){f' of {epochs} epochs' if epochs else ''}: {elapsed / 60:.1f} min, "
        f"exit status {run.returncode}, at most {most:.1f} GB in use at once (engine included), "
        f"load {load:.1f} before and {os.getloadavg()[1]:.1f} after"
    )
    return f"{head}\n\n{trace_table(folder / 'results')}\n\n{told(folder / 'results')}"


def generated(platform: str, size: int, folder: Path, name: str) -> dict[str, float]:
    """Write the section in a process of its own, so that none of its memory is left; genes and non-zeros."""
    known = folder / f"{name}.json"
    if not known.exists():
        code = (
            f"import json; from pathlib import Path; "
            f"from helpers.large_runs import {WRITERS[platform]} as write; "
            f"share = write(Path('{name}'), {size}); "
            f"Path('{name}.json').write_text(json.dumps(share))"
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "bin"), str(ROOT / "tests")])}
        subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
    genes = {"visium_hd": 18_000, "xenium": 300}[platform]
    return {"genes": genes, "share": json.loads(known.read_text())}


def _machine(folder: Path) -> Path:
    """Configuration of a machine of 2 cores and 16 GB, whatever this one has."""
    path = folder / "machine.config"
    fields = "name,status,exit,attempt,memory,realtime,%cpu,peak_rss"
    path.write_text(
        "executor { cpus = 2\n memory = '16 GB' }\nprocess.resourceLimits = [cpus: 2, memory: 16.GB]\n"
        f"trace.fields = '{fields}'\n"
    )
    return path


def _memory_of_tree(root: int) -> float:
    """GB that a process and all its descendants hold, shared pages counted once (proportional set size)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended
                continue
            children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e9


def _sheet_name(platform: str) -> str:
    return {"visium_hd": "visium", "xenium": "xenium"}[platform]


def trace_table(results: Path) -> str:
    """One row per attempt of a task: wall and CPU seconds, and largest resident memory."""
    path = results / "pipeline_info" / "execution_trace.txt"
    if not path.exists():
        return "No trace."
    with path.open(encoding="utf-8") as lines:
        tasks = list(csv.DictReader(lines, delimiter="\t"))
    rows = []
    for task in tasks:
        wall = seconds(task["realtime"])
        share = float(task["%cpu"].rstrip("%") or 0) / 100 if task["%cpu"] != "-" else 0.0
        name = task["name"].split(":")[-1].removesuffix(" (section)")
        state = "" if task["status"] == "COMPLETED" else f" ({task['status'].lower()}, {task['exit']})"
        memory = [f"{gigabytes(task[field]):.2f}" for field in ("peak_rss", "memory")]
        rows.append([name + state, f"{wall:.0f}", f"{wall * share:.0f}", *memory])
    return markdown(["process", "s", "CPU s", "peak memory, GB", "asked for, GB"], rows)


def told(results: Path) -> str:
    """What slices.csv says of the section, and the sizes of the report and of its pictures."""
    table = results / "slices.csv"
    if not table.exists():
        return "No slices.csv."
    with table.open(encoding="utf-8") as lines:
        row = next(csv.DictReader(lines))
    wanted = ("status", "n_spots", "n_genes", "n_domains", "ari", "reason")
    sizes = {
        path.name: path.stat().st_size / 1e6
        for path in sorted([*results.glob("slices/section/*"), *results.glob("multiqc/*.html")])
    }
    listed = ", ".join(f"{name} {size:.2f} MB" for name, size in sizes.items())
    return f"{ {name: row[name] for name in wanted if name in row} }\n\n{listed}"


if __name__ == "__main__":
    main()
