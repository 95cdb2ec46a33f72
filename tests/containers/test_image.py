"""An image as `make image` built it: what is in it, and the pipeline inside.

For `make test-containers`, which builds the image first: TISSUEGRAPH_IMAGE says which (cpu or cuda), and
Podman runs it. Everything is skipped without.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VARIANT = os.environ.get("TISSUEGRAPH_IMAGE", "")
MANIFEST = (ROOT / "nextflow.config").read_text()
VERSION = re.search(r"^ *version += *'(.+)'$", MANIFEST, re.MULTILINE)[1]
IMAGE = f"localhost/tissuegraph:{VERSION}-{VARIANT}"
ENGINE = os.environ.get("CONTAINER_ENGINE", "podman").split()
# A user whom the image does not know, no network, nothing to write on but the task and a /tmp of 16 MB
STRANGER = "-u 54321:54321 --network none --read-only --read-only-tmpfs=false --tmpfs /tmp:size=16m"

pytestmark = pytest.mark.skipif(not VARIANT, reason="no image was built; `make test-containers` builds one")


def inside(command: str, *options: str) -> str:
    """What a shell command prints in a container of the image."""
    finished = subprocess.run(
        [*ENGINE, "run", "--rm", *(options or STRANGER.split()), IMAGE, "bash", "-c", command],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def facts() -> dict:
    """What the engine says of the image."""
    asked = subprocess.run([*ENGINE, "image", "inspect", IMAGE], capture_output=True, text=True, check=True)
    return json.loads(asked.stdout)[0]


@pytest.fixture(scope="module")
def installed() -> dict[str, str]:
    """Version of every package in the image, by name."""
    every = "(f'{found.name}=={found.version}' for found in m.distributions())"
    ask = f"import importlib.metadata as m; print(*{every}, sep='\\n')"
    return dict(line.lower().replace("_", "-").split("==") for line in inside(f'python -c "{ask}"').split())


def test_labels_say_what_it_is_and_nothing_starts_by_itself_or_as_root(facts):
    labels = facts["Labels"]
    named = ("title", "version", "revision", "source", "licenses", "base.name", "base.digest")
    label = {name: labels[f"org.opencontainers.image.{name}"] for name in named}
    assert all(label.values()), label
    assert label["version"] == VERSION
    assert "GPL-3.0-only" in label["licenses"]
    assert ("NVIDIA" in label["licenses"]) == (VARIANT == "cuda")
    assert label["base.digest"].startswith("sha256:") or len(label["base.digest"]) == 64
    assert not facts["Config"].get("Entrypoint")
    assert facts["Config"]["User"].split(":")[0] not in ("", "0", "root")
    print(f"\n{date.today()}: {IMAGE}, {facts['Size'] / 1e9:.2f} GB")


def test_packages_are_those_of_the_lock_without_development_tools(installed):
    lock = (ROOT / "containers/requirements.lock").read_text()
    pinned = set(re.findall(r"^([\w.-]+==[^\s;]+)", lock, re.MULTILINE))
    assert {f"{name}=={version.split('+')[0]}" for name, version in installed.items()} <= pinned
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    develop = {re.match(r"[\w.-]+", line)[0] for line in project["optional-dependencies"]["dev"]}
    assert develop
    assert not develop & set(installed)
    assert ("nvidia-cublas" in installed) == (VARIANT == "cuda")
    print(f"\n{len(installed)} packages")


def test_the_list_of_parts_is_complete_and_has_no_date(installed):
    parts = json.loads((ROOT / f"containers/{VARIANT}.cdx.json").read_text())
    assert {part["name"].lower().replace("_", "-") for part in parts["components"]} >= set(installed)
    assert "timestamp" not in parts["metadata"]


def test_tasks_find_ps_and_no_compiler():
    assert "PID" in inside("ps")
    assert inside("command -v gcc cc make pip || true") == ""


def test_every_module_is_compiled_since_no_task_may_write_bytecode():
    # (vars: some modules of torch answer any attribute)
    files = "[file for module in list(sys.modules.values()) if (file := vars(module).get('__cached__'))]"
    show = "print(len(files), *(file for file in files if not os.path.exists(file)))"
    code = f"import os, sys, torch, anndata; files = {files}; {show}"
    found, *missing = inside(f'python -c "{code}"').split()
    assert int(found) > 1000
    assert not missing


def test_bytecode_spares_half_of_each_import():
    timed = "TIMEFORMAT='%U %S'; time PYTHONDONTWRITEBYTECODE=1 python {} -c 'import {}'"
    for module in ("torch", "anndata"):
        seconds = []
        for options in ("-X pycache_prefix=/nowhere", ""):
            inside(f"python -c 'import {module}'")  # (files are in memory for both)
            output = inside(f"{{ {timed.format(options, module)}; }} 2>&1")
            seconds.append(sum(map(float, output.split()[-2:])))
        print(f"\nimport {module}: {seconds[0]:.1f} CPU s without bytecode, {seconds[1]:.1f} with")
        assert seconds[1] < 0.75 * seconds[0]


def run_pipeline(launch: Path, *arguments: str, settings: str = "") -> subprocess.CompletedProcess:
    """Run the pipeline with the profiles test and podman from the directory `launch`."""
    options = ENGINE[1:]
    text = settings or f"podman.runOptions = '{STRANGER}'\nprocess.container = '{IMAGE}'\n"
    (launch / "site.config").write_text(
        text + (f"podman.engineOptions = '{' '.join(options)}'\n" if options else "")
    )
    command = [
        ROOT / "engine" / "nextflow",
        "run",
        ROOT,
        "-ansi-log",
        "false",
        "-profile",
        "test,podman",
        "-c",
        "site.config",
    ]
    return subprocess.run(
        # (files of the stranger and of the engine: each must write beside the other)
        ["bash", "-c", 'umask 0; exec "$@"', "run", *command, "--outdir", launch / "results", *arguments],
        cwd=launch, env={**os.environ, "TISSUEGRAPH_ENGINE": "bundled", "NXF_HOME": str(launch / ".nxf")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def test_the_pipeline_runs_for_a_stranger_without_network_on_a_read_only_root(tmp_path):
    data = tmp_path / "slices of today"
    shutil.copytree(ROOT / "tests/data", data)
    sheet = data / "samplesheet.csv"
    sheet.write_text(sheet.read_text().replace(",tumour,", ",tumour left,"))
    tmp_path.chmod(0o755)
    finished = run_pipeline(tmp_path, "--input", str(sheet))
    assert finished.returncode == 0, finished.stdout
    trace = (tmp_path / "results/pipeline_info/execution_trace.txt").read_text().splitlines()
    status = trace[0].split("\t").index("status")
    states = [line.split("\t")[status] for line in trace[1:]]
    assert set(states) == {"COMPLETED"}, finished.stdout
    memory = trace[0].split("\t").index("peak_rss")
    assert all(line.split("\t")[memory] not in ("", "-", "0") for line in trace[1:])  # (ps saw every task)
    assert (tmp_path / "results/multiqc/multiqc_report.html").is_file()
    print(f"\n{len(states)} tasks completed in the container")


def test_an_image_that_is_not_there_is_one_line_before_any_task(tmp_path):
    settings = f"process.container = 'localhost/tissuegraph:{VERSION}-cpv'\n"
    finished = run_pipeline(tmp_path, settings=settings)
    assert finished.returncode != 0
    lines = [line for line in finished.stdout.splitlines() if "not on this machine" in line]
    assert len(lines) == 1
    assert "make image" in lines[0]
    assert not list(tmp_path.glob("work/*/*/.command.run"))
