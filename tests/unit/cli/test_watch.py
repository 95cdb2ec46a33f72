"""A task ends with the engine that started it, and with nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tissuegraph.cli import watch

TASK = "; ".join(
    (
        "import time",
        "from tissuegraph.cli import watch",
        "watch._EVERY = 0.05",
        "watch.end_with_engine()",
        "time.sleep(60)",
    )
)
# As the engine does it: a shell between it and the task, which outlives it
ENGINE = f"""
import os, subprocess, sys, time
os.environ[{watch.ENGINE!r}] = sys.argv[1] or str(os.getpid())
task = subprocess.Popen(["bash", "-c", '"$0" -c "$1" & echo $!; wait', sys.executable, {TASK!r}])
time.sleep(60)
"""


@pytest.fixture
def start():
    """Start an engine with one task, and give both; `engine`: the process number that the task is told."""
    started = []

    def start(engine=""):
        found = subprocess.Popen(
            [sys.executable, "-c", ENGINE, engine], stdout=subprocess.PIPE, text=True, env=_environment()
        )
        task = int(found.stdout.readline())
        started.extend([found.pid, task])
        time.sleep(0.5)  # the task is under way
        return found, task

    yield start
    for process in started:
        if watch._stat(process) is not None:
            os.kill(process, signal.SIGKILL)


def _environment():
    return {**os.environ, "PYTHONPATH": str(watch.Path(watch.__file__).parents[2])}


def is_running(process, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stat = watch._stat(process)
        if stat is None or stat[0] in "ZX":
            return False
        time.sleep(0.05)
    return True


def test_a_task_ends_when_its_engine_is_killed(start):
    engine, task = start()
    assert is_running(task, 0.3)
    engine.kill()
    engine.wait()
    assert not is_running(task, 5)


@pytest.mark.parametrize("told", ["1x", "999999999"])
def test_a_task_that_knows_no_engine_among_its_ancestors_goes_on(start, told):
    engine, task = start(told)
    engine.kill()
    engine.wait()
    assert is_running(task, 1)
