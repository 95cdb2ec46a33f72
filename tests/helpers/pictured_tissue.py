"""Tissue of four regions that its picture shows, its genes show, or each by a map of its own.

The picture tells regions apart by stroma colour, nuclear density and nuclear size, one cue at a time; light
and staining drift over the slide, and counts follow smooth waves, so that neither view is only its regions.
N spots, G genes, F image features; lengths in micrometres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

from tissuegraph.histology.handcrafted import handcrafted_features
from tissuegraph.io.canonical import nearest_neighbour_distance
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import feature_graph, longest_edge, spatial_graph
from tissuegraph.slices.preprocess import prepare

N_REGIONS, SIDE = 4, 35  # regions; spots along each side of the hexagonal lattice
PITCH, UM_PER_PX, TILE, COARSE = 100.0, 2.0, 50, 10  # TILE in pixels: one pitch; COARSE: pixels of a node
N_GENES, MARKED, DEPTH, SHAPE = 500, 0.15, 1500.0, 2.0  # MARKED: share of genes that a region changes
SHOWN = ("picture", "genes", "both", "crossed")  # crossed: domains are the genes', the picture has others
# Looks of the regions: stroma (red, green, blue), nuclei per mm^2, their radius. Each differs from the first
# in one cue only.
STROMA = np.array([[226, 178, 205], [216, 180, 212], [226, 178, 205], [226, 178, 205]], dtype=float)
NUCLEI = np.array([1400.0, 1400.0, 2400.0, 1400.0])
RADIUS = np.array([3.6, 3.6, 3.6, 4.8])
NUCLEUS = np.array([96, 66, 140], dtype=float)


@dataclass(frozen=True, eq=False)
class Pictured:
    """counts (N, G), position (N, 2) in micrometres, image (N, F) of the tile at each spot, domain (N,)."""

    counts: sparse.csr_matrix
    position: np.ndarray
    image: np.ndarray
    domain: np.ndarray

    def arrays(self, settings) -> SliceArrays:
        """What a method with these settings trains on."""
        prepared, rule = prepare(self.counts, settings.preprocess), settings.spatial_graph
        longest = longest_edge(rule.max_um, 1.0)
        graph = spatial_graph(self.position, rule.rule, rule.value, PITCH, longest).adjacency
        return SliceArrays(
            counts=self.counts[:, prepared.selected],
            features=prepared.features,
            depth=prepared.depth,
            position=self.position,
            spatial=graph,
            feature=feature_graph(prepared.features, settings.feature_graph.k).adjacency,
            genes=np.array([f"gene{g}" for g in prepared.selected]),
            pitch=nearest_neighbour_distance(self.position),
            um_per_px=1.0,
        )


def pictured_tissue(
    seed: int, shown: str = "picture", *, contrast: float = 1.0, side: int = SIDE
) -> Pictured:
    """One slice of side * side spots. contrast: how far the looks of regions differ, 1 as above."""
    if shown not in SHOWN:
        raise ValueError(f"shown must be one of {', '.join(SHOWN)}, got {shown!r}")
    rng = np.random.default_rng([seed, SHOWN.index(shown)])
    row, column = np.divmod(np.arange(side * side), side)
    position = PITCH * np.column_stack([column + 0.5 * (row % 2) + 1, row * np.sqrt(3) / 2 + 1])
    extent = position.max(axis=0) + PITCH
    first, second = _region_map(rng, extent), _region_map(rng, extent)
    seen = second if shown == "crossed" else first
    domain = _at(first, position)
    picture = _draw(rng, extent, seen if shown != "genes" else np.zeros_like(seen), contrast)
    counts = _counts(rng, domain, position / extent.max(), signal=float(shown != "picture"))
    return Pictured(counts, position, handcrafted_features(_tiles(picture, position)), domain)


def _region_map(rng: np.random.Generator, extent: np.ndarray) -> np.ndarray:
    """Region of every pixel (H, W): the highest of four smooth fields, each on about a quarter."""
    width, height = (extent / UM_PER_PX / COARSE).astype(int)
    fields = np.stack([_noise(rng, (height, width), 0.12 * width) for _ in range(N_REGIONS)])
    offset = np.zeros((N_REGIONS, 1, 1))
    for _ in range(100):
        share = np.bincount((fields + offset).argmax(0).ravel(), minlength=N_REGIONS) / fields[0].size
        offset += 0.3 * (1 / N_REGIONS - share)[:, None, None]
    return np.kron((fields + offset).argmax(0), np.ones((COARSE, COARSE), dtype=int))


def _noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Smooth Gaussian field of zero mean and unit variance."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma)
    return (field - field.mean()) / field.std()


def _field(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """The same for every pixel (H, W), drawn on a coarse grid; sigma in its nodes."""
    coarse = _noise(rng, (shape[0] // COARSE, shape[1] // COARSE), sigma)
    return ndimage.zoom(coarse, COARSE, order=1)


def _at(regions: np.ndarray, position: np.ndarray) -> np.ndarray:
    column, row = np.rint(position / UM_PER_PX).astype(int).T
    return regions[np.minimum(row, len(regions) - 1), np.minimum(column, regions.shape[1] - 1)]


def _draw(rng: np.random.Generator, extent: np.ndarray, regions: np.ndarray, contrast: float) -> np.ndarray:
    """Picture (H, W, 3) uint8."""
    stroma, density, radius = (look[0] + contrast * (look - look[0]) for look in (STROMA, NUCLEI, RADIUS))
    drift = np.stack([_field(rng, regions.shape, 15) for _ in range(3)], axis=-1)
    grain = ndimage.uniform_filter(rng.standard_normal(regions.shape), 4)
    picture = stroma[regions] + 4 * drift + (6 * grain / grain.std())[..., None]
    n_nuclei = rng.poisson(density.max() * np.prod(extent) / 1e6)
    xy = rng.random((n_nuclei, 2)) * extent
    # Cells crowd: the density varies by a third within a region too
    crowd = _field(rng, regions.shape, 6)
    where = np.minimum((xy / UM_PER_PX).astype(int), np.array(regions.shape[::-1]) - 1)
    at = regions[where[:, 1], where[:, 0]]
    wanted = density[at] / density.max() * np.exp(0.3 * crowd[where[:, 1], where[:, 0]])
    kept = rng.random(n_nuclei) < np.minimum(wanted, 1)
    size = radius[at[kept]] * np.exp(0.2 * rng.standard_normal(kept.sum())) / UM_PER_PX
    cover = _cover(regions.shape, xy[kept] / UM_PER_PX, size)[..., None]
    picture = (1 - cover) * picture + cover * NUCLEUS
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _cover(shape: tuple[int, int], centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """How much of each pixel nuclei take, (H, W): discs with an edge of one pixel. Pixels throughout."""
    canvas, reach = np.zeros(shape), int(np.ceil(radius.max() + 1))
    column, row = np.rint(centre).astype(int).T
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            y, x = row + down, column + right
            there = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
            away = np.hypot(x - centre[:, 0], y - centre[:, 1])[there]
            cover = np.clip(radius[there] - away + 0.5, 0, 1)
            canvas += np.bincount(y[there] * shape[1] + x[there], cover, canvas.size).reshape(shape)
    return np.minimum(canvas, 1)


def _counts(
    rng: np.random.Generator, domain: np.ndarray, place: np.ndarray, signal: float
) -> sparse.csr_matrix:
    """Negative binomial counts (N, G) around levels that regions change where there is signal, and waves."""
    level = rng.normal(0, 1, N_GENES)
    marks = rng.normal(0, 0.6, (N_REGIONS, N_GENES)) * (rng.random((N_REGIONS, N_GENES)) < MARKED)
    angle = rng.uniform(0, 2 * np.pi, (2, 2))
    waves = np.column_stack([np.sin(4 * place @ [np.cos(a), np.sin(a)] + b) for a, b in angle])
    loading = rng.normal(0, 0.15, (2, N_GENES)) * (rng.random((2, N_GENES)) < 0.2)
    share = np.exp(level + signal * marks[domain] + waves @ loading)
    depth = DEPTH * np.exp(0.35 * rng.standard_normal(len(domain)))
    mean = depth[:, None] * share / share.sum(1, keepdims=True)
    rate = mean * rng.standard_gamma(SHAPE, mean.shape) / SHAPE
    return sparse.csr_matrix(rng.poisson(rate).astype(np.float32))


def _tiles(picture: np.ndarray, position: np.ndarray) -> np.ndarray:
    """(N, TILE, TILE, 3) around the spots, mirrored beyond the edge."""
    half = TILE // 2
    padded = np.pad(picture, ((half, half), (half, half), (0, 0)), mode="reflect")
    corner = np.rint(position / UM_PER_PX).astype(int)
    return np.stack([padded[y : y + TILE, x : x + TILE] for x, y in corner])
