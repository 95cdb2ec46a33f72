#!/usr/bin/env python3
"""A cohort of 36 slices through SLURM: all development slices, generated ones, and one that cannot be read.

\b
    slurm_cohort.py --data DATA --scratch /tmp

SLURM is one of its own on this machine, as in tests/pipeline/test_slurm.py: one node, two partitions, job
arrays as the profile has them. The results stay in SCRATCH/slurm_cohort, where a second call goes on. Printed
are how the run ended, its time, and tasks, attempts and peak memory by process.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from helpers.slurm import one_node_slurm  # noqa: E402
from helpers.slurm_runs import Engine  # noqa: E402
from tables import gigabytes, markdown, seconds  # noqa: E402

COLUMNS = ("sample", "path", "image", "annotation", "n_domains", "group")
SITE = """
process.resourceLimits = [cpus: 2, memory: 20.GB]
process { withLabel: process_gpu { queue = 'gpu'
 ext.device = 'auto' } }
executor { pollInterval = '2 sec'
 queueStatInterval = '5 sec' }
trace.fields = 'name,status,exit,attempt,memory,realtime,%cpu,peak_rss'
"""


@click.command(help=__doc__)
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--scratch", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--n-slices", type=click.IntRange(min=2), default=36, show_default=True)
@click.option("--n-seeds", type=click.IntRange(min=1), default=1, show_default=True)
def main(data: Path, scratch: Path, n_slices: int, n_seeds: int) -> None:
    folder = scratch / "slurm_cohort"
    folder.mkdir(exist_ok=True)
    rows = [*development_rows(data.resolve()), broken_row(folder)]
    rows += generated_rows(folder, n_slices - len(rows))
    with (folder / "sheet.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    options = [
        "--input",
        folder / "sheet.csv",
        "--outdir",
        folder / "results",
        "--n_seeds",
        n_seeds,
        "-resume",
    ]
    with one_node_slurm(cpus=2, memory=24_000) as slurm:
        started = time.perf_counter()
        with Engine(slurm, folder / "launch", ROOT, SITE, *options) as engine:
            said = engine.finish(4 * 3600)
        elapsed = time.perf_counter() - started
        states = Counter(job["JobState"] for job in slurm.jobs())
        arrays = {job["ArrayJobId"] for job in slurm.jobs() if "ArrayJobId" in job}
    click.echo(said[-1500:])
    click.echo(
        f"{len(rows)} slices, {n_seeds} seed(s): {elapsed / 60:.1f} min; jobs {dict(states)}, "
        f"{len(arrays)} arrays\n\n{by_process(folder / 'results')}"
    )


def development_rows(data: Path) -> list[dict[str, str]]:
    """All slices below the data folder, sections of one tissue as a group."""
    rows = [
        {"sample": "151673", "path": str(data / "dlpfc/151673/outs"), "n_domains": "7", "group": "dlpfc"},
        {"sample": "tiny", "path": str(data / "fixtures/scanpy_visium_tiny/outs"), "n_domains": "3"},
    ]
    for path in sorted(data.glob("*/*.h5ad")):
        image = path.with_name(f"{path.stem}_HE.jpg")
        tissue = path.parent.name if path.parent.name != "her2st" else f"patient_{path.stem[0]}"
        alone = path.stem == "visual_cortex_BY3"
        rows.append({
            "sample": path.stem, "path": str(path), "image": str(image) if image.exists() else "",
            "group": "" if alone else tissue,
        })  # fmt: skip
    return rows


def broken_row(folder: Path) -> dict[str, str]:
    """A file that ends in its middle, as after a copy that was cut off."""
    whole = (ROOT / "tests" / "data" / "patchy.h5ad").read_bytes()
    path = folder / "cut_off.h5ad"
    path.write_bytes(whole[: len(whole) // 2])
    return {"sample": "cut_off", "path": str(path), "n_domains": "3"}


def generated_rows(folder: Path, n_slices: int) -> list[dict[str, str]]:
    """Slices of simulate.py, without groups."""
    out = folder / "generated"
    if not (out / "samplesheet.csv").exists():
        command = [
            ROOT / "bin" / "simulate.py",
            "--out",
            out,
            "--preset",
            "demo",
            "--n-slices",
            str(n_slices),
        ]
        subprocess.run([sys.executable, *command], check=True)
    with (out / "samplesheet.csv").open() as lines:
        found = list(csv.DictReader(lines))
    for row in found:
        for name in ("path", "annotation"):
            if row.get(name) and (out / row[name]).exists():
                row[name] = str(out / row[name])
    return [{name: row[name] for name in ("sample", "path", "annotation", "n_domains")} for row in found]


def by_process(results: Path) -> str:
    """Tasks, attempts beyond the first, seconds, and memory asked for and taken, by process."""
    with (results / "pipeline_info" / "execution_trace.txt").open(encoding="utf-8") as lines:
        tasks = list(csv.DictReader(lines, delimiter="\t"))
    rows = []
    names = [task["name"].split(" ")[0].split(":")[-1] for task in tasks]
    for wanted in dict.fromkeys(names):
        mine = [task for task, name in zip(tasks, names, strict=True) if name == wanted]
        rows.append([
            wanted, str(len(mine)), str(sum(task["attempt"] != "1" for task in mine)),
            str(sum(task["status"] not in ("COMPLETED", "CACHED") for task in mine)),
            f"{sum(seconds(task['realtime']) for task in mine):.0f}",
            f"{max(gigabytes(task['peak_rss']) for task in mine):.2f}",
        ])  # fmt: skip
    return markdown(["process", "tasks", "retries", "not completed", "s", "peak memory, GB"], rows)


if __name__ == "__main__":
    main()
