"""A SLURM of one node for tests: configuration, key, ports and state of its own, gone without a trace.

The node says that it has more cores and memory than the machine, so that jobs run side by side on a small
one, and two GPUs that are device files any machine has.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client")
# Debian keeps daemons where the PATH of a user does not look
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

# Completed jobs stay known (MinJobAge), so that a test reads them when all is over; little is put off
# (sched_*, bf_*), and a job that will not end is killed soon (KillWait).
_CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
MinJobAge=100000
KillWait=3
InactiveLimit=0
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes=node Default=YES DefaultTime=00:01:00 MaxTime=1-00:00:00 DefMemPerNode=100
PartitionName=gpu Nodes=node MaxTime=1-00:00:00
"""


class NoSlurmError(Exception):
    """There is no SLURM here and none can be installed; the message says why."""


def require_slurm() -> None:
    """Install SLURM from the distribution's packages where it is missing.

    Raises:
        NoSlurmError: It is missing, and cannot be installed.
    """
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if not missing:
        return
    absent = f"SLURM is not installed ({', '.join(missing)} not found)"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoSlurmError(f"{absent}; install {' '.join(PACKAGES)} (Debian's names) to run this test")
    quick = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=10", "-o", "DPkg::Lock::Timeout=60"]
    said = [""]
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        with suppress(subprocess.TimeoutExpired):
            finished = subprocess.run(
                ["apt-get", "--quiet", *quick, *words],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, check=False,
            )  # fmt: skip
            said = finished.stdout.strip().splitlines() or said
    if any(shutil.which(name, path=PATH) is None for name in PROGRAMS):
        raise NoSlurmError(f"{absent} and apt-get cannot install it: {said[-1]}")


@dataclass
class Slurm:
    """A running SLURM: what its commands say, and the means to disturb it."""

    folder: Path
    environment: Mapping[str, str]  # for whatever calls sbatch or squeue
    _daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    def says(self, *words: object) -> str:
        """What a command of SLURM prints; an error where it fails."""
        finished = subprocess.run(
            list(map(str, words)), env=self.environment, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, f"{words}: {finished.stdout}{finished.stderr}"
        return finished.stdout

    def jobs(self) -> list[dict[str, str]]:
        """All jobs there ever were, as `scontrol show job` has them; those of an array that wait are one."""
        text = self.says("scontrol", "--oneliner", "--all", "show", "job")
        return [_fields(line) for line in text.splitlines() if line.startswith("JobId=")]

    def start(self, name: str) -> None:
        """Start a daemon in the foreground, as our child."""
        files = [f"--{what}-file={self.folder}/munge.{what}" for what in ("key", "pid", "seed", "log")]
        words = {
            "munged": ["munged", "--foreground", "--force", *files, f"--socket={self.folder}/munge.socket"],
            "slurmctld": ["slurmctld", "-D"],
            "slurmd": ["slurmd", "-D", "-N", "node"],
        }[name]
        with (self.folder / f"{name}.said").open("a") as said:
            self._daemons[name] = subprocess.Popen(
                words, env=self.environment, stdout=said, stderr=said, cwd=self.folder
            )

    def stop(self, name: str) -> None:
        """End a daemon, by force where it does not go."""
        daemon = self._daemons.pop(name, None)
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def wait_until_ready(self) -> None:
        """Wait for the node to take jobs."""

        def ready() -> bool:
            words = ["sinfo", "--noheader", "--format=%T"]
            finished = subprocess.run(
                words, env=self.environment, capture_output=True, text=True, check=False
            )
            return finished.returncode == 0 and set(finished.stdout.split()) == {"idle"}

        wait_for(ready, 120, lambda: f"SLURM does not start: {self.said()}")

    def said(self) -> str:
        """The last lines of every daemon."""
        logs = sorted([*self.folder.glob("*.said"), *self.folder.glob("*.log")])
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-600:]}" for log in logs)

    def end(self) -> None:
        """Cancel what runs, and stop all daemons."""
        with suppress(AssertionError):
            self.says("scancel", "--user", getpass.getuser())
            wait_for(lambda: not self.says("squeue", "--noheader"), 20)
        for name in ("slurmd", "slurmctld", "munged"):
            self.stop(name)
        _kill_steps(self.folder)


@contextmanager
def one_node_slurm(*, cpus: int = 64, memory: int = 500_000) -> Iterator[Slurm]:
    """A SLURM with the partitions `cpu` (the default) and `gpu`, on a node with so many cpus and MB.

    Raises:
        NoSlurmError: There is none here and none can be installed.
    """
    require_slurm()
    # (short, for the path of a socket has at most 107 characters)
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    controller_port, node_port = _free_ports(2)
    (folder / "slurm.conf").write_text(
        _CONF.format(
            host=socket.gethostname().split(".")[0], user=getpass.getuser(), folder=folder, cpus=cpus,
            memory=memory, controller_port=controller_port, node_port=node_port,
        )
    )  # fmt: skip
    (folder / "gres.conf").write_text(
        "NodeName=node Name=gpu File=/dev/null\nNodeName=node Name=gpu File=/dev/zero\n"
    )
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    slurm = Slurm(folder, {**os.environ, "PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")})
    try:
        slurm.start("munged")
        wait_for((folder / "munge.socket").exists, 60, slurm.said)
        slurm.start("slurmctld")
        slurm.start("slurmd")
        slurm.wait_until_ready()
        yield slurm
    finally:
        slurm.end()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(
    condition: Callable[[], Found], seconds: float = 90, why: Callable[[], str] = lambda: "waited in vain"
) -> Found:
    """What the condition gives, once it gives something."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, why()
        time.sleep(0.5)
    return found


def _fields(line: str) -> dict[str, str]:
    """`JobId=3 JobName=a b=c` as pairs: a word without `=` belongs to the value before it."""
    pairs: dict[str, str] = {}
    for word in line.split(" "):
        name, equals, value = word.partition("=")
        if equals and re.fullmatch(r"[A-Z][\w/:]*", name):
            pairs[name] = value
        elif pairs:
            pairs[next(reversed(pairs))] += f" {word}"
    return {name: value.rstrip() for name, value in pairs.items()}


def _free_ports(n: int) -> list[int]:
    """Ports nobody listens on."""
    sockets = [socket.socket() for _ in range(n)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _kill_steps(folder: Path) -> None:
    """End processes of jobs that have outlived their daemon (slurmstepd): those with our configuration."""
    mark = f"SLURM_CONF={folder}/slurm.conf".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (process / "environ").read_bytes().split(b"\0")
            if mark in environment and int(process.name) != os.getpid():
                os.kill(int(process.name), signal.SIGKILL)
