"""All answers for one slice, numbered alike, scored, and held against their controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tissuegraph import keys
from tissuegraph.results.steps import Steps
from tissuegraph.results.taught import judged
from tissuegraph.scores.labellings import BaselineResult, MethodResult, number_alike
from tissuegraph.scores.metrics import agreement_scores, coherence_scores
from tissuegraph.scores.table import gain, score_table


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """final: the method to trust; columns: obs column -> (N,) int from 1, equal numbers match;
    scores: rows of `score_table`; gains: method -> what `scores.table.gain` says of it, None without labels;
    region_scores: of the regions that other sections taught, against the slice's own annotation, empty where
    there is nothing to compare.
    """

    final: MethodResult
    columns: Mapping[str, np.ndarray]
    scores: Sequence[Mapping[str, Any]]
    gains: Mapping[str, Mapping[str, Any] | None]
    region_scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def domain(self) -> np.ndarray:
        """(N,) int from 1: the domains of the final answer."""
        return self.columns[keys.DOMAIN]


def judge(steps: Steps, final: str) -> Answers:
    """Number and score the answers of all methods and controls; `final` names the method to trust."""
    trusted = next(method for method in steps.methods if method.name == final)
    scores = score_table(
        steps.methods,
        steps.baseline,
        agreement=lambda labels: (
            {} if steps.annotation is None else agreement_scores(labels, steps.annotation)
        ),
        coherence=lambda labels: coherence_scores(labels, steps.arrays.position, steps.arrays.spatial),
    )
    return Answers(
        final=trusted,
        columns=number_domains(steps.methods, trusted, steps.baseline, steps.annotation),
        scores=scores,
        region_scores=(
            {}
            if steps.taught is None
            else judged(steps.taught, steps.sample, steps.annotation, steps.regions)
        ),
        gains={method.name: gain(scores, method.name) for method in steps.methods},
    )


def number_domains(
    methods: Sequence[MethodResult],
    final: MethodResult,
    baseline: BaselineResult,
    annotation: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """obs column -> (N,) int from 1, equal numbers for matching domains across all columns."""
    others = {keys.domain(method.name): method.domain for method in methods}
    others |= {keys.DOMAIN_BASELINE: baseline.baseline, keys.DOMAIN_PCA_KMEANS: baseline.pca_kmeans}
    numbered, rest = number_alike(final.domain, list(others.values()), annotation)
    columns = {keys.DOMAIN: numbered, **dict(zip(others, rest, strict=True))}
    columns[keys.domain(final.name)] = numbered
    return columns
