"""Images are looked for before any task starts, and never in a registry that anybody can publish in.

Container engines are stand-ins: they have images of some names, and are out of order where asked for others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.engine import LAUNCHER, ROOT, UNRECORDED, engine_environment

# What docker and podman do; $3 is the name of an image
STAND_IN = """#!/bin/bash
echo "$@" >> asked
case "$3" in
    *off*)  echo "Cannot connect to the Docker daemon" >&2; exit 1;;
    *none*) echo "[]"; echo "Error response from daemon: No such image: $3" >&2; exit 1;;
esac
"""
# Each case (an engine, its images, an executor) as a run would have it
SCRIPT = """
include { requireImages   } from './subworkflows/local/images/main'
include { requireImagesOf } from './subworkflows/local/images/main'

params.cases = '[]'

workflow {
    requireImages()
    def said = new groovy.json.JsonSlurper().parseText(params.cases).collect { engine, images, executor ->
        try {
            requireImagesOf(engine, images, executor)
            return null
        }
        catch (Exception problem) {
            return (problem.cause ?: problem).message
        }
    }
    println("SAID ${groovy.json.JsonOutput.toJson(said)}")
}
"""
OURS = "localhost/tissuegraph"

pytestmark = pytest.mark.pipeline


def run(folder: Path, *words: str) -> list[str]:
    """Lines that a run prints beyond those of every run."""
    shutil.copy(ROOT / "nextflow.config", folder)
    shutil.copytree(ROOT / "conf", folder / "conf")
    for name in ("images", "image_names", "commands"):
        place = Path("subworkflows/local", name)
        shutil.copytree(ROOT / place, folder / place)
    (folder / "main.nf").write_text(SCRIPT)
    for name in ("docker", "podman"):
        command = folder / "stand_ins" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(STAND_IN)
        command.chmod(0o755)
    path = f"{folder / 'stand_ins'}{os.pathsep}{os.environ['PATH']}"
    finished = subprocess.run(
        [LAUNCHER, "run", "main.nf", "-ansi-log", "false", *UNRECORDED, *words],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        env=engine_environment(folder, PATH=path, TISSUEGRAPH_ENGINE="bundled"),
    )  # fmt: skip
    return [
        line
        for line in finished.stdout.splitlines()
        if not re.match("N E X T F|Launching|WARN|$", line.strip())
    ]


def test_a_run_asks_for_the_images_of_its_profile_and_goes_on_with_them(tmp_path):
    assert run(tmp_path, "-profile", "docker,gpu") == ["SAID []"]
    names = re.findall(rf"{OURS}:[\d.]+-(\w+)", (tmp_path / "asked").read_text())
    assert names == ["cpu", "cuda"]


HERE, NONE, OFF = (f"{OURS}:1-{name}" for name in ("here", "none", "off"))
BOTH = {"process_low": f"{NONE}-cpu", "process_gpu": f"{NONE}-cuda"}
# Engine, image or images, executor, and what is said; None where the run goes on
CASES = [
    ("docker", HERE, "local", None),
    ("docker", NONE, "local", r"image '\S+': not on this machine .* `make image` in /"),
    ("podman", BOTH, "local", r"images '\S+-cpu' and '\S+-cuda': not on .* `make image image-cuda` in /"),
    ("docker", OFF, "local", r"-profile docker: 'Cannot connect to the Docker daemon' - expected"),
    # On a cluster the nodes may have what the machine that starts the run has not
    ("docker", OFF, "slurm", None),
    ("docker", HERE, "awsbatch", r"image '\S+': no registry has it, so that nodes of awsbatch"),
    ("apptainer", HERE, "slurm", r"image '\S+': apptainer cannot pull .* expected process.container to name"),
    ("docker", "quay.io/mylab/none:1", "local", None),  # the engine may pull it
]


def test_what_cannot_run_is_one_line_with_the_remedy_and_what_may_run_goes_on(tmp_path):
    """By the function that the run of the other test calls."""
    (line,) = run(tmp_path, "--cases", json.dumps([case[:3] for case in CASES]))
    for said, (*case, expected) in zip(json.loads(line.removeprefix("SAID ")), CASES, strict=True):
        assert said is None if expected is None else re.match(expected + r".*\Z", said), (case, said)
