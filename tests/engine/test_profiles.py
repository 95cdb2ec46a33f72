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

ROOT = Path(__file__).resolve().parents[2]
# Together with those of the other tests: all of them
PROFILES = ["test_full,singularity", "apptainer,awsbatch,gpu", "test,conda"]
REPORTS = ["dag", "report", "timeline", "trace"]

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
    environment = {
        **os.environ,
        "TISSUEGRAPH_ENGINE": "bundled",
        "NXF_HOME": str(project / ".nxf"),
        "PATH": f"{project / 'stand_ins'}{os.pathsep}{os.environ['PATH']}",
    }
    # reports take seconds and are not read
    settings = ["executor.pollInterval = '1 sec'", *(f"{report}.enabled = false" for report in REPORTS)]
    (project / "quick.config").write_text("\n".join(settings))
    arguments = ["run", "main.nf", "-profile", profile, "-c", "quick.config", "-ansi-log", "false"]
    finished = subprocess.run(
        [ROOT / "engine" / "nextflow", *arguments],
        cwd=project, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    scripts = [path.read_text() for path in (project / "work").glob("*/*/.command.run")]
    found = {name: text for text in scripts for name in ("ON_CPU", "ON_GPU") if f"name: '{name}'" in text}
    assert set(found) == {"ON_CPU", "ON_GPU"}, finished.stdout + finished.stderr
    return found


def test_every_profile_resolves(tmp_path):
    for profile in PROFILES:
        finished = subprocess.run(
            [ROOT / "engine" / "nextflow", "config", ROOT, "-profile", profile],
            cwd=tmp_path, env={**os.environ, "TISSUEGRAPH_ENGINE": "bundled"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert finished.returncode == 0, f"{profile}: {finished.stdout}{finished.stderr}"


@pytest.mark.parametrize(
    ("engine", "flag"), [("docker", "--gpus all"), ("podman", "--device nvidia.com/gpu=all")]
)
def test_containers_get_a_gpu_on_the_gpu_label_only(project, engine, flag):
    scripts = launch_scripts(project, f"{engine},gpu")
    assert all(f"{engine} run" in script for script in scripts.values())
    assert flag in scripts["ON_GPU"]
    assert flag not in scripts["ON_CPU"]


def test_slurm_is_asked_for_a_gpu_on_the_gpu_label_only(project):
    scripts = launch_scripts(project, "slurm,gpu")
    assert "#SBATCH --gres=gpu:1" in scripts["ON_GPU"]
    assert "#SBATCH --gres" not in scripts["ON_CPU"]


def test_slurm_arrays_are_off_where_their_script_would_not_find_a_task(tmp_path):
    launch = tmp_path / "with blank"
    launch.mkdir()
    finished = subprocess.run(
        [ROOT / "engine" / "nextflow", "config", ROOT, "-flat", "-profile", "slurm"],
        cwd=launch, env={**os.environ, "TISSUEGRAPH_ENGINE": "bundled"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "process.array = 0\n" in finished.stdout, finished.stdout + finished.stderr


def test_without_the_gpu_profile_nothing_asks_for_a_gpu(project):
    assert "--gpus" not in launch_scripts(project, "docker")["ON_GPU"]
