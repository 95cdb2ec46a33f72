"""Every labelling of one slice's spots, numbered so that equal numbers mean matching domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.intermediate import read_arrays
from tissuegraph.scores.matching import match_labels

JOINT, JOINT_STMFG = "joint", "joint_stmfg"  # results over all sections: on components, on an encoder
JOINTS = (JOINT_STMFG, JOINT)  # in the order of trust
JOINT_TITLES = {JOINT: "Joint: all sections", JOINT_STMFG: "Joint: stMFG over all sections"}
_METHOD_KEYS = ("domain", "unrefined", "confidence", "per_seed", "untrained", "untrained_per_seed")
LEAST_OVERLAP = 0.1  # of the union of two regions, below which they do not match
LEAST_SHARE = 0.5  # of a domain's spots that have to lie in the region whose number it takes


@dataclass(frozen=True, eq=False)
class MethodResult:
    """What one method says about the N spots of a slice, over S seeds; labels are ints from 0.

    embedding: (N, D) of the first seed; domain: (N,) consensus; unrefined: (N,) the same before the spatial
    refinement, equal where there was none; confidence: (N,) in [0, 1];
    per_seed: (S, N); untrained: (N,), untrained_per_seed: (S, N) the same pipeline on an untrained network,
    the control.
    """

    name: str
    embedding: np.ndarray
    domain: np.ndarray
    unrefined: np.ndarray
    confidence: np.ndarray
    per_seed: np.ndarray
    untrained: np.ndarray
    untrained_per_seed: np.ndarray

    @property
    def n_seeds(self) -> int:
        return len(self.per_seed)


@dataclass(frozen=True, eq=False)
class BaselineResult:
    """The two controls without a network: smoothed PCA with the vote of mixtures, PCA with KMeans.

    baseline, pca_kmeans: (N,) int from 0; embedding: (N, D) the smoothed PCA.
    """

    baseline: np.ndarray
    pca_kmeans: np.ndarray
    embedding: np.ndarray


@dataclass(frozen=True, eq=False)
class JointResult:
    """Domains of all sections of a group together, of the N spots of one.

    name: one of JOINTS; joint: (N,) int from 0; confidence: (N,) in [0, 1]; final: whether they are the
    answer; per_seed (R, N).
    """

    name: str
    joint: np.ndarray
    confidence: np.ndarray
    per_seed: np.ndarray
    final: bool = False


def read_joint(name: str, path: Path, n_spots: int, final: bool) -> JointResult:
    """Read what cohort.py or join.py wrote of one section; raises InputError when spots differ."""
    parts = _read(path, ("joint", "joint_confidence", "joint_per_seed"), n_spots)
    return JointResult(name, parts["joint"], parts["joint_confidence"], parts["joint_per_seed"], final)


def read_method(name: str, embedding: Path, domains: Path, n_spots: int) -> MethodResult:
    """Read what train.py and cluster.py wrote for one method; raises InputError when spots differ."""
    parts = _read(domains, _METHOD_KEYS, n_spots)
    latent = _read(embedding, ("embeddings",), n_spots, spots_last=False)["embeddings"]
    first = np.array(latent[0], dtype=np.float32)  # a copy: a view would hold those of all seeds
    return MethodResult(name=name, embedding=first, **parts)


def read_baseline(path: Path, n_spots: int) -> BaselineResult:
    """Read what baseline.py wrote; raises InputError when spots differ."""
    parts = _read(path, ("baseline", "pca_kmeans"), n_spots)
    embedding = _read(path, ("embedding",), n_spots, spots_last=False)["embedding"]
    return BaselineResult(embedding=np.asarray(embedding, dtype=np.float32), **parts)


def number_alike(
    final: np.ndarray, others: Sequence[np.ndarray], annotation: np.ndarray | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Number the domains from 1 so that the same number means matching domains.

    final, others: (N,) int from 0; annotation: (N,) int from 0, -1 = unlabelled, or None.
    The final answer takes its numbers from the annotation where there is one, so domain 3 is the domain
    that goes with the third annotated region; else numbers go by size, largest first. All other labellings
    take theirs from the final answer. A domain that matches nothing gets a number that nothing else has:
    numbers need not be without gaps. Only names change, never who belongs together.
    """
    if annotation is not None and (annotation >= 0).any():
        numbered = match_numbers(final, annotation)
    else:
        numbered = _by_size(final)
    return numbered + 1, [match_numbers(other, numbered) + 1 for other in others]


@dataclass(frozen=True)
class RegionName:
    """The region that most of a domain's labelled spots lie in, and their share of these."""

    region: str
    share: float


def name_domains(
    numbers: np.ndarray, annotation: np.ndarray | None, regions: Sequence[str]
) -> dict[int, RegionName]:
    """Domain number -> its region, where at least half of the domain's labelled spots lie in one.

    numbers: (N,); annotation: (N,) int from 0, -1 = unlabelled, or None. A domain of which less than half is
    labelled, or whose spots lie in many regions, has no name.
    """
    names: dict[int, RegionName] = {}
    if annotation is None:
        return names
    for number in np.unique(numbers).tolist():
        spots = annotation[numbers == number]
        labelled = spots[spots >= 0]
        if len(labelled) < LEAST_SHARE * len(spots) or len(labelled) == 0:
            continue
        sizes = np.bincount(labelled, minlength=len(regions))
        share = float(sizes.max() / len(labelled))
        if share >= LEAST_SHARE:
            names[number] = RegionName(regions[int(sizes.argmax())], share)
    return names


def match_numbers(labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Names of `labels` after their one-to-one partners in `reference` (-1 = no label there).

    A best assignment pairs leftovers too. Pairs are undone that share less than a tenth of their union, or
    less than half of the domain's own spots: an equal colour would claim a match that is none.
    """
    matched = match_labels(labels, reference)
    known = reference >= 0
    fresh = max(int(matched.max()), int(reference.max())) + 1
    renamed = matched.copy()
    for label in np.unique(matched[np.isin(matched, reference)]).tolist():
        own, its = matched[known] == label, reference[known] == label
        shared = (own & its).sum()
        if shared < LEAST_OVERLAP * (own | its).sum() or shared < LEAST_SHARE * own.sum():
            renamed[matched == label], fresh = fresh, fresh + 1
    return renamed


def _by_size(labels: np.ndarray) -> np.ndarray:
    values, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    rank = np.empty(len(values), dtype=int)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(values))
    return rank[inverse]


def _read(path: Path, keys: Sequence[str], n_spots: int, *, spots_last: bool = True) -> dict[str, np.ndarray]:
    """The named arrays of an npz, each checked to have one entry per spot on its spot axis."""
    parts = read_arrays(path, " and ".join(keys[:2]), keys)
    for key, value in parts.items():
        found = value.shape[-1] if spots_last else value.shape[-2]
        if found != n_spots:
            raise InputError(
                f"{path}: {key} has {found} spots, the slice kept {n_spots}; run both steps again"
            )
    return parts
