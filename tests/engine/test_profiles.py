"""Profiles: each resolves, and GPU requests reach the tasks that use a GPU and no others.

Container engine and scheduler are stand-ins: what the engine asked of them is in the launch script that it
wrote for each task.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.engine import LAUNCHER, ROOT, UNRECORDED, engine_environment

BUNDLED = {"TISSUEGRAPH_ENGINE": "bundled"}

SCRIPT = """
process ON_CPU {
    label 'process_low'

    script:
    'true'
}

process ON_GPU {
    label 'process_gpu'

    script:
    'true'
}

workflow {
    ON_CPU()
    ON_GPU()
}
"""

pytestmark = pytest.mark.pipeline


@pytest.fixture
def project(tmp_path) -> Path:
    """Two processes under the real configuration; a stand-in sbatch that runs each job at once."""
    shutil.copy(ROOT / "nextflow.config", tmp_path)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "main.nf").write_text(SCRIPT)
    stand_ins = dict.fromkeys(["docker", "podman", "squeue"], "")
    stand_ins["sbatch"] = 'echo "Submitted batch job $$"\nbash "$1" > run.log 2>&1\n'
    for name, text in stand_ins.items():
        command = tmp_path / "stand_ins" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f"#!/bin/sh\n{text}")
        command.chmod(0o755)
    return tmp_path


def launch_scripts(project: Path, profile: str) -> dict[str, str]:
    """The launch script of each process under a profile."""
    path = f"{project / 'stand_ins'}{os.pathsep}{os.environ['PATH']}"
    environment = engine_environment(project, PATH=path, **BUNDLED)
    (project / "quick.config").write_text("executor.pollInterval = '1 sec'\n")
    arguments = ("-profile", profile, "-c", "quick.config", *UNRECORDED, "-ansi-log", "false")
    finished = subprocess.run(
        [LAUNCHER, "run", "main.nf", *arguments],
        cwd=project, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    scripts = [path.read_text() for path in (project / "work").glob("*/*/.command.run")]
    found = {name: text for text in scripts for name in ("ON_CPU", "ON_GPU") if f"name: '{name}'" in text}
    assert set(found) == {"ON_CPU", "ON_GPU"}, finished.stdout + finished.stderr
    return found


def resolved(folder: Path, profile: str) -> str:
    """The configuration of a run from this directory, as flat lines."""
    finished = subprocess.run(
        [LAUNCHER, "config", ROOT, "-flat", "-profile", profile],
        cwd=folder, env=engine_environment(folder, **BUNDLED), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, f"{profile}: {finished.stdout}{finished.stderr}"
    return finished.stdout


# Together with those of the other tests, all profiles resolve
def test_slurm_arrays_are_off_where_their_script_would_not_find_a_task(tmp_path):
    launch = tmp_path / "with blank"
    launch.mkdir()
    assert "process.array = 0\n" in resolved(launch, "test_full,singularity,slurm")


def test_without_the_gpu_profile_nothing_asks_for_a_gpu(tmp_path):
    assert "--gpus" not in resolved(tmp_path, "test,docker,conda")
    assert "--gpus" in resolved(tmp_path, "docker,apptainer,awsbatch,gpu")


@pytest.mark.parametrize(
    ("engine", "flag"),
    [
        ("docker", "--gpus all"),
        pytest.param("podman", "--device nvidia.com/gpu=all", marks=pytest.mark.long),
    ],
)
def test_slurm_and_containers_get_a_gpu_on_the_gpu_label_only(project, engine, flag):
    scripts = launch_scripts(project, f"{engine},slurm,gpu")
    assert all(f"{engine} run" in script for script in scripts.values())
    for asked in (flag, "#SBATCH --gres=gpu:1"):
        assert asked in scripts["ON_GPU"]
        assert asked not in scripts["ON_CPU"]
    assert "--gres" not in scripts["ON_CPU"]
