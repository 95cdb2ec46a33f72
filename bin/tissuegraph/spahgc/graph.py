"""The heterogeneous graph of one target slice: its spots, their references, three kinds of edges.

A plan holds indices only and is small; features are gathered when a graph is needed, so that a bank of
10^6 references is never copied. Slices larger than `max_spots` become several plans: contiguous parts with
a halo of as many TS steps as the network has layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from scipy.spatial import cKDTree
from torch_geometric.data import HeteroData

from tissuegraph.slices.partition import spatial_parts, with_halo
from tissuegraph.spahgc.model import ASKS, REFERENCE, RS, SERVES, TARGET, TS
from tissuegraph.spahgc.retrieval import retrieve
from tissuegraph.spahgc.scaling import Scaling
from tissuegraph.spahgc.settings import Graph

CELL_PX = 224  # side of the grid on which the authors' code compares positions


@dataclass(frozen=True, eq=False)
class References:
    """The sequenced spots that serve a target; several slices, one after the other.

    images: (N_s, F) float32 each, scaled; expression: CSR (N_s, M) each, log-normalised, not scaled
    """

    images: Sequence[np.ndarray]
    expression: Sequence[sparse.csr_matrix]
    scaling: Scaling

    def image(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), F) of ascending rows."""
        return self._gather(self.images, rows, lambda part: part)

    def scaled_expression(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), M) float32 of ascending rows."""
        return self.scaling.forward(self._gather(self.expression, rows, lambda part: part.toarray()))

    def _gather(self, parts, rows, dense) -> np.ndarray:
        bounds = np.cumsum([0, *(part.shape[0] for part in parts)])
        cuts = np.searchsorted(rows, bounds)
        return np.concatenate(
            [
                dense(part[rows[low:high] - start])
                for part, start, low, high in zip(parts, bounds[:-1], cuts[:-1], cuts[1:], strict=True)
            ]
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """One graph as indices. n target spots, R references.

    spots: (n,) rows of the target slice; inner: (n,) bool, False in the halo
    retrieved: (R,) rows of the references, ascending, each once
    ts: (2, E) local targets; cs: (2, E) local reference, local target; rs: (2, E) local references.
    In each pair the first sends and the second receives.
    """

    spots: np.ndarray
    inner: np.ndarray
    retrieved: np.ndarray
    ts: np.ndarray
    cs: np.ndarray
    rs: np.ndarray

    @property
    def n_edges(self) -> int:
        return self.ts.shape[1] + 2 * self.cs.shape[1] + self.rs.shape[1]


def plan_graphs(
    position: np.ndarray,
    image: np.ndarray,
    references: References,
    settings: Graph,
    *,
    layers: int,
    device: str | torch.device = "cpu",
) -> list[Plan]:
    """Plans that together cover a target slice; position (N, 2), image (N, F) scaled like the references."""
    near = near_spots(position, settings)
    served = np.empty((len(image), 0), dtype=np.int64)
    if settings.cs_k:
        served = retrieve(image, references.images, settings.cs_k, settings.cs_metric, device=device).index
    if len(image) <= settings.max_spots:
        everything = np.arange(len(image))
        return [_plan(everything, everything, near, served, references, settings, device)]
    return [
        _plan(part, with_halo(part, [near], layers), near, served, references, settings, device)
        for part in spatial_parts(position, settings.max_spots)
    ]


def near_spots(position: np.ndarray, settings: Graph) -> sparse.csr_matrix:
    """TS edges as CSR (N, N) bool: row i holds the spots that send to i."""
    n_spots = len(position)
    k = min(settings.ts_k, n_spots - 1)
    if k < 1:
        return sparse.csr_matrix((n_spots, n_spots), dtype=bool)
    if settings.ts_rule == "nearest":
        nearest = cKDTree(position).query(position, k + 1)[1]
        columns = _without_self(nearest, k).ravel()
        rows = np.repeat(np.arange(n_spots), k)
    else:
        cells = np.floor_divide(position, CELL_PX)
        tree = cKDTree(cells)
        found = [
            [j for j in sorted(tree.query_ball_point(cell, settings.ts_radius + 1e-6)) if j != i][:k]
            for i, cell in enumerate(cells)
        ]
        rows = np.repeat(np.arange(n_spots), [len(each) for each in found])
        columns = np.array([j for each in found for j in each], dtype=np.int64)
    ones = np.ones(len(rows), dtype=bool)
    return sparse.csr_matrix((ones, (rows, columns)), shape=(n_spots, n_spots))


def hetero_data(
    plan: Plan,
    image: np.ndarray,
    references: References,
    *,
    base: np.ndarray | None = None,
    measured: np.ndarray | sparse.csr_matrix | None = None,
    device: str | torch.device = "cpu",
) -> HeteroData:
    """The plan with its features. image: (N, F) of the whole target slice.

    base: (N, M) log-normalised prediction to start from; measured: (N, M) log-normalised, in training only.
    Both are put on the network's scale. The targets' features hold no expression.
    """

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(values, dtype=np.float32)).to(device)

    graph = HeteroData()
    graph[TARGET].x = tensor(image[plan.spots])
    graph[TARGET].inner = torch.as_tensor(plan.inner).to(device)
    expression = references.scaled_expression(plan.retrieved)
    graph[REFERENCE].x = tensor(np.concatenate([references.image(plan.retrieved), expression], axis=1))
    if base is not None:
        graph[TARGET].base = tensor(references.scaling.forward(base[plan.spots]))
    if measured is not None:
        rows = measured[plan.spots]
        dense = rows.toarray() if sparse.issparse(rows) else rows
        graph[TARGET].y = tensor(references.scaling.forward(dense))
    for kind, edges in ((TS, plan.ts), (RS, plan.rs), (SERVES, plan.cs), (ASKS, plan.cs[::-1])):
        if edges.shape[1]:
            graph[kind].edge_index = torch.as_tensor(np.ascontiguousarray(edges)).to(device)
    return graph


def _plan(part, spots, near, served, references, settings, device) -> Plan:
    local = near[spots][:, spots].tocoo()
    retrieved, place = np.unique(served[spots], return_inverse=True)
    place = place.reshape(len(spots), -1)
    receivers = np.repeat(np.arange(len(spots)), place.shape[1])
    return Plan(
        spots=spots,
        inner=np.isin(spots, part),
        retrieved=retrieved,
        ts=np.stack([local.col, local.row]).astype(np.int64),
        cs=np.stack([place.ravel(), receivers]).astype(np.int64),
        rs=_alike(retrieved, references, settings, device),
    )


def _alike(retrieved: np.ndarray, references: References, settings: Graph, device) -> np.ndarray:
    """RS: each retrieved reference receives from those most like it in image and expression together."""
    k = min(settings.rs_k, len(retrieved) - 1)
    if k < 1:
        return np.empty((2, 0), dtype=np.int64)
    joint = np.concatenate(
        [references.image(retrieved), references.scaled_expression(retrieved)], axis=1, dtype=np.float32
    )
    itself = np.arange(len(retrieved))
    nearest = retrieve(joint, [joint], k, settings.rs_metric, exclude=itself, device=device).index
    return np.stack([nearest.ravel(), np.repeat(itself, nearest.shape[1])])


def _without_self(nearest: np.ndarray, k: int) -> np.ndarray:
    """Drop each row's own index (N, k + 1) -> (N, k); with duplicated positions it may not come first."""
    own = nearest == np.arange(len(nearest))[:, None]
    own[~own.any(axis=1), -1] = True
    return nearest[~own].reshape(len(nearest), k)
