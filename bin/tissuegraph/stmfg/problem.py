"""One slice as stMFG trains on it: graphs, features and target on the device, once for all seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tissuegraph.errors import SettingsError
from tissuegraph.nn.sparse import SparseOperator, csr_tensor, sparse_operator
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import normalise_adjacency
from tissuegraph.stmfg.image_view import ImageView, Judged, Shares
from tissuegraph.stmfg.layers import View
from tissuegraph.stmfg.parts import make_parts
from tissuegraph.stmfg.settings import Model, Settings
from tissuegraph.stmfg.zinb import SparseTarget


@dataclass(frozen=True, eq=False)
class Problem:
    """What stays the same over seeds and epochs, on the device."""

    views: tuple[View, ...]
    n_inputs: tuple[int, ...]
    n_genes: int
    target: SparseTarget
    log_factor: Tensor | None  # (N,)
    edges: Tensor  # sparse CSR (N, N), spatial
    parts: tuple | None  # None: the whole graph at once
    presence: Tensor | None = None  # (N, V) prior weight of each view, 0 where missing; None: all 1
    imaged: Tensor | None = None  # rows with image features; None: all
    shares: Shares | None = None  # prior weights of image and genes; None: no image view
    shown: Tensor | None = (
        None  # (N, P) what the image view shows, A~ V, of mean square 1; None: not read back
    )


def prepare(
    arrays: SliceArrays,
    settings: Settings,
    device: torch.device,
    part_spots: int = 0,
    judged: Judged | None = None,
) -> Problem:
    """Normalise the graphs, move everything to the device, and do once what every epoch shares."""
    views, adjacencies = _gene_views(arrays, settings.model, device)
    n_inputs, presence, imaged, shown = [arrays.features.shape[1]] * len(views), None, None, None
    image = judged.view if judged else None
    if image is not None:
        view, adjacency = _image_view(image, settings.model.norm, device)
        views, adjacencies = [*views, view], [*adjacencies, adjacency]
        n_inputs.append(image.values.shape[1])
        presence = _presence(image, len(views)).to(device)
        if image.shares.genes < 1:
            shown = view.propagated / view.propagated.square().mean().sqrt().clamp(min=1e-12)
        imaged = None if image.present.all() else torch.as_tensor(np.flatnonzero(image.present)).to(device)
    target, log_factor = _target(arrays, settings, device)
    parts = None
    if part_spots and part_spots < arrays.n_spots:
        hops = len(settings.model.dims) - (views[0].propagated is not None)
        parts = make_parts(
            arrays.position, adjacencies, views, arrays.features, part_spots, hops, device, presence
        )
    return Problem(
        views=tuple(views) if parts is None else (),
        n_inputs=tuple(n_inputs),
        n_genes=target.shape[1],
        target=target,
        log_factor=log_factor,
        edges=csr_tensor(arrays.spatial, device=device),
        parts=parts,
        presence=presence,
        imaged=imaged,
        shares=None if image is None else image.shares,
        shown=shown,
    )


def _presence(image: ImageView, n_views: int) -> Tensor:
    """(N, V) prior weights. A spot without image is embedded from its genes, whatever the image deserves."""
    presence = np.full((len(image.present), n_views), 1.0)
    presence[image.present] = image.shares.genes
    presence[:, -1] = np.where(image.present, image.shares.image, 0.0)
    return torch.as_tensor(presence, dtype=torch.float32)


def _gene_views(
    arrays: SliceArrays, model: Model, device: torch.device
) -> tuple[list[View], list[sparse.csr_matrix]]:
    """Spatial and feature view of the genes, and their A~. A~ X is held where it is no wider than X W."""
    features = arrays.features
    narrow = features.shape[1] <= model.dims[0]
    shared = None if narrow else _features_on(features, device)
    adjacencies = [
        normalise_adjacency(graph, model.norm, np.float64) for graph in (arrays.spatial, arrays.feature)
    ]
    views = []
    for adjacency in adjacencies:
        operator = sparse_operator(adjacency, symmetric=model.norm == "sym", device=device)
        if narrow:
            propagated = adjacency @ (features.toarray() if sparse.issparse(features) else features)
            views.append(View(operator, propagated=_on(propagated, device)))
        else:
            views.append(View(operator, features=shared))
    return views, adjacencies


def _image_view(image: ImageView, norm: str, device: torch.device) -> tuple[View, sparse.csr_matrix]:
    """The third view and its A~."""
    adjacency = normalise_adjacency(image.graph, norm, np.float64)
    operator = sparse_operator(adjacency, symmetric=norm == "sym", device=device)
    return View(operator, propagated=_on(adjacency @ image.values, device)), adjacency


def _on(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32).to(device)


def _features_on(features: np.ndarray | sparse.csr_matrix, device: torch.device) -> Tensor | SparseOperator:
    if sparse.issparse(features):
        return sparse_operator(features, device=device)
    return torch.as_tensor(features).to(device)


def _target(arrays: SliceArrays, settings: Settings, device) -> tuple[SparseTarget, Tensor | None]:
    """What the decoder reconstructs, and the log depth factors that go with raw counts."""
    size = {"genes_per_step": settings.losses.genes_per_step, "device": device}
    if settings.losses.target == "scaled":
        features = sparse.csr_matrix(arrays.features)
        if features.nnz and features.data.min() < 0:
            raise SettingsError(
                "losses.target: scaled needs non-negative features, got negative ones; "
                "set preprocess.input: hvg without centring, or losses.target: counts"
            )
        return SparseTarget(features, **size), None
    depth = np.maximum(arrays.depth, 1.0)
    log_factor = np.log(depth / np.median(depth)).astype(np.float32)
    return SparseTarget(arrays.counts, **size), torch.as_tensor(log_factor).to(device)
