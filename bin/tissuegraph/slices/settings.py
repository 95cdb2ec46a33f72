"""Settings of a slice's arrays: counts to features, and the graphs."""

from __future__ import annotations

from dataclasses import dataclass

from tissuegraph.presets.fields import choice, flag, number, whole


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Counts to network input."""

    min_cells: float = number(0, 1e9)  # keep genes seen in so many spots; below 1: share of the
    # spots, of a large slice of 33,000
    n_hvg: int = whole(1, 1_000_000)  # highly variable genes kept (all, where the slice has fewer)
    panel_genes: int = whole(0, 1_000_000)  # of slices with at most so many genes all seen ones are kept
    hvg_flavor: str = choice("seurat_v3")  # ranked on raw counts by variance beyond the mean's trend
    normalise_over: str = choice("all", "selected")  # depth counted over all genes or the selected ones
    target_sum: float | str = number(1e-6, 1e9, "median")  # counts per spot after depth normalisation
    log1p: bool = flag()
    scale: bool = flag()  # each gene to unit variance, without centring
    clip: float | None = number(1e-6, 1e9, "none")  # largest value after scaling
    input: str = choice("pca", "hvg")  # network input: principal components or the genes themselves
    n_pcs: int = whole(1, 1000)  # components when input is pca


@dataclass(frozen=True, kw_only=True)
class SpatialGraph:
    """Which spots are neighbours on the tissue."""

    rule: str = choice("mean_degree", "radius_pitch", "radius_px", "knn")
    value: float = number(1e-6, 1e9)  # neighbours; multiples of the pitch; pixels; neighbours
    max_um: float | None = number(1e-3, 1e9, "none")  # no edge is longer, where the scale is known


@dataclass(frozen=True, kw_only=True)
class FeatureGraph:
    """Which spots are neighbours in the network input."""

    k: int = whole(1, 1000)
    metric: str = choice("cosine", "euclidean")
