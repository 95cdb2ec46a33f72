"""AWS Batch: what every process would ask of it, as the engine resolves profiles and the guide's site file.

The executor itself is a plugin that is not here: no job is submitted.
"""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from helpers.engine import JARS, ROOT, SHORT_LIVED, is_bundled

MODULES = ROOT / "modules" / "local"
USES_GPU = {"TRAIN", "DENOISE", "JOIN", "TEACH", "LEARN_EXPRESSION", "INFER_EXPRESSION"}
# Of the options of a container those that AWS Batch's job definitions know; it drops all others
TAKEN = ("--env", "--user", "--read-only", "--ulimit", "--shm-size", "--tmpfs", "--init", "--privileged")

pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.skipif(not is_bundled(), reason="reads the configuration by the bundled engine's classes"),
]


def site_file() -> str:
    """The site file of the guide."""
    guide = (ROOT / "docs" / "deployment.md").read_text()
    (found,) = re.findall(r"```groovy\n(// aws\.config\n.*?)```", guide, re.DOTALL)
    return found


def labels() -> dict[str, str]:
    """The label of every process that runs commands."""
    texts = {path.parent.name.upper(): path.read_text() for path in sorted(MODULES.glob("*/main.nf"))}
    found = {name: re.search(r"^ +label '(\w+)'", text, re.MULTILINE) for name, text in texts.items()}
    return {name: label[1] for name, label in found.items() if label and "\n    exec:" not in texts[name]}


RUNS = {
    "encoding on GPUs": ("awsbatch,gpu", {"encoder": "uni2"}),
    "by hand": ("awsbatch,gpu", {}),
    "without": ("awsbatch", {}),
}


@pytest.fixture(scope="module")
def resolved(tmp_path_factory) -> dict[str, dict]:
    """Of each of RUNS the settings of every process at its first attempt, with those of the executor."""
    folder = tmp_path_factory.mktemp("resolved")
    site = folder / "aws.config"
    site.write_text(site_file())
    words = [ROOT, json.dumps(list(RUNS.values())), site, "awsbatch", json.dumps(list(labels().items()))]
    finished = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", *SHORT_LIVED.split(), "-cp", JARS, "groovy.ui.GroovyMain",
         ROOT / "tests" / "helpers" / "resolve.groovy", *words],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return dict(zip(RUNS, json.loads(finished.stdout.splitlines()[-1]), strict=True))


@pytest.fixture(scope="module")
def with_gpu(resolved) -> dict:
    return resolved["encoding on GPUs"]


@pytest.fixture(scope="module")
def without(resolved) -> dict:
    return resolved["without"]


def test_every_process_goes_to_a_queue_of_the_site(with_gpu):
    assert len(with_gpu["process"]) > 20
    for name, task in with_gpu["process"].items():
        assert task["executor"] == "awsbatch", name
        assert task["queue"] in {"tissuegraph-spot", "tissuegraph-gpu", "tissuegraph-ondemand"}, name
        assert task["container"] == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tissuegraph:0.1.0", name


def test_tasks_that_use_a_gpu_get_one_and_its_queue_and_no_others_do(with_gpu):
    asking = {name for name, task in with_gpu["process"].items() if task["accelerator"]}
    assert asking == USES_GPU | {"ENCODE_HISTOLOGY"}
    for name, task in with_gpu["process"].items():
        assert (task["queue"] == "tissuegraph-gpu") == (name in asking), name
        assert task["accelerator"] == (1 if name in asking else None), name
        assert task["accelerator_type"] is None, name  # Batch knows no types


def test_features_by_hand_need_no_gpu(resolved):
    task = resolved["by hand"]["process"]["ENCODE_HISTOLOGY"]
    assert (task["queue"], task["accelerator"]) == ("tissuegraph-spot", None)


def test_without_the_gpu_profile_nothing_asks_for_a_gpu(without):
    assert {task["accelerator"] for task in without["process"].values()} == {None}


def test_no_option_is_passed_that_batch_would_drop(with_gpu, without):
    for settings in (with_gpu, without):
        for name, task in settings["process"].items():
            assert task["clusterOptions"] is None, name
            assert all(word.split("=")[0] in TAKEN for word in (task["containerOptions"] or "").split()), name


def test_a_spot_instance_taken_back_is_no_attempt_of_the_task(with_gpu):
    assert with_gpu["aws"]["batch"]["maxSpotAttempts"] == 5
    assert {task["maxRetries"] for task in with_gpu["process"].values()} == {5}


def test_the_package_uses_no_shared_memory_so_that_the_64_mb_of_a_container_do():
    """Loaders of batches in processes of their own would need --shm-size, as would pools of processes."""
    texts = {path: path.read_text() for path in (ROOT / "bin" / "tissuegraph").rglob("*.py")}
    shared = re.compile(r"\b(multiprocessing|DataLoader|ProcessPoolExecutor|joblib|shared_memory|n_jobs)\b")
    assert [path for path, text in texts.items() if shared.search(text)] == []
