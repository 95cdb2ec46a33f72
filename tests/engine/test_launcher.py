"""The launcher: which engine it takes, and that what the user says reaches the run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "engine" / "nextflow"

# Publishes one file that holds a parameter set by profile `test`, under the real configuration.
SCRIPT = """
process SAY {
    input:
    val n_seeds
    val input

    output:
    path 'said.txt'

    script:
    \"\"\"
    printf '%s\\\\n' '${n_seeds}' '${input}' "\\$NUMBA_CACHE_DIR" "\\$(command -v python)" > said.txt
    \"\"\"
}

workflow {
    main:
    ch_said = SAY(params.n_seeds, params.input)

    publish:
    said = ch_said
}

output {
    said {
        path 'slices'
    }
}
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """A pipeline of one process under the real configuration."""
    shutil.copy(ROOT / "nextflow.config", tmp_path)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "main.nf").write_text(SCRIPT)
    return tmp_path


def launch(folder: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call the launcher in a folder with the bundled engine."""
    bundled = {"TISSUEGRAPH_ENGINE": "bundled", "NXF_HOME": str(folder / ".nxf")}
    return subprocess.run(
        [str(LAUNCHER), *map(str, arguments)],
        cwd=folder, env={**os.environ, **bundled, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def run(project: Path, *arguments: object) -> str:
    """Run the small pipeline; what the user sees of it."""
    finished = launch(project, "run", project / "main.nf", "-ansi-log", "false", *arguments)
    output = finished.stdout + finished.stderr
    assert finished.returncode == 0, output
    return output


def said(project: Path, outdir: str) -> list[str]:
    """What its one task said, which is all that there is of results."""
    assert [path.parts[-3] for path in project.glob("*/slices/said.txt")] == [outdir]
    return (project / outdir / "slices" / "said.txt").read_text().splitlines()


def fake_nextflow(folder: Path, version: str) -> str:
    """A PATH whose first nextflow is of this version and repeats its arguments."""
    folder.mkdir()
    command = folder / "nextflow"
    command.write_text(
        f'#!/bin/bash\n[[ "$1" == -v ]] && echo "nextflow version {version}.5000" || echo "theirs: $@"\n'
    )
    command.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.pipeline
def test_outdir_and_profile_arrive_and_the_task_sees_our_python_and_its_own_caches(project):
    output = run(project, "-profile", "test", "--outdir", "elsewhere")
    assert "preview" not in output.lower()
    n_seeds, _input, numba_cache, python = said(project, "elsewhere")
    assert n_seeds == "2"
    assert Path(numba_cache).is_relative_to(project / "work")
    assert not (ROOT / ".venv").is_dir() or Path(python) == ROOT / ".venv" / "bin" / "python"
    assert (project / "elsewhere" / "pipeline_info" / "execution_trace.txt").is_file()


@pytest.mark.pipeline
def test_params_file_and_command_line_win_over_profile_and_the_latter_over_both(project):
    given = {"outdir": "from_file", "n_seeds": 5, "input": "file.csv"}
    (project / "params.json").write_text(json.dumps(given))
    run(project, "-profile", "test", "-params-file", "params.json", "--input", "line.csv")
    assert said(project, "from_file")[:2] == ["5", "line.csv"]


@pytest.mark.parametrize(("version", "taken"), [("25.10.0", True), ("26.04.1", True), ("24.10.6", False)])
def test_nextflow_on_the_path_is_taken_from_25_10_on(tmp_path, version, taken):
    path = fake_nextflow(tmp_path / "bin", version)
    which = launch(tmp_path, "--which", PATH=path, TISSUEGRAPH_ENGINE="").stdout.strip()
    assert which == (str(tmp_path / "bin" / "nextflow") if taken else "bundled")


def test_the_engine_of_the_path_is_not_silently_replaced_where_it_is_asked_for(tmp_path):
    path = fake_nextflow(tmp_path / "bin", "25.04.4")
    finished = launch(tmp_path, "--which", PATH=path, TISSUEGRAPH_ENGINE="path")
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == "TISSUEGRAPH_ENGINE=path: no Nextflow >= 25.10 on the PATH.\n"


def test_what_the_manifest_asks_for_is_what_the_launcher_takes_and_the_bundled_engine_is_excused(tmp_path):
    oldest = re.search(r'OLDEST="([\d.]+)"', LAUNCHER.read_text())[1]
    pattern = r"nextflowVersion *= *'!>=(\d+\.\d+)\.(\d+)'"
    assert re.search(pattern, (ROOT / "nextflow.config").read_text()).groups() == (oldest, "0")
    assert re.search(pattern, (ROOT / "engine" / "bundled.config").read_text()).groups() == ("25.04", "4")


def test_nextflow_on_the_path_gets_the_arguments_unchanged(tmp_path):
    path = fake_nextflow(tmp_path / "bin", "25.10.0")
    finished = launch(tmp_path, "run", ".", "--input", "my sheet.csv", PATH=path, TISSUEGRAPH_ENGINE="")
    assert finished.stdout == "theirs: run . --input my sheet.csv\n"


def test_launcher_on_the_path_does_not_take_itself_for_an_engine(tmp_path):
    path = f"{LAUNCHER.parent}{os.pathsep}{os.environ['PATH']}"
    which = launch(tmp_path, "--which", PATH=path, TISSUEGRAPH_ENGINE="").stdout.strip()
    assert not which.startswith(str(LAUNCHER.parent))
