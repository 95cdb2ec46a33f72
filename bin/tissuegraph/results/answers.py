"""All answers for one slice, numbered alike, scored, and held against their controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tissuegraph import keys
from tissuegraph.figures.palette import region_number
from tissuegraph.results.steps import Steps
from tissuegraph.results.taught import judged
from tissuegraph.scores.labellings import (
    JOINT,
    JOINT_STMFG,
    MethodResult,
    RegionName,
    match_numbers,
    name_domains,
    number_alike,
)
from tissuegraph.scores.metrics import agreement_scores, coherence_scores, pas_neighbours
from tissuegraph.scores.table import gain, score_table

_WHAT = {JOINT: "all sections together", JOINT_STMFG: "one encoder over all sections"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """final: the method to trust; name: what gave the final domains, this method or one of JOINTS;
    columns: obs column -> (N,) int from 1, equal numbers match, in a group over all its sections;
    confidence: (N,) of the final domains; scores: rows of `score_table`; gains: method -> what
    `scores.table.gain` says of it, None without labels; names: number -> its region, see `name_domains`;
    region_scores: of the regions that other sections taught, against the slice's own annotation, empty where
    there is nothing to compare.
    """

    final: MethodResult
    name: str
    columns: Mapping[str, np.ndarray]
    confidence: np.ndarray
    scores: Sequence[Mapping[str, Any]]
    gains: Mapping[str, Mapping[str, Any] | None]
    names: Mapping[int, RegionName]
    region_scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def domain(self) -> np.ndarray:
        """(N,) int from 1: the domains of the final answer."""
        return self.columns[keys.DOMAIN]


def judge(steps: Steps, final: str) -> Answers:
    """Number and score the answers of all methods and controls; `final` names the method to trust."""
    trusted = next(method for method in steps.methods if method.name == final)

    def agreement(labels: np.ndarray) -> Mapping[str, float]:
        return {} if steps.annotation is None else agreement_scores(labels, steps.annotation)

    arrays, nearest = steps.arrays, pas_neighbours(steps.arrays.position)

    def coherence(labels: np.ndarray) -> Mapping[str, float]:
        return coherence_scores(labels, arrays.position, arrays.spatial, nearest=nearest)

    scores = score_table(steps.methods, steps.baseline, agreement=agreement, coherence=coherence)
    for name, joint in steps.joints.items():
        row = {
            "key": name,
            "method": name,
            "kind": JOINT,
            "what": _WHAT[name],
            "n_seeds": len(joint.per_seed),
        }
        scores.append({**row, **agreement(joint.joint), **coherence(joint.joint)})
    columns = number_domains(steps, trusted)
    answer = steps.joint_answer
    return Answers(
        final=trusted,
        name=trusted.name if answer is None else answer.name,
        columns=columns,
        confidence=trusted.confidence if answer is None else answer.confidence,
        scores=scores,
        region_scores=({} if steps.taught is None else judged(steps.taught, steps.annotation, steps.regions)),
        gains={method.name: gain(scores, method.name) for method in steps.methods},
        names=name_domains(columns[keys.DOMAIN], steps.annotation, steps.regions),
    )


def number_domains(steps: Steps, final: MethodResult) -> dict[str, np.ndarray]:
    """obs column -> (N,) int from 1, equal numbers for matching domains across all columns.

    A section has the numbers of its group; without them the final answer numbers the others.
    """
    labels = {keys.domain(method.name): (method.name, method.domain) for method in steps.methods}
    labels[keys.DOMAIN_BASELINE] = ("baseline", steps.baseline.baseline)
    labels[keys.DOMAIN_PCA_KMEANS] = ("pca_kmeans", steps.baseline.pca_kmeans)
    labels |= {keys.domain(name): (name, joint.joint) for name, joint in steps.joints.items()}
    answer = keys.domain(final.name if steps.joint_answer is None else steps.joint_answer.name)
    if is_matched(steps):
        columns = {column: steps.numbers[result][found] for column, (result, found) in labels.items()}
    else:
        others = [column for column in labels if column != answer]
        numbered, rest = number_alike(
            labels[answer][1], [labels[column][1] for column in others], steps.annotation
        )
        columns = {answer: numbered, **dict(zip(others, rest, strict=True))}
    return {keys.DOMAIN: columns[answer], **columns}


def is_matched(steps: Steps) -> bool:
    """Whether the numbers of domains are those of the slice's group."""
    wanted = [*(method.name for method in steps.methods), "baseline", "pca_kmeans"]
    return all(name in steps.numbers for name in wanted)


def numbers_of_regions(steps: Steps, columns: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Region -> its number, hence its colour: that of the final domain it matches, else one of its own.

    Where regions are taught, they have numbers instead that are the same in every section and no domain's.
    columns: obs column -> numbers.
    """
    if steps.annotation is None:
        return {}
    if steps.known:
        return {name: region_number(place) for place, name in enumerate(steps.regions)}
    labelled = steps.annotation >= 0
    codes = steps.annotation[labelled]
    matched = match_numbers(codes, columns[keys.DOMAIN][labelled])
    taken, fresh = set(np.unique(columns[keys.DOMAIN]).tolist()), max(map(np.max, columns.values())) + 1
    numbers: dict[str, int] = {}
    for code, name in enumerate(steps.regions):
        number = int(matched[codes == code][0]) if (codes == code).any() else 0
        if number not in taken:  # clear of every number on the maps
            number, fresh = int(fresh), fresh + 1
        numbers[name] = number
    return numbers


def explain_numbers(answers: Answers, titles: Mapping[str, str], matched: bool) -> list[str]:
    """One sentence for each result that lacks numbers of the answer or has further ones.

    titles: obs column -> name of the result, of those that are shown.
    """
    own = set(np.unique(answers.domain).tolist())
    told = ["Numbers and colours are those of the group: equal ones mean the same tissue in every section."]
    if not matched:
        told = []
    for column, title in titles.items():
        found = set(np.unique(answers.columns[column]).tolist())
        missing, extra = sorted(own - found), sorted(found - own)
        if missing:
            told.append(f"{title} has no counterpart of {_domains(missing)} of the answer.")
        if extra:
            told.append(f"{title} has {_domains(extra)} without a counterpart in the answer.")
    return told


def _domains(numbers: Sequence[int]) -> str:
    return f"domain{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
