"""Images are looked for before any task starts, and never in a registry that anybody can publish in.

Container engines are stand-ins.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
include { requireImages } from './subworkflows/local/images/main'

workflow {
    requireImages()
    println('the run goes on')
}
"""
HAS_IT = "exit 0"
HAS_IT_NOT = 'echo "[]"; echo "Error response from daemon: No such image: $3" >&2; exit 1'
IS_OFF = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'

pytestmark = pytest.mark.pipeline


def run(folder: Path, profile: str, stand_in: str) -> list[str]:
    """Lines that a run with a profile prints where docker and podman are the given shell script."""
    shutil.copy(ROOT / "nextflow.config", folder)
    shutil.copytree(ROOT / "conf", folder / "conf")
    for name in ("images", "image_names", "commands"):
        place = Path("subworkflows/local", name)
        shutil.copytree(ROOT / place, folder / place)
    (folder / "main.nf").write_text(SCRIPT)
    for name in ("docker", "podman"):
        command = folder / "stand_ins" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f'#!/bin/bash\necho "$@" >> {folder}/asked\n{stand_in}\n')
        command.chmod(0o755)
    quick = [f"{report}.enabled = false" for report in ("dag", "report", "timeline", "trace")]
    (folder / "quick.config").write_text("\n".join(quick))
    more = ["-c", "quick.config"]
    finished = subprocess.run(
        [ROOT / "engine/nextflow", "run", "main.nf", "-profile", profile, "-ansi-log", "false", *more],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        env={**os.environ, "TISSUEGRAPH_ENGINE": "bundled", "NXF_HOME": str(folder / ".nxf"),
             "PATH": f"{folder / 'stand_ins'}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    return [
        line
        for line in finished.stdout.splitlines()
        if not re.match("N E X T F|Launching|WARN|$", line.strip())
    ]


@pytest.mark.parametrize(
    ("profile", "stand_in", "expected"),
    [
        ("podman,gpu", HAS_IT_NOT, r"images '\S+-cpu' and '\S+-cuda': not on .* `make image image-cuda` in "),
        ("docker", IS_OFF, r"-profile docker: 'Cannot connect to the Docker daemon' - expected"),
        ("apptainer", HAS_IT, r"image '\S+': apptainer cannot pull .* expected process.container to name"),
        ("docker,awsbatch", HAS_IT, r"image '\S+': no registry has it, so that nodes of awsbatch"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_one_line_with_the_remedy(tmp_path, profile, stand_in, expected):
    lines = run(tmp_path, profile, stand_in)
    assert len(lines) == 1, lines
    assert re.match(expected, lines[0])


# On a cluster the nodes may have what the machine that starts the run has not
@pytest.mark.parametrize(("profile", "stand_in"), [("docker,gpu", HAS_IT), ("docker,slurm", IS_OFF)])
def test_what_may_run_goes_on(tmp_path, profile, stand_in):
    assert run(tmp_path, profile, stand_in) == ["the run goes on"]
    asked = tmp_path / "asked"
    names = re.findall(r"localhost/tissuegraph:[\d.]+-(\w+)", asked.read_text()) if asked.exists() else []
    assert names == (["cpu", "cuda"] if stand_in == HAS_IT else [])
