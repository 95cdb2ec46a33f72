"""Whether sections share their domains, without labels, in words and with the figure that decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tissuegraph.clustering.labels import adjusted_rand, contingency
from tissuegraph.cohorts.joint import JointDomains, centred

SHARED, PARTLY, SEPARATE, ARTEFACT = "shared", "partly shared", "separate", "depth artefact"
ONE_SECTION = 0.9  # share of a domain, sections counted alike, from which it lies in one section
MOST_ALONE = 0.5  # share of domains in one section from which joining is refused
_UNLIKE_DEPTH = 3.0  # ratio of median counts from which depth is the likelier reason
_NEIGHBOURS = 30
_SAMPLE, _ALL_SAMPLES = 2_000, 20_000  # spots of each section, and of all, whose neighbours are looked at


@dataclass(frozen=True)
class Verdict:
    """kind; sentence; whether joint domains are refused as the answer; the figures behind it, see `judge`."""

    kind: str
    sentence: str
    joint_refused: bool
    figures: dict[str, float | None]


def judge(
    components: Mapping[str, np.ndarray],
    joint: Mapping[str, JointDomains],
    separate: Mapping[str, np.ndarray],
    depth: Mapping[str, float],
) -> Verdict:
    """Hold the joint clustering of a group against its sections.

    components: smoothed (N, D); separate: (N,) labels found in each section alone; depth: median counts.
    Figures: share_in_one_section, of the domains; mixing, neighbours from other sections in the joint space
    as a share of those expected by chance; agreement, mean adjusted Rand index of joint and separate domains;
    stability, the same between seeds; depth_ratio, largest over smallest median counts.
    """
    names = sorted(joint)
    shares = domain_shares({name: joint[name].labels for name in names})
    alone = float((shares.max(axis=1) >= ONE_SECTION).mean())
    smallest = min(depth.values())
    ratio = max(depth.values()) / smallest if smallest > 0 else None
    figures = {
        "share_in_one_section": alone,
        "mixing": mixing({name: centred(components[name]) for name in names}),
        "agreement": _agreement({name: joint[name].labels for name in names}, separate),
        "stability": _stability(np.hstack([joint[name].per_seed for name in names])),
        "depth_ratio": ratio,
    }
    kind, sentence = _in_words(alone, len(shares), figures)
    return Verdict(kind, sentence, alone >= MOST_ALONE, figures)


def domain_shares(labels: Mapping[str, np.ndarray]) -> np.ndarray:
    """How each domain is spread over the sections, these counted alike: (K, S), rows sum to 1."""
    n_labels = max(int(found.max()) for found in labels.values()) + 1
    table = np.array(
        [np.bincount(labels[name], minlength=n_labels) / len(labels[name]) for name in sorted(labels)]
    )
    table = table.T[table.sum(axis=0) > 0]
    return table / table.sum(axis=1, keepdims=True)


def mixing(points: Mapping[str, np.ndarray], seed: int = 0) -> float:
    """Share of the 30 nearest spots that lie in other sections, over that by chance, at most 1.

    The same number of spots of each section is looked at.
    """
    rng = np.random.default_rng(seed)
    most = max(_ALL_SAMPLES // len(points), _NEIGHBOURS)
    size = min(_SAMPLE, most, *(len(rows) for rows in points.values()))
    chosen = [points[name][rng.choice(len(points[name]), size, replace=False)] for name in sorted(points)]
    section = np.repeat(np.arange(len(chosen)), size)
    stacked = np.vstack(chosen)
    k = min(_NEIGHBOURS, len(stacked) - 1)
    _, nearest = cKDTree(stacked).query(stacked, k + 1)
    others = (section[nearest[:, 1:]] != section[:, None]).mean()
    expected = (len(stacked) - size) / (len(stacked) - 1)
    return float(min(1.0, others / expected)) if expected > 0 else 1.0


def _agreement(joint: Mapping[str, np.ndarray], separate: Mapping[str, np.ndarray]) -> float:
    return float(np.mean([_ari(joint[name], separate[name]) for name in sorted(joint)]))


def _stability(per_seed: np.ndarray) -> float | None:
    pairs = [_ari(one, other) for k, one in enumerate(per_seed) for other in per_seed[:k]]
    return float(np.mean(pairs)) if pairs else None


def _ari(one: np.ndarray, other: np.ndarray) -> float:
    return adjusted_rand(contingency(one, other, int(max(one.max(), other.max())) + 1))


def _in_words(alone: float, n_domains: int, figures: Mapping[str, float | None]) -> tuple[str, str]:
    n_alone, ratio = round(alone * n_domains), figures["depth_ratio"]
    told = f"{n_alone} of {n_domains} joint domains lie in one section (at least {ONE_SECTION:.0%})"
    if alone >= MOST_ALONE and ratio is not None and ratio >= _UNLIKE_DEPTH:
        return ARTEFACT, (
            f"The sections share few domains, and depth alone may be why: {told}, and median counts differ "
            f"{ratio:.1f}-fold. Joint domains are refused as the answer."
        )
    if alone >= MOST_ALONE:
        return (
            SEPARATE,
            f"Each section has domains of its own: {told}. Joint domains are refused as the answer.",
        )
    if n_alone:
        return PARTLY, f"The sections share most of their domains: {told}."
    return SHARED, (
        f"The sections share their domains: {told}; joint and separate domains agree with an adjusted Rand "
        f"index of {figures['agreement']:.2f}."
    )
