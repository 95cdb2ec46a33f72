"""One small JSON record per step and slice: what happened, in a form the report can read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PASSED, WARNED, FAILED = "passed", "warned", "failed"
GROUP = "group:"  # starts the sample of a group's records; no slice has a colon in its name
_RANK = {PASSED: 0, WARNED: 1, FAILED: 2}


@dataclass
class Record:
    """What one step did to one slice.

    status is `passed`, `warned` or `failed`; reasons holds one line per warning or failure; notes holds one
    line per fact that is told in its place and is no reason to look at the slice;
    metrics holds whatever the report or the cohort table shows (JSON-able values).
    """

    sample: str
    step: str
    status: str = PASSED
    reasons: list[str] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, fact: str) -> None:
        """Say what is worth knowing and not worth a look; the status stays."""
        self.notes.append(_one_line(fact))

    def warn(self, reason: str) -> None:
        """Give a reason to look at the slice, which goes on."""
        self._add(WARNED, reason)

    def fail(self, reason: str) -> None:
        """Give the reason why the slice leaves the run."""
        self._add(FAILED, reason)

    def _add(self, status: str, reason: str) -> None:
        self.reasons.append(_one_line(reason))
        self.status = worst(self.status, status)

    def write(self, path: str | Path) -> None:
        """Write the record as strict JSON (NaN becomes null)."""
        Path(path).write_text(json.dumps(as_json(asdict(self)), indent=1, allow_nan=False) + "\n")


def read_record(path: str | Path) -> Record:
    """Read what `Record.write` wrote."""
    return Record(**json.loads(Path(path).read_text()))


def step_name(record: Record) -> str:
    """The step, with its method where it has one: graphs, training and clusters are made once per method."""
    method = record.metrics.get("method")
    return f"{record.step}_{method}" if method else record.step


def worst(*statuses: str) -> str:
    """The most severe of several statuses; `passed` when there is none."""
    return max(statuses, key=_RANK.__getitem__, default=PASSED)


def _one_line(text: str) -> str:
    return " ".join(str(text).split())


def as_json(value: Any) -> Any:
    """What JSON can hold: numpy as Python's values, tuples as lists, floats that are not finite as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
