"""The image of a slice as a third view of stMFG: its features, its graph, and how far to trust it.

The view is our addition to the method (arXiv 2512.16188 has genes only). N spots, F image features, P kept
components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.histology.view import NO_SECOND_VIEW, chosen_trust, spot_images
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import feature_graph, longest_edge, spatial_graph
from tissuegraph.slices.preprocess import mean_variance, pca
from tissuegraph.stmfg.settings import Settings

NEAREST = 6  # spots around, the first ring of a lattice: tiles are less noisy than counts, more would blur


@dataclass(frozen=True)
class Shares:
    """Prior weights of the image view and of each gene view, in [0, 1]; the larger is 1."""

    image: float
    genes: float


@dataclass(frozen=True, eq=False)
class ImageView:
    """values: (N, P) float32, zero in a missing row, with the total variance of the network's gene input.

    graph: CSR (N, N) bool, symmetric, zero diagonal, edges between present spots only
    present: (N,) bool, spots that have image features
    shares: prior weights of the image and of the gene views
    """

    values: np.ndarray
    graph: sparse.csr_matrix
    present: np.ndarray
    shares: Shares


@dataclass(frozen=True, eq=False)
class Judged:
    """view: None where the slice is better trained without.

    trust: share that the image should have in what is learned, in [0, 1]; None where nothing was judged.
    """

    view: ImageView | None
    trust: float | None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge_image(arrays: SliceArrays, settings: Settings, image: np.ndarray | None) -> Judged:
    """Prepare the third view, or say why there is none.

    image: (N, F), one row per spot, a row with NaN where the spot has no features; None without image. A
    slice whose counts were inferred from its image is trained without it.
    Raises InputError for another shape or infinite values. No label is read.
    """
    if image is None:
        return Judged(None, None)
    if arrays.inferred:
        return Judged(None, None, notes=(NO_SECOND_VIEW,))
    images = spot_images(image, arrays.n_spots)
    if images.flaw is not None:
        return Judged(None, None, (f"{images.flaw}; trained without image",))
    present = images.present
    components = pca(images.features, settings.model.image_dims)
    trust = chosen_trust(
        settings.model.image_trust, lambda: _judged_trust(arrays, settings, images.features, present)
    )
    if trust == 0:
        reason = "the image features follow no structure that the genes support; trained without image"
        return Judged(None, 0.0, () if settings.model.image_trust == 0 else (reason,))
    scale = np.sqrt(_total_variance(arrays.features) / components.var(axis=0).sum())
    values = images.spread_out((components * scale).astype(np.float32))
    notes = ()
    if images.n_missing:
        notes = (f"{images.n_missing} spots have no image features; they are embedded from their genes",)
    graph = _graph(arrays, settings, components, present)
    return Judged(ImageView(values, graph, present, shares(trust)), trust, notes)


def shares(trust: float) -> Shares:
    """Odds of each against the other, at most 1: the one that deserves less is held back, at 0.5 neither."""
    if trust >= 0.5:
        return Shares(1.0, (1 - trust) / trust)
    return Shares(trust / (1 - trust), 1.0)


def _judged_trust(arrays: SliceArrays, settings: Settings, image: np.ndarray, present: np.ndarray) -> float:
    """From all features, as for MultiST: both methods trust the image of a slice alike. image: (P, F)."""
    from tissuegraph.histology.trust import image_trust

    genes = arrays.features
    if sparse.issparse(genes):
        genes = pca(genes, settings.preprocess.n_pcs)
    return image_trust(genes[present], image, arrays.spatial[present][:, present])


def _total_variance(features: np.ndarray | sparse.csr_matrix) -> float:
    """Summed over the columns, so that a random first layer gives both kinds of view the same spread."""
    if sparse.issparse(features):
        return float(mean_variance(features)[1].sum())
    return float(features.var(axis=0, dtype=np.float64).sum())


def _graph(
    arrays: SliceArrays, settings: Settings, components: np.ndarray, present: np.ndarray
) -> sparse.csr_matrix:
    """Neighbours of the view, as ImageView.graph. components: (P, C) of the present spots."""
    if settings.model.image_graph != "feature":
        graph = arrays.spatial
        if settings.model.image_graph == "nearest":
            longest = longest_edge(settings.spatial_graph.max_um, arrays.um_per_px)
            n_nearest = min(NEAREST, arrays.n_spots - 1)
            graph = spatial_graph(arrays.position, "knn", n_nearest, longest=longest).adjacency
        if present.all():
            return graph
        edges = graph.tocoo()
        keep = present[edges.row] & present[edges.col]
        pattern = (edges.data[keep], (edges.row[keep], edges.col[keep]))
        return sparse.csr_matrix(pattern, shape=edges.shape, dtype=bool)
    chosen = settings.feature_graph
    local = feature_graph(components, min(chosen.k, len(components) - 1), chosen.metric).adjacency.tocoo()
    rows = np.flatnonzero(present)
    shape = (arrays.n_spots, arrays.n_spots)
    return sparse.csr_matrix((local.data, (rows[local.row], rows[local.col])), shape=shape, dtype=bool)
