"""Planted changes as factors of the expected expression of every spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tissuegraph.synthetic.settings import SliceSettings
    from tissuegraph.synthetic.tissue import Tissue


def planted_change(
    settings: SliceSettings, genes: np.ndarray, tissue: Tissue, position: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Columns (P,) of the genes (G,) that are changed, and their natural-log change (N, P) at each position.

    position: (N, 2) micrometres.
    """
    plan = settings.planted
    if plan is None:
        return np.zeros(0, dtype=int), np.zeros((len(position), 0))
    inside = tissue.membership(position)  # (K, N)
    depth = relative_depth(tissue, position)
    changes: dict[str, np.ndarray] = {}

    def add(gene: str, change: np.ndarray) -> None:
        changes[gene] = changes.get(gene, 0.0) + change

    for kind in (plan.markers, plan.differential):
        for gene, (domain, fold) in kind.items():
            add(gene, fold * inside[domain])
    for gene, fold in plan.gradient.items():
        add(gene, fold * (depth - 0.5))
    if plan.ligand:
        near = plan.border_fold * _nearness(tissue, position, plan.border, plan.border_um)
        add(plan.ligand, near * inside[plan.border[0]])
        add(plan.receptor, near * inside[plan.border[1]])
    place = {gene: column for column, gene in enumerate(genes)}
    columns = np.array([place[gene] for gene in changes], dtype=int)
    return columns, np.column_stack([*changes.values()]) if changes else np.zeros((len(position), 0))


def relative_depth(tissue: Tissue, position: np.ndarray) -> np.ndarray:
    """Where each position (N, 2) lies between the first layer's outer edge (0) and the last one's (1).

    Every layer takes the same part of it however thick it is: so a gene that follows the depth changes in no
    layer where another one grows.
    """
    scores = tissue.scores.at(position)  # (K, N); of another layer: minus the distance to its nearer border
    n, every = len(scores), np.arange(len(position))
    layer = scores.argmax(axis=0)
    above, below = (-scores[np.clip(layer + step, 0, n - 1), every] for step in (-1, 1))
    for edge, own, other in ((0, above, below), (n - 1, below, above)):
        at_edge = layer == edge  # whose outer border is that of the tissue
        own[at_edge] = other[at_edge].max(initial=0.0) - other[at_edge]
    return (layer + above / np.maximum(above + below, 1e-12)) / n


def _nearness(tissue: Tissue, position: np.ndarray, border: tuple[int, int], width: float) -> np.ndarray:
    """From 1 at the border of two domains to 0 far from it (N,); width in micrometres."""
    first, second = tissue.scores.at(position)[list(border)]
    return np.exp(-np.abs(first - second) / 2 / width)
