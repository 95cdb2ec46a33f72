#!/usr/bin/env python3
"""CPU seconds and peak memory of each step over a group, on generated sections.

\b
    cohort_scale.py                               the sizes of docs/cohorts.md
    cohort_scale.py --size 5x4000                 these sizes only: sections x spots

Every step is the pipeline's own script in a process of its own, so that its peak memory is its own. A row is
printed as soon as it is known. TEACH has three teachers (or as many as there are) and one seed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin")]

SIZES = ("5x4000", "20x4000", "2x100000")
STEPS = ("cohort", "join", "match", "teach", "name_regions", "assemble_cohort")
N_GENES, N_DOMAINS, DEPTH = 1_000, 8, 300.0
PITCH_PX = 137.0
_CHUNK = 8192  # spots drawn at a time


@click.command(help=__doc__)
@click.option("--size", "sizes", multiple=True, default=SIZES, show_default=True)
@click.option("--step", "steps", multiple=True, type=click.Choice(STEPS), default=STEPS, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), help="Of TEACH and JOIN; the preset's where not given.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--scratch", type=click.Path(file_okay=False, exists=True, path_type=Path))
def main(
    sizes: tuple[str, ...], steps: tuple[str, ...], epochs: int | None, threads: int, scratch: Path | None
) -> None:
    click.echo(
        f"Generated sections x {N_GENES:,} genes, {N_DOMAINS} domains; CPU seconds (elapsed) / peak GB\n"
    )
    click.echo(f"| sections x spots | {' | '.join(step.upper() for step in steps)} |")
    click.echo(f"|---|{'---|' * len(steps)}")
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            group = generate(Path(folder), *map(int, size.split("x")))
            found = []
            for step in steps:
                cost = measured(group, step, threads, epochs)
                click.echo(f"{size} {step}: {cost}", err=True)
                found.append(cost)
            n_sections, n_spots = size.split("x")
            click.echo(f"| {n_sections} x {int(n_spots):,} | {' | '.join(found)} |")
            sys.stdout.flush()


@dataclass(frozen=True)
class Group:
    """Staged as the engine stages it; names in order."""

    folder: Path
    names: tuple[str, ...]

    def pair(self, place: int) -> tuple[Path, Path]:
        """Canonical slice and table of spots of a section, from 1."""
        return (
            self.folder / "slices" / str(place) / "slice.h5ad",
            self.folder / "spots" / str(place) / "spots.csv.gz",
        )


def generate(folder: Path, n_sections: int, n_spots: int) -> Group:
    """Write sections of layers, one after the other: Poisson counts, one depth and one offset for each."""
    names = tuple(f"s{k:03d}" for k in range(1, n_sections + 1))
    group = Group(folder, names)
    shared = np.random.default_rng(0)
    profile = shared.gamma(0.3, size=N_GENES) * np.exp(0.5 * shared.standard_normal((N_DOMAINS, N_GENES)))
    members = []
    for place, name in enumerate(names, start=1):
        labels = _write_section(group, place, n_spots, profile)
        for result in ("baseline", "stmfg"):
            members.append([name, result])
            target = folder / "domains" / str(len(members))
            target.mkdir(parents=True)
            arrays = {"baseline": labels, "pca_kmeans": labels, "domain": labels, "untrained": labels}
            np.savez(target / "domains.npz", **arrays)
    (folder / "members.json").write_text(json.dumps(members))
    teachers = [{"name": name, "patient": None} for name in names[:3]]
    (folder / "teachers.json").write_text(json.dumps(teachers))
    return group


def _write_section(group: Group, place: int, n_spots: int, profile: np.ndarray) -> np.ndarray:
    """Writes slice.h5ad and spots.csv.gz; domains (N,) int from 0."""
    import anndata
    import pandas as pd
    from scipy import sparse

    from tissuegraph.records import Record

    rng = np.random.default_rng(place)
    side = int(np.ceil(np.sqrt(n_spots)))
    column, row = np.divmod(np.arange(n_spots), side)
    xy = np.column_stack([column, row]) + 0.2 * rng.standard_normal((n_spots, 2))
    height = (xy[:, 1] / side + 0.05 * np.sin(6 * xy[:, 0] / side + place)).clip(0, 0.999)
    labels = (height * N_DOMAINS).astype(int)
    shifted = profile * np.exp(0.1 * rng.standard_normal(N_GENES))
    rate = shifted / shifted.sum(axis=1, keepdims=True) * DEPTH
    blocks = [
        sparse.csr_matrix(rng.poisson(rate[labels[start : start + _CHUNK]]).astype(np.float32))
        for start in range(0, n_spots, _CHUNK)
    ]
    adata = anndata.AnnData(sparse.vstack(blocks, format="csr"))
    adata.obs_names = [f"spot{i}" for i in range(n_spots)]
    adata.var_names = [f"gene{i}" for i in range(N_GENES)]
    adata.var["gene_symbol"] = adata.var["gene_id"] = adata.var_names
    adata.obs["annotation"] = pd.Categorical([f"L{k + 1}" for k in labels])
    adata.obs["domain"] = pd.Categorical((labels + 1).astype(str))
    adata.uns["tissuegraph"] = {"pitch_px": PITCH_PX}
    adata.obsm["spatial"] = xy * PITCH_PX
    slice_path, spots = group.pair(place)
    sections, records = group.folder / "sections", group.folder / "records" / str(place)
    for parent in (slice_path.parent, spots.parent, sections, records):
        parent.mkdir(parents=True, exist_ok=True)
    adata.write_h5ad(slice_path)
    pd.DataFrame({"keep": True}, index=adata.obs_names).to_csv(spots, index_label="barcode")
    name = group.names[place - 1]
    (sections / f"{name}.h5ad").symlink_to(slice_path)
    Record(name, "assemble", metrics={"matched": True}).write(records / "assemble.json")
    return labels


def words(group: Group, step: str) -> list[str]:
    """The options of a step's script, as its process gives them."""
    folder, names = group.folder, group.names
    record = ["--sample", "group:g", "--record", folder / f"{step}.json"]
    sections = ["--sections", ",".join(names), "--slices", folder / "slices", "--spots", folder / "spots"]
    components = ["--components", folder / "components"]
    if step == "cohort":
        more = [*sections, "--n-domains", N_DOMAINS, "--n-seeds", 3, "--outdir", folder / "components"]
    elif step == "join":
        more = [*sections, *components, "--n-domains", N_DOMAINS, "--n-seeds", 1]
        more += ["--device", "cpu", "--outdir", folder / "joint"]  # after `cohort`, whose components it reads
    elif step == "match":
        more = ["--members", folder / "members.json", "--domains", folder / "domains", *components]
        more += ["--methods", "stmfg", "--outdir", folder / "numbers"]
    elif step == "teach":
        more = ["--members", folder / "teachers.json", "--model", folder / "model"]
        for place in range(1, len(names[:3]) + 1):
            slice_path, spots = group.pair(place)
            more += ["--slice", slice_path, "--spots", spots]
        more += ["--n-seeds", 1, "--device", "cpu"]
    elif step == "name_regions":
        slice_path, spots = group.pair(len(names))
        more = ["--slice", slice_path, "--spots", spots, "--model", folder / "model", "--device", "cpu"]
        more += ["--regions", folder / "regions.npz"]
    else:
        more = ["--sections", folder / "sections", "--parts", folder / "components"]
        more += ["--records", folder / "records", "--outdir", folder]
    return [str(word) for word in (*record, *more)]


def measured(group: Group, step: str, threads: int, epochs: int | None = None) -> str:
    """CPU seconds, elapsed ones and peak GB of one script; a failure is told instead."""
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT / "bin")}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    command = [sys.executable, str(ROOT / "bin" / f"{step}.py"), *words(group, step)]
    if epochs and step in ("teach", "join"):
        command += ["--set", f"optimiser.epochs={epochs}"]
    started = time.perf_counter()
    child = subprocess.Popen(command, env=environment, cwd=group.folder)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    record = json.loads((group.folder / f"{step}.json").read_text()) if status == 0 else {"status": "failed"}
    failed = f" failed: {record.get('reasons')}" if record["status"] == "failed" else ""
    cpu = usage.ru_utime + usage.ru_stime
    return f"{cpu:.0f} ({seconds:.0f}) / {usage.ru_maxrss / 2**20:.1f}{failed}"


if __name__ == "__main__":
    main()
