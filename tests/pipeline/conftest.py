"""Real runs of the pipeline: the engine, generated slices, a directory of its own for each run."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.engine import UNRECORDED, engine_environment
from helpers.opening import write_opening

ROOT = Path(__file__).resolve().parents[2]
# That every question together leaves in a slice
TABLES = (
    "markers", "domain_means", "spatial_genes", "trajectory", "paga_edges", "interactions", "enrichment",
    "denoised",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One finished run: its exit code, what the user saw, and where the results are."""

    code: int
    output: str
    outdir: Path

    def statuses(self) -> dict[str, str]:
        """COMPLETED, CACHED or FAILED of every task of the run, by task name without its workflows."""
        task = r"(?:[A-Z_]+:)*([A-Z_]+(?: \(.*?\))?)"  # (a group's tag has a colon too)
        begun = re.findall(rf"\] (Submitted|Cached) process > {task}$", self.output, re.MULTILINE)
        lost = re.findall(rf"Process `{task}` .* Error is ignored", self.output)
        status = {"Submitted": "COMPLETED", "Cached": "CACHED"}
        return {name: status[word] for word, name in begun} | dict.fromkeys(lost, "FAILED")

    def table(self) -> dict[str, dict[str, str]]:
        """slices.csv, by sample."""
        with (self.outdir / "slices.csv").open() as lines:
            return {row["sample"]: row for row in csv.DictReader(lines)}


def run_pipeline(
    launch: Path,
    *arguments: str,
    project: Path = ROOT,
    environment: dict[str, str] | None = None,
    characterise: bool = False,
    recorded: bool = False,
) -> Run:
    """Run the pipeline from the directory `launch`; results go to launch/results.

    characterise: whether it asks what domains mean without being told to, as it does in stub runs; that
    is a third of a small run, and asked for in test_biology. recorded: whether the engine writes its
    records of the run (trace, report, timeline, diagram).
    """
    environment = engine_environment(launch, **(environment or {}))
    if not (characterise or "-stub" in arguments):
        arguments = (*arguments, "--characterise", "none")
    if not recorded:
        arguments = (*UNRECORDED, *arguments)
    finished = subprocess.run(
        [project / "engine" / "nextflow", "run", project, "-ansi-log", "false", "-profile", "test",
         "--outdir", launch / "results", *arguments],
        cwd=launch, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return Run(finished.returncode, finished.stdout, launch / "results")


@pytest.fixture(scope="session")
def opening(tmp_path_factory) -> Path:
    """The pipeline up to where it touches a slice, as a project to run where runs are refused before."""
    return write_opening(tmp_path_factory.mktemp("opening") / "project")


@pytest.fixture(scope="session")
def slices(tmp_path_factory) -> Path:
    """Directory with the generated test slices and their samplesheet."""
    out = tmp_path_factory.mktemp("slices")
    subprocess.run(
        [sys.executable, ROOT / "bin" / "simulate.py", "--out", out, "--preset", "test"], check=True
    )
    return out


@pytest.fixture(scope="session")
def sheet(slices) -> list[dict[str, str]]:
    """Rows of the generated samplesheet, with absolute paths."""
    with (slices / "samplesheet.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        for column in ("path", "annotation"):
            if (slices / row[column]).exists():
                row[column] = str(slices / row[column])
    return rows


def without_counts(outs: Path, folder: Path) -> str:
    """A copy, in `folder`, of a directory of Space Ranger without its matrix: a target of its image alone."""
    return shutil.copytree(
        outs, str(folder / "without_counts"), ignore=shutil.ignore_patterns("*feature_bc_matrix*")
    )


def write_sheet(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows as a samplesheet."""
    with path.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path
