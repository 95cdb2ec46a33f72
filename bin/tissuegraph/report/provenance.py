"""What made a result: code, environment, seeds, devices, parameters and inputs, as facts for receipt.json.

What differs between two equal runs (name, date, duration, command) is not here: the workflow adds it when the
run has ended, so that a resumed run finds the rest unchanged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tissuegraph.io.digests import CONTENT
from tissuegraph.records import Record, step_name

FORMAT = 1  # of receipt.json
LEFT_OUT = "(left out)"
# What follows the path of an address may be a signature or token, and what stands before its host a password.
_QUERY = re.compile(r"([a-z][a-z0-9+.-]*://[^\s?#]*)[?#]\S*", re.IGNORECASE)
_USER = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/]*@", re.IGNORECASE)
_SECRET = re.compile(r"token|secret|passw|credential|(api|access)[_-]?key", re.IGNORECASE)


def without_secrets(value: Any, name: str = "") -> Any:
    """A parameter, or all of a mapping or list, without the queries and passwords of addresses.

    name: of the parameter; what is called a token, key or password is left out whole.
    """
    if isinstance(value, Mapping):
        return {key: without_secrets(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(item, name) for item in value]
    if value is not None and _SECRET.search(name):
        return LEFT_OUT
    return _USER.sub(r"\1", _QUERY.sub(r"\1", value)) if isinstance(value, str) else value


def make_receipt(
    rows: Sequence[Mapping[str, Any]],
    records: Sequence[Record],
    *,
    run: Mapping[str, Any],
    params: Mapping[str, Any],
    made: Mapping[str, Any],
) -> dict[str, Any]:
    """What receipt.json says. Paths stay as they were given; `without_secrets` went over all of it.

    rows: of the samplesheet; run: what the run does, with settings of methods; params: as the engine has
    them; made: `pipeline`, `engine`, `models`, `files` and `agreement` as the workflow knows them.
    """
    seed, n_seeds = run.get("seed"), run.get("n_seeds")
    return without_secrets(
        {
            "format": FORMAT,
            "pipeline": made.get("pipeline") or {},
            "agreement": made.get("agreement"),
            "engine": made.get("engine") or {},
            "seeds": list(range(seed, seed + n_seeds)) if seed is not None and n_seeds else [],
            "devices": _devices(records),
            "presets": _presets(run),
            "weights": _weights(records),
            "models": made.get("models") or {},
            "notices": list(run.get("notices") or ()),
            "parameters": {name: value for name, value in sorted(params.items()) if value is not None},
            "inputs": _inputs(rows, records, made.get("files") or {}),
        }
    )


def _devices(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """step -> device -> how many times it computed there; of the steps that could use a GPU."""
    found: dict[str, Counter[str]] = {}
    for record in records:
        if record.metrics.get("device"):
            found.setdefault(step_name(record), Counter())[record.metrics["device"]] += 1
    return {step: dict(sorted(devices.items())) for step, devices in sorted(found.items())}


def _presets(run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """method -> the preset's name or file, and the digest of the settings that it amounts to."""
    settings = {
        method["name"]: [method[step] for step in ("graph", "train", "cluster")]
        for method in run.get("methods") or ()
    }
    for step in ("expression", "teaching"):
        told = (run.get(step) or {}).get("settings")
        if told:
            settings.setdefault(told.get("method", step), [told])
    return {
        method: {"preset": run.get(f"{method}_preset"), "settings_sha256": _digest(parts)}
        for method, parts in sorted(settings.items())
    }


def _weights(records: Sequence[Record]) -> dict[str, list[str]]:
    """Digests of files that an encoder or the normalisation of stains was read from, by their kind."""
    found: dict[str, set[str]] = {}
    for record in records:
        for name in ("weights_sha256", "stain_reference_sha256"):
            if record.metrics.get(name):
                found.setdefault(name, set()).add(record.metrics[name])
    return {name: sorted(digests) for name, digests in sorted(found.items())}


def _inputs(
    rows: Sequence[Mapping[str, Any]], records: Sequence[Record], files: Mapping[str, Any]
) -> dict[str, Any]:
    """`files` of parameters, `slices` with the digest of what each row names, and one digest over them all.

    A slice whose task was lost has no digest.
    """
    digests = {
        record.sample: record.metrics["inputs"]
        for record in records
        if record.step == "ingest" and "inputs" in record.metrics
    }
    slices = [
        {
            "sample": row["sample"],
            **{
                column: {"name": row.get(column), **digest}
                for column, digest in digests.get(row["sample"], {}).items()
            },
        }
        for row in rows
    ]
    every = [
        [each["sample"], *(value["sha256"] for value in each.values() if isinstance(value, Mapping))]
        for each in slices
    ]
    return {"sha256": _digest(sorted(every, key=str)), "files": dict(files), "slices": slices}


def whole_content(receipt: Mapping[str, Any]) -> tuple[int, int]:
    """How many slices have a digest of all that they were read from, and how many there are."""
    slices = receipt["inputs"]["slices"]
    known = [[value for value in each.values() if isinstance(value, Mapping)] for each in slices]
    return sum(bool(told) and all(v["covers"] == CONTENT for v in told) for told in known), len(slices)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
