"""Runs of the engine on a SLURM of the tests' own, and what their jobs asked for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from helpers.engine import engine_environment
from helpers.slurm import Slurm, wait_for

ROOT = Path(__file__).resolve().parents[2]
Found = TypeVar("Found")


class Engine:
    """An engine at work in a directory of its own, with `-profile slurm,gpu` and a site's configuration."""

    def __init__(self, slurm: Slurm, launch: Path, project: Path, site: str, *arguments: object) -> None:
        launch.mkdir(exist_ok=True)
        (launch / "site.config").write_text(site)
        self.log = launch / "said"
        variables = {**slurm.environment, "TISSUEGRAPH_ENGINE": "bundled"}
        environment = engine_environment(launch, **variables)
        words = [ROOT / "engine" / "nextflow", "run", project, "-ansi-log", "false", "-profile", "slurm,gpu",
                 "-c", "site.config", *arguments]  # fmt: skip
        with self.log.open("w") as said:
            self.process = subprocess.Popen(
                list(map(str, words)), cwd=launch, env=environment, stdout=said, stderr=subprocess.STDOUT
            )

    def wait_for(self, condition: Callable[[], Found], seconds: float = 600) -> Found:
        def found_or_ended() -> Found:
            assert self.process.poll() is None, f"the run has ended: {self.log.read_text()}"
            return condition()

        return wait_for(found_or_ended, seconds, self.log.read_text)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()

    def finish(self, seconds: float = 900) -> str:
        """What it said, once it has ended well."""
        assert self.process.wait(seconds) == 0, self.log.read_text()
        return self.log.read_text()


def jobs_of(slurm: Slurm, process: str) -> list[dict[str, str]]:
    """Jobs of a process, in the order of their submission."""
    found = [job for job in slurm.jobs() if re.search(rf"(^nf-|_){process}(_\(|$)", job["JobName"])]
    return sorted(found, key=lambda job: int(job["JobId"]))


def states_of(slurm: Slurm, process: str) -> list[str]:
    return [job["JobState"] for job in jobs_of(slurm, process)]


def running(slurm: Slurm, process: str) -> list[dict[str, str]]:
    return [job for job in jobs_of(slurm, process) if job["JobState"] == "RUNNING"]


def native_id(job: dict[str, str]) -> str:
    """The job as the engine names it."""
    return f"{job['ArrayJobId']}_{job['ArrayTaskId']}" if "ArrayJobId" in job else job["JobId"]


def megabytes(text: str) -> float:
    """4G and 4096M as 4096."""
    return float(text[:-1]) * 1024 ** ("KMGT".index(text[-1]) - 1)


def seconds(text: str) -> int:
    """Of a TimeLimit below a day, such as 02:00:00."""
    hours, minutes, rest = map(int, text.split(":"))
    return 3600 * hours + 60 * minutes + rest
