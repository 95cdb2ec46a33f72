"""Graphs over the spots of one slice, and their normalised adjacency.

Everything is CSR and linear in the number of edges; no N x N array is ever dense. A graph is a boolean
CSR (N, N), symmetric, with a zero diagonal.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.slices.neighbours import nearest_in_features, nearest_spots, sample_spots, usable_positions

FEW_NEIGHBOURS, MANY_NEIGHBOURS = 3, 100  # mean degrees outside deserve a warning
MANY_ISOLATED = 0.01  # share of the spots
REFUSED_MEAN_DEGREE = 2000  # a radius in the wrong unit, not a neighbourhood
KNN_CAP = 3.0  # edges longer than so many median edges bridge holes in the tissue

_SHELL_GAP = 0.03  # relative jump in sorted distances that separates the shells of a lattice
_SHELL_SEARCH = 0.25  # how far from the wanted mean degree a cut between two shells may lie


@dataclass(frozen=True)
class DegreeReport:
    """Neighbours per spot: mean, smallest and largest of the final graph; isolated before attachment.

    distribution: pairs of a number of neighbours and the per cent of the spots that have it, ascending;
    components: pieces that no edge connects; largest: share of the spots in the largest of them.
    """

    mean: float
    min: int
    max: int
    isolated: int
    distribution: tuple[tuple[int, float], ...]
    components: int = 1
    largest: float = 1.0

    def warnings(self, name: str, n_spots: int) -> list[str]:
        """One line per thing a user should look at; empty when all is well.

        A stray spot at the rim is usual: isolated spots count from 1 % of the slice on.
        """
        found = []
        if self.mean < FEW_NEIGHBOURS:
            found.append(f"{name} graph: {self.mean:.1f} neighbours per spot on average; widen it")
        if self.mean > MANY_NEIGHBOURS:
            found.append(f"{name} graph: {self.mean:.0f} neighbours per spot on average; narrow it")
        if self.isolated > MANY_ISOLATED * n_spots:
            found.append(f"{name} graph: {self.isolated} isolated spots were attached to their nearest spot")
        alone = self.distribution[0][1] / 100 if self.min == 0 else 0.0
        if alone > MANY_ISOLATED:
            found.append(f"{name} graph: {alone:.1%} of the spots are too far from all others for an edge")
        return found

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Graph:
    """adjacency: CSR (N, N) bool, symmetric, zero diagonal; degrees: what to report about it."""

    adjacency: sparse.csr_matrix
    degrees: DegreeReport


# Building graphs ------------------------------------------------------------------------------------


def longest_edge(max_um: float | None, um_per_px: float | None) -> float | None:
    """The cap on edges in pixels; None where there is none or the scale is not known."""
    return max_um / um_per_px if max_um and um_per_px else None


def spatial_graph(
    position: np.ndarray,
    rule: str,
    value: float,
    pitch: float | None = None,
    longest: float | None = None,
) -> Graph:
    """Neighbours on the tissue by one of four rules; spots left alone join their nearest spot.

    position: (N, 2). rule and value: `mean_degree` (neighbours; also right for irregular cells),
    `radius_pitch` (multiples of the slice's pitch, which this rule needs, in the unit of position),
    `radius_px` (pixels: means something else on every slide), `knn` (neighbours, edges over 3 x the median
    length dropped). longest: no edge is longer (unit of position), that of a spot left alone included: it
    then stays alone. Raises SettingsError for an unknown rule, InputError for unusable positions.
    """
    position = usable_positions(position)
    longest = np.inf if longest is None else longest
    if rule == "knn":
        adjacency = knn_graph(position, int(value), longest=longest)
    elif rule == "mean_degree":
        adjacency = radius_graph(position, min(mean_degree_radius(position, value), longest))
    elif rule == "radius_pitch":
        if pitch is None or not pitch > 0:
            raise InputError(f"the rule radius_pitch needs the pitch of the slice, a distance; got {pitch}")
        adjacency = radius_graph(position, min(value * pitch, longest))
    elif rule == "radius_px":
        adjacency = radius_graph(position, min(value, longest))
    else:
        raise SettingsError(
            f"a spatial graph is built by mean_degree, radius_pitch, radius_px or knn; got {rule!r}"
        )
    isolated = int((_degrees(adjacency) == 0).sum())
    adjacency = attach_isolated(adjacency, position, longest)
    return Graph(adjacency, degree_report(adjacency, isolated))


def feature_graph(features: np.ndarray | sparse.csr_matrix, k: int, metric: str = "cosine", seed: int = 0):
    """Each spot with its k most similar spots, symmetrised by OR. features: (N, D). Returns a Graph."""
    n_spots = features.shape[0]
    if n_spots < 2:
        raise InputError(f"a graph needs at least two spots, got {n_spots}")
    adjacency = _symmetric(nearest_in_features(features, k, metric, seed=seed))
    return Graph(adjacency, degree_report(adjacency))


def radius_graph(position: np.ndarray, radius: float) -> sparse.csr_matrix:
    """All pairs at most `radius` apart (unit of position). Raises SettingsError when that is a crowd."""
    tree = cKDTree(position)
    n_spots = len(position)
    sample = position[sample_spots(n_spots, seed=0)]
    mean = tree.query_ball_point(sample, radius, return_length=True).mean() - 1
    if mean > REFUSED_MEAN_DEGREE:
        raise SettingsError(
            f"a radius of {radius:g} px gives {mean:.0f} neighbours per spot; choose a smaller one or the "
            "rule mean_degree"
        )
    first, second = tree.query_pairs(radius, output_type="ndarray").T
    return _from_edges(first, second, n_spots)


def mean_degree_radius(position: np.ndarray, degree: float) -> float:
    """The radius at which spots have `degree` neighbours on average, in the unit of position.

    On a lattice distances come in shells: the cut then lies midway between the two shells whose boundary
    is nearest to the wanted degree (within 25 %), so rounding of coordinates cannot split a shell. Few
    spots: all pairs. Estimated from 2,000 spots where there are more.
    """
    n_spots = len(position)
    tree = cKDTree(position)
    chosen = position[sample_spots(n_spots, seed=0)]
    wanted = round(degree * len(chosen))
    furthest = (n_spots - 1) * len(chosen)
    k = min(n_spots, int(np.ceil(degree)) + 1)
    reach = float(np.median(tree.query(chosen, k=[k])[0])) * 1.5
    while True:
        distance = cKDTree(chosen).sparse_distance_matrix(tree, reach, output_type="ndarray")["v"]
        distance = np.sort(distance)[len(chosen) :]  # without each spot's distance to itself
        if len(distance) >= min(wanted * (1 + 2 * _SHELL_SEARCH), furthest):
            break
        reach = max(reach * 1.3, np.finfo(float).tiny)
    if len(distance) <= wanted:
        return float(distance[-1])
    boundary = _shell_boundary(distance, wanted)
    return float((distance[boundary - 1] + distance[boundary]) / 2)


def _shell_boundary(distance: np.ndarray, wanted: int) -> int:
    """Number of (sorted) distances below the cut: between shells if there are any nearby, else `wanted`."""
    low = max(1, int(wanted * (1 - _SHELL_SEARCH)))
    high = min(len(distance) - 1, int(wanted * (1 + _SHELL_SEARCH)))
    ranks = np.arange(low, high + 1)
    gaps = distance[ranks] / np.maximum(distance[ranks - 1], np.finfo(float).tiny) - 1
    between = ranks[gaps > _SHELL_GAP]
    return int(between[np.abs(between - wanted).argmin()]) if len(between) else wanted


def knn_graph(
    position: np.ndarray, k: int, cap: float | None = KNN_CAP, longest: float = np.inf
) -> sparse.csr_matrix:
    """Each spot with its k nearest, no edge over cap x the median edge or longest, symmetrised by OR."""
    nearest, distance = nearest_spots(position, k)
    if cap is not None:
        longest = min(longest, cap * np.median(distance))
    return _symmetric(nearest, distance <= longest)


def attach_isolated(
    adjacency: sparse.csr_matrix, position: np.ndarray, longest: float = np.inf
) -> sparse.csr_matrix:
    """Join every spot without neighbours to its nearest spot, where that is at most `longest` away."""
    alone = np.flatnonzero(_degrees(adjacency) == 0)
    if len(alone) == 0:
        return adjacency
    nearest, distance = nearest_spots(position, 1, queries=alone)
    near = distance[:, 0] <= longest
    return (adjacency + _from_edges(alone[near], nearest[near, 0], len(position))).astype(bool)


def degree_report(adjacency: sparse.csr_matrix, isolated: int | None = None) -> DegreeReport:
    """Count neighbours; isolated: number before attachment, counted here when not given."""
    degree = _degrees(adjacency)
    if isolated is None:
        isolated = int((degree == 0).sum())
    share = 100 * np.bincount(degree) / len(degree)
    distribution = tuple((int(k), round(float(share[k]), 3)) for k in np.flatnonzero(share))
    n_components, member = connected_components(adjacency, directed=False)
    largest = float(np.bincount(member).max() / len(degree))
    return DegreeReport(
        float(degree.mean()),
        int(degree.min()),
        int(degree.max()),
        isolated,
        distribution,
        int(n_components),
        largest,
    )


# Operators ------------------------------------------------------------------------------------------


def normalise_adjacency(
    adjacency: sparse.csr_matrix, norm: str = "sym", dtype: type = np.float32
) -> sparse.csr_matrix:
    """A~ of E1 for a symmetric (N, N) pattern without diagonal, self-loops added: CSR, computed in float64.

    norm: "sym" D^-1/2 (A + I) D^-1/2 (Kipf and Welling 2017) or "rw" D^-1 (A + I), D the degrees with loop.
    """
    if norm not in ("sym", "rw"):
        raise SettingsError(f"norm must be sym or rw, got {norm!r}")
    looped = sparse.csr_matrix(adjacency, dtype=np.float64) + sparse.identity(
        adjacency.shape[0], format="csr"
    )
    degree = np.asarray(looped.sum(1)).ravel()
    if norm == "rw":
        return sparse.csr_matrix(sparse.diags(1 / degree) @ looped, dtype=dtype)
    root = sparse.diags(1 / np.sqrt(degree))
    return sparse.csr_matrix(root @ looped @ root, dtype=dtype)


# Helpers --------------------------------------------------------------------------------------------


def _degrees(adjacency: sparse.csr_matrix) -> np.ndarray:
    return np.diff(adjacency.indptr)


def _symmetric(nearest: np.ndarray, kept: np.ndarray | None = None) -> sparse.csr_matrix:
    """Graph with an edge wherever one spot lists the other: nearest (N, k), kept (N, k) mask."""
    n_spots, k = nearest.shape
    first, second = np.repeat(np.arange(n_spots), k), nearest.ravel()
    if kept is not None:
        first, second = first[kept.ravel()], second[kept.ravel()]
    return _from_edges(first, second, n_spots)


def _from_edges(first: np.ndarray, second: np.ndarray, n_spots: int) -> sparse.csr_matrix:
    """Boolean CSR with both directions of each edge, each once, indices sorted."""
    both = (np.concatenate([first, second]), np.concatenate([second, first]))
    ones = np.ones(len(both[0]), dtype=bool)
    return sparse.coo_matrix((ones, both), shape=(n_spots, n_spots)).tocsr()
