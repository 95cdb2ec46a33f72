#!/usr/bin/env python3
"""Number the domains of all sections of a group alike: the baseline's and every method's."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from tissuegraph.cli import (
    existing_directory,
    existing_file,
    failed_slice_is_a_result,
    output_directory,
    record_option,
    sample_option,
)
from tissuegraph.cohorts.numbering import number_group
from tissuegraph.errors import InputError
from tissuegraph.io.intermediate import read_arrays
from tissuegraph.records import Record
from tissuegraph.scores.labellings import JOINT, JOINT_STMFG, JOINTS

BASELINE = ("baseline", "pca_kmeans")


@click.command()
@sample_option
@click.option(
    "--members",
    required=True,
    type=existing_file,
    help="JSON list of [section, result], one per file of domains.",
)
@click.option("--domains", required=True, type=existing_directory, help="Their files in folders 1, 2, ...")
@click.option(
    "--components",
    required=True,
    type=existing_directory,
    help="Holds SECTION.components.npz, and SECTION.joint_stmfg.npz where there are some.",
)
@click.option("--methods", required=True, help="Methods of the run, joined by commas; the first numbers all.")
@click.option("--joint/--no-joint", default=False, help="Whether the joint domains give the numbers.")
@click.option(
    "--outdir", required=True, type=output_directory, help="Where SECTION.numbers.json are written."
)
@record_option
@failed_slice_is_a_result("match")
def main(
    record: Record, members: Path, domains: Path, components: Path, methods: str, joint: bool, outdir: Path
) -> None:
    """Write for every section: result -> the group's number of each of its own domains, from 1."""
    shared = {path.name.removesuffix(".components.npz"): path for path in components.glob("*.components.npz")}
    files = [
        (section, result, next((domains / str(k)).iterdir()))
        for k, (section, result) in enumerate(json.loads(members.read_text()), start=1)
        if section in shared
    ]
    sections = sorted({section for section, _, _ in files})
    if len(sections) < 2:
        raise InputError(f"a group needs at least two sections with domains, got {len(sections)}")
    stored = {name: read_arrays(shared[name], "components", ["components", "joint"]) for name in sections}
    labels: dict[str, dict[str, np.ndarray]] = {JOINT: {name: stored[name]["joint"] for name in sections}}
    learned_jointly = {name: components / f"{name}.{JOINT_STMFG}.npz" for name in sections}
    if all(path.is_file() for path in learned_jointly.values()):
        labels[JOINT_STMFG] = {
            name: read_arrays(path, "joint domains", ["joint"])["joint"]
            for name, path in learned_jointly.items()
        }
    for section, result, path in files:
        keys = BASELINE if result == "baseline" else ("domain", "untrained")
        for key, found in read_arrays(path, "domains", keys).items():
            name = {"domain": result, "untrained": f"{result}_untrained"}.get(key, key)
            labels.setdefault(name, {})[section] = found
    names = methods.split(",")
    learned = [*JOINTS, *names] if joint else [*names, *JOINTS]
    order = [*learned, *BASELINE, *(f"{name}_untrained" for name in names)]
    numbers, told = number_group({name: stored[name]["components"] for name in sections}, labels, order)
    outdir.mkdir(parents=True, exist_ok=True)
    for section, found in numbers.items():
        text = json.dumps({result: row.tolist() for result, row in found.items()})
        (outdir / f"{section}.numbers.json").write_text(text + "\n", encoding="utf-8")
    record.metrics |= {"sections": sections, "joint": joint, "results": told}


if __name__ == "__main__":
    main()
