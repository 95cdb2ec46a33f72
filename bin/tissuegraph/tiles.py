"""Encoding in contiguous spatial tiles with a halo: the full graph's embeddings and gradients in less memory.

A tile's spots are encoded together with every spot within as many graph steps as the encoder has
layers, over the full graph's normalised weights, so the tile's own rows come out exactly as they would
from the whole. Losses see the embeddings of all tiles at once; their gradients are then carried back
tile by tile, each encoded a second time. Activations of one tile only are held at any moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tissuegraph.models.layers import View
from tissuegraph.models.stmfg import Encoding, Stmfg
from tissuegraph.sparse import sparse_operator


@dataclass(frozen=True, eq=False)
class Tile:
    """Spots of one tile and the part of each view that they need."""

    spots: Tensor  # (T,) rows of the slice
    inner: Tensor  # (T,) their rows among tile and halo
    views: tuple[View, ...]
    presence: Tensor | None = None  # (tile and halo, V), as `Stmfg.encode` takes it


def spatial_tiles(position: np.ndarray, max_spots: int) -> list[np.ndarray]:
    """Split N spots into contiguous tiles of at most max_spots: halves along the longer side, repeatedly.

    position: (N, 2). Returns index arrays that partition range(N), each in ascending order.
    """
    pending, done = [np.arange(len(position))], []
    while pending:
        spots = pending.pop()
        if len(spots) <= max_spots:
            done.append(np.sort(spots))
            continue
        extent = np.ptp(position[spots], axis=0)
        order = np.argsort(position[spots, int(extent.argmax())], kind="stable")
        half = len(spots) // 2
        pending += [spots[order[half:]], spots[order[:half]]]
    return done


def with_halo(spots: np.ndarray, graphs: Sequence[sparse.csr_matrix], hops: int) -> np.ndarray:
    """The spots and all within `hops` steps on any of the graphs, ascending."""
    member = np.zeros(graphs[0].shape[0], dtype=bool)
    member[spots] = True
    frontier = spots
    for _ in range(hops):
        reached = np.unique(np.concatenate([graph[frontier].indices for graph in graphs]))
        frontier = reached[~member[reached]]
        member[frontier] = True
    return np.flatnonzero(member)


def make_tiles(
    position: np.ndarray,
    adjacencies: Sequence[sparse.csr_matrix],
    views: Sequence[View],
    features: np.ndarray | sparse.csr_matrix,
    max_spots: int,
    hops: int,
    device: torch.device,
    presence: Tensor | None = None,
) -> tuple[Tile, ...]:
    """Cut the views of a slice into tiles.

    adjacencies: A~ of each view, normalised over the whole slice; hops: graph steps that the encoder
    takes beyond what `propagated` already holds; presence: (N, V).
    """
    return tuple(
        _tile(spots, with_halo(spots, adjacencies, hops), adjacencies, views, features, device, presence)
        for spots in spatial_tiles(position, max_spots)
    )


def _tile(spots, members, adjacencies, views, features, device, presence) -> Tile:
    shared = None
    if any(view.propagated is None for view in views):
        part = features[members]
        if sparse.issparse(part):
            shared = sparse_operator(part, device=device)
        else:
            shared = torch.as_tensor(part).to(device)
    rows = torch.as_tensor(members).to(device)
    return Tile(
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


class TiledEncoder:
    """Encodes all tiles, and carries gradients of the assembled encoding back to the parameters."""

    def __init__(self, model: Stmfg, tiles: Sequence[Tile]):
        self.model, self.tiles = model, tiles
        self.n_spots = sum(len(tile.spots) for tile in tiles)

    @torch.no_grad()
    def encode(self) -> Encoding:
        """The whole slice's encoding, (N, D), assembled from the tiles' own rows."""
        whole: list[Tensor] = []
        for tile in self.tiles:
            parts = self._own_rows(tile)
            if not whole:
                whole = [part.new_empty(self.n_spots, *part.shape[1:]) for part in parts]
            for target, part in zip(whole, parts, strict=True):
                target[tile.spots] = part
        z, attention, *per_view = whole
        return Encoding(z, tuple(per_view), attention)

    def encode_detached(self) -> Encoding:
        """The same with leaves that gather the losses' gradients."""
        encoding = self.encode()
        for leaf in (encoding.z, *encoding.per_view):
            leaf.requires_grad_()
        return encoding

    def backward(self, encoding: Encoding) -> None:
        """Add to the parameters' gradients what the leaves of `encode_detached` have gathered."""
        leaves = [encoding.z, None, *encoding.per_view]
        for tile in self.tiles:
            pairs = [
                (part, leaf.grad[tile.spots])
                for part, leaf in zip(self._own_rows(tile), leaves, strict=True)
                if leaf is not None and leaf.grad is not None
            ]
            torch.autograd.backward(*map(list, zip(*pairs, strict=True)))

    def _own_rows(self, tile: Tile) -> list[Tensor]:
        encoding = self.model.encode(tile.views, tile.presence)
        return [item[tile.inner] for item in (encoding.z, encoding.attention, *encoding.per_view)]
