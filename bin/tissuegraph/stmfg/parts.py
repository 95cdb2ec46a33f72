"""Encoding in contiguous spatial parts with a halo: the full graph's embeddings and gradients in less memory.

A part's spots are encoded together with every spot within as many graph steps as the encoder has
layers, over the full graph's normalised weights, so the part's own rows come out exactly as they would
from the whole. Losses see the embeddings of all parts at once; their gradients are then carried back
part by part, each encoded a second time. Activations of one part only are held at any moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tissuegraph.nn.gradients import hand_on
from tissuegraph.nn.sparse import sparse_operator
from tissuegraph.slices.partition import spatial_parts, with_halo
from tissuegraph.stmfg.layers import View
from tissuegraph.stmfg.model import Encoding, Stmfg


@dataclass(frozen=True, eq=False)
class Part:
    """Spots of one part and the piece of each view that they need."""

    spots: Tensor  # (T,) rows of the slice
    inner: Tensor  # (T,) their rows among part and halo
    views: tuple[View, ...]
    presence: Tensor | None = None  # (part and halo, V), as `Stmfg` takes it


def make_parts(
    position: np.ndarray,
    adjacencies: Sequence[sparse.csr_matrix],
    views: Sequence[View],
    features: np.ndarray | sparse.csr_matrix,
    max_spots: int,
    hops: int,
    device: torch.device,
    presence: Tensor | None = None,
) -> tuple[Part, ...]:
    """Cut the views of a slice into parts.

    adjacencies: A~ of each view, normalised over the whole slice; hops: graph steps that the encoder
    takes beyond what `propagated` already holds; presence: (N, V).
    """
    return tuple(
        _part(spots, with_halo(spots, adjacencies, hops), adjacencies, views, features, device, presence)
        for spots in spatial_parts(position, max_spots)
    )


def _part(spots, members, adjacencies, views, features, device, presence) -> Part:
    shared = None
    if any(view.propagated is None for view in views):
        own = features[members]
        if sparse.issparse(own):
            shared = sparse_operator(own, device=device)
        else:
            shared = torch.as_tensor(own).to(device)
    rows = torch.as_tensor(members).to(device)
    return Part(
        spots=torch.as_tensor(spots).to(device),
        inner=torch.as_tensor(np.searchsorted(members, spots)).to(device),
        views=tuple(
            View(
                sparse_operator(sparse.csr_matrix(adjacency[members][:, members]), device=device),
                features=shared if view.propagated is None else None,
                propagated=None if view.propagated is None else view.propagated[rows],
            )
            for adjacency, view in zip(adjacencies, views, strict=True)
        ),
        presence=None if presence is None else presence[rows],
    )


class PartwiseEncoder:
    """Encodes all parts, and carries gradients of the assembled encoding back to the parameters."""

    def __init__(self, model: Stmfg, parts: Sequence[Part]):
        self.model, self.parts = model, parts
        self.n_spots = sum(len(part.spots) for part in parts)

    @torch.no_grad()
    def encode(self) -> Encoding:
        """The whole slice's encoding, (N, D), assembled from the parts' own rows."""
        whole: list[Tensor] = []
        for part in self.parts:
            own = self._own_rows(part)
            if not whole:
                whole = [rows.new_empty(self.n_spots, *rows.shape[1:]) for rows in own]
            for target, rows in zip(whole, own, strict=True):
                target[part.spots] = rows
        z, attention, *per_view = whole
        return Encoding(z, tuple(per_view), attention)

    def encode_detached(self) -> Encoding:
        """The same with leaves that gather the losses' gradients."""
        return self.encode().detached()

    def backward(self, encoding: Encoding) -> None:
        """Add to the parameters' gradients what the leaves of `encode_detached` have gathered."""
        leaves = [encoding.z, None, *encoding.per_view]
        for part in self.parts:
            pairs = [
                (rows, leaf.grad[part.spots])
                for rows, leaf in zip(self._own_rows(part), leaves, strict=True)
                if leaf is not None and leaf.grad is not None
            ]
            hand_on(pairs)

    def _own_rows(self, part: Part) -> list[Tensor]:
        encoding = self.model(part.views, part.presence)
        return [item[part.inner] for item in (encoding.z, encoding.attention, *encoding.per_view)]
