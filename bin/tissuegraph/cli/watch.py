"""Tasks end with the engine that started them: one that was killed cannot stop them, and a resumed one starts
new ones.

Only where the engine's process is an ancestor of the task's, as on the local executor; not in a container
that has processes of its own, nor for a scheduler's jobs.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

ENGINE = "TISSUEGRAPH_ENGINE_PID"  # set by nextflow.config
TERMINATED = 143  # exit status of a task told to stop
_EVERY = 2.0  # seconds
_NAME = "watch"  # of the thread


def end_with_engine() -> None:
    """Have this process end soon after the engine's; nothing where that is no ancestor, or asked again."""
    engine = os.environ.get(ENGINE, "")
    if any(thread.name == _NAME for thread in threading.enumerate()):
        return
    if not engine.isdecimal() or int(engine) not in _ancestors():
        return
    born = _stat(int(engine))
    if born is not None:
        watch = threading.Thread(target=_wait, args=(int(engine), born[2]), name=_NAME, daemon=True)
        watch.start()


def _wait(engine: int, born: str) -> None:
    while True:
        time.sleep(_EVERY)
        now = _stat(engine)
        if now is None or now[0] in "ZX" or now[2] != born:
            print("the engine that started this task is gone: it ends here", file=sys.stderr, flush=True)
            os._exit(TERMINATED)


def _ancestors() -> list[int]:
    """Processes that this one comes from, nearest first; none where the system has no /proc."""
    found, stat = [], _stat(os.getpid())
    while stat is not None and stat[1] > 0:
        found.append(stat[1])
        stat = _stat(stat[1])
    return found


def _stat(process: int) -> tuple[str, int, str] | None:
    """State, parent and time of birth of a process; None where there is none."""
    try:
        # (the name before may hold spaces and brackets)
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1]), fields[19]
