"""Regions that annotated sections taught: read, held against the slice's own annotation, put into columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.intermediate import reading
from tissuegraph.io.text import plain
from tissuegraph.records import Record
from tissuegraph.scores.named import named_scores
from tissuegraph.scores.transfer import NOT_CHECKED

FILE, STEP = "regions.npz", "name_regions"


@dataclass(frozen=True, kw_only=True, eq=False)
class Taught:
    """Regions of the N spots of one slice, as a model named them.

    names: (R,) exactly as annotated; region: (N,) int, the likeliest name; probability: (N,) 0 to 1; novelty:
    (N,) from 0, above 1 novel; call: (N,) int, the region where it may be said, else -1; facts: what the
    record of the naming says.
    """

    names: tuple[str, ...]
    region: np.ndarray
    probability: np.ndarray
    novelty: np.ndarray
    call: np.ndarray
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def teachers(self) -> list[str]:
        """Names of the sections that taught; of a model from disk, those that its record names."""
        return [str(name) for name in self.facts.get("teachers") or ()]

    @property
    def guard(self) -> str:
        """`shown`, `not shown` or `not checked`: whether transfer worked on left-out teachers."""
        return str(self.facts.get("guard") or NOT_CHECKED)

    @property
    def coverage(self) -> float:
        """Share of spots whose region is called."""
        return float((self.call >= 0).mean()) if len(self.call) else 0.0

    @property
    def named(self) -> np.ndarray:
        """(N,) the likeliest name of each spot."""
        return np.array(self.names, dtype=object)[self.region]

    def columns(self) -> dict[str, Any]:
        """obs column -> values."""
        said = np.where(self.call >= 0, np.array(self.names, dtype=object)[self.call], keys.UNSURE)
        return {
            keys.REGION: pd.Categorical(self.named, categories=list(self.names)),
            keys.REGION_PROBABILITY: self.probability.astype(np.float32),
            keys.REGION_NOVELTY: self.novelty.astype(np.float32),
            keys.REGION_CALL: pd.Categorical(
                said, categories=list(dict.fromkeys([*self.names, keys.UNSURE]))
            ),
        }


def read_taught(path: Path, records: Sequence[Record], n_spots: int) -> Taught | None:
    """Regions from `regions.npz`; None where there is no such file.

    Raises InputError where it does not fit the slice.
    """
    if not path.is_file():
        return None
    with reading(path, "regions"), np.load(path) as stored:
        names = tuple(str(name) for name in stored["names"])
        found = {name: np.asarray(stored[name]) for name in (keys.REGION, "probability", "novelty", "call")}
    lengths = {len(values) for values in found.values()}
    if lengths != {n_spots}:
        raise InputError(
            f"{path.name} describes {max(lengths)} spots, the slice has {n_spots}; name its regions again"
        )
    limits = {keys.REGION: 0, "call": -1}
    if any(found[name].min() < least or found[name].max() >= len(names) for name, least in limits.items()):
        raise InputError(f"{path.name} holds codes beyond its {len(names)} names; name the regions again")
    facts = next((record.metrics for record in records if record.step == STEP), {})
    return Taught(names=names, facts=facts, **found)


def known_names(taught: Taught | None, records: Sequence[Record]) -> tuple[str, ...]:
    """The names that the group's model knows, in its order, whether it names the slice or is taught by it."""
    if taught is not None:
        return taught.names
    told = (record.metrics.get("names") for record in records if record.step == "teach")
    return tuple(next((names for names in told if names), ()))


def judged(taught: Taught, annotation: np.ndarray | None, names: Sequence[str]) -> dict[str, float | int]:
    """Scores against the slice's own annotation, (N,) int with -1 = unlabelled; none for one that taught."""
    if annotation is None or taught.facts.get("taught_the_model"):
        return {}
    return named_scores(taught.named, [names[code] if code >= 0 else None for code in annotation])


def untaught(taught: Taught, annotation: np.ndarray | None, names: Sequence[str]) -> list[str]:
    """One line each about regions of the slice's own annotation, (N,) int, that nobody taught."""
    if annotation is None or taught.facts.get("taught_the_model"):
        return []
    own = {names[code] for code in np.unique(annotation[annotation >= 0])}
    alike = {plain(name): name for name in taught.names}
    near = {name: alike[plain(name)] for name in sorted(own.difference(taught.names)) if plain(name) in alike}
    absent = sorted(own.difference(taught.names, near))
    lines = [
        f"the annotated region {name!r} differs from the taught {known!r} by case or blanks only; they "
        "count as two regions"
        for name, known in near.items()
    ]
    if absent:
        listed = ", ".join(map(repr, absent))
        lines.append(f"no teacher has the annotated region {listed}; no spot can be named so")
    return lines


def described(taught: Taught, scores: Mapping[str, Any]) -> dict[str, Any]:
    """What table and report say about the regions of one slice, JSON-able."""
    codes, sizes = np.unique(taught.region, return_counts=True)
    return {
        **{
            name: taught.facts.get(name)
            for name in ("level", "sentence", "left_out", "model", "novelty_level", "carried")
        },
        "names": list(taught.names),
        "teachers": taught.teachers,
        "guard": taught.guard,
        "coverage": taught.coverage,
        "mean_probability": float(taught.probability.mean()) if len(taught.probability) else None,
        "composition": {taught.names[code]: int(size) for code, size in zip(codes, sizes, strict=True)},
        "n_unsure": int((taught.call < 0).sum()),
        "scores": dict(scores),
    }
