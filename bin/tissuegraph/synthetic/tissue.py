"""Where the tissue is, where its domains are, and where the spots lie. Lengths in micrometres."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from tissuegraph.synthetic.settings import LAYERED, VISIUM, SliceSettings

GRID = 320  # nodes along the longer side of the frame: maps are drawn on this grid, then interpolated
MARGIN_PITCHES = 3.0  # empty frame around the tissue


@dataclass(frozen=True, eq=False)
class GridMap:
    """Smooth quantities over the frame, known on a grid and interpolated in between.

    values: (C, H, W) float32, value c at the point (column * step, row * step)
    step:   micrometres between grid nodes
    """

    values: np.ndarray
    step: float

    def at(self, points: np.ndarray) -> np.ndarray:
        """Values at points (..., 2), given as x, y in micrometres; shape (C, ...)."""
        where = np.stack([points[..., 1], points[..., 0]]) / self.step
        return np.stack([ndimage.map_coordinates(v, where, order=1, mode="nearest") for v in self.values])


@dataclass(frozen=True, eq=False)
class Tissue:
    """A tissue section before anything is measured on it.

    size:     (2,) width and height of the frame
    interior: one map, about the distance to the outline, positive inside
    scores:   K maps; a point belongs to the domain with the highest score, and the difference of
              two scores is about the distance to the border between them
    """

    size: np.ndarray
    interior: GridMap
    scores: GridMap
    softness: float

    @property
    def n_domains(self) -> int:
        return len(self.scores.values)

    def domain(self, points: np.ndarray) -> np.ndarray:
        """The domain 0..K-1 of each point (N, 2); shape (N,)."""
        return self.scores.at(points).argmax(axis=0)

    def membership(self, points: np.ndarray) -> np.ndarray:
        """How much each domain shapes the cells at each point (N, 2); shape (K, N), columns sum to 1."""
        return soft_membership(self.scores.at(points), self.softness)


def soft_membership(scores: np.ndarray, softness: float) -> np.ndarray:
    """Softmax of scores (K, ...) over the first axis with the given width."""
    scaled = (scores - scores.max(axis=0)) / max(softness, 1e-3)
    weight = np.exp(scaled)
    return weight / weight.sum(axis=0)


def draw_tissue(settings: SliceSettings, purpose: str = "domains") -> Tissue:
    """Outline and domain map. Another `purpose` gives another domain map within the same outline."""
    spot_area = settings.pitch_um**2 * np.sqrt(3) / 2
    size, centre, radius_at = _draw_outline(settings, settings.n_spots * spot_area)
    step = size.max() / (GRID - 1)
    rows, columns = (int(np.ceil(s / step)) + 1 for s in (size[1], size[0]))
    x, y = np.meshgrid(np.arange(columns) * step, np.arange(rows) * step)
    offset = np.hypot(x - centre[0], y - centre[1])
    interior = radius_at(np.arctan2(y - centre[1], x - centre[0])) - offset
    rng = settings.stream(purpose)
    if settings.architecture == LAYERED:
        change = _thickness_change(settings)
        scores = _layered_scores(rng, settings.share_sd, change, x, y, interior > 0, step)
    else:
        length = settings.patch_size * np.sqrt((interior > 0).sum()) * step
        scores = _patchy_scores(rng, settings.n_domains, interior > 0, length, step)
    return Tissue(
        size=size,
        interior=GridMap(interior[None].astype(np.float32), step),
        scores=GridMap(scores.astype(np.float32), step),
        softness=settings.softness_um,
    )


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float | tuple) -> np.ndarray:
    """Gaussian field with zero mean and unit variance; sigma is the length scale in grid nodes."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return (field - field.mean()) / max(field.std(), 1e-12)


def hexagonal_lattice(size: np.ndarray, pitch: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All spots of a Visium-like lattice over a frame of the given size (2,).

    Returns array_row (M,), array_col (M,) and position (M, 2) in micrometres. As on a Visium slide,
    a spot exists where row and column are both even or both odd, and all six neighbours are one
    pitch away.
    """
    rows = np.arange(int(size[1] / (pitch * np.sqrt(3) / 2)) + 1)
    columns = np.arange(int(size[0] / (pitch / 2)) + 1)
    row, column = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    real = (row % 2) == (column % 2)
    row, column = row[real], column[real]
    return row, column, np.stack([column * pitch / 2, row * pitch * np.sqrt(3) / 2], axis=1)


@dataclass(frozen=True, eq=False)
class Layout:
    """Where measurements were taken: M places, of which N lie on tissue.

    position: (M, 2) micrometres; in_tissue: (M,) bool; row, column: (M,) lattice index, -1 for cells
    """

    position: np.ndarray
    in_tissue: np.ndarray
    row: np.ndarray
    column: np.ndarray


def place_spots(settings: SliceSettings, tissue: Tissue) -> Layout:
    """Exactly `n_spots` places on the tissue; for Visium also the empty rest of the lattice."""
    if settings.lattice != VISIUM:
        position = scatter_cells(settings.stream("places"), tissue, settings.n_spots)
        none = np.full(settings.n_spots, -1)
        return Layout(position, np.ones(settings.n_spots, dtype=bool), none, none)
    row, column, position = hexagonal_lattice(tissue.size, settings.pitch_um)
    innermost = np.argsort(-tissue.interior.at(position)[0], kind="stable")[: settings.n_spots]
    in_tissue = np.zeros(len(row), dtype=bool)
    in_tissue[innermost] = True
    return Layout(position, in_tissue, row, column)


def scatter_cells(rng: np.random.Generator, tissue: Tissue, n: int) -> np.ndarray:
    """n points spread evenly over the tissue, (n, 2)."""
    found, total = [], 0
    while total < n:
        points = rng.random((2 * (n - total) + 16, 2)) * tissue.size
        points = points[tissue.interior.at(points)[0] > 0]
        found.append(points)
        total += len(points)
    return np.concatenate(found)[:n]


def _draw_outline(settings: SliceSettings, area: float):
    """Frame size, centre and radius(angle) of an irregular blob with the given area."""
    rng = settings.stream("outline")
    order = np.arange(2, 9)
    amplitude = 0.16 * rng.standard_normal(len(order)) / order
    amplitude[0] += rng.uniform(0.04, 0.12)  # sections are rarely round
    phase = rng.uniform(0, 2 * np.pi, len(order))
    phase[0] = 0.0  # longer in x

    def shape(angle: np.ndarray) -> np.ndarray:
        waves = sum(a * np.cos(k * angle + p) for a, k, p in zip(amplitude, order, phase, strict=True))
        return np.maximum(1 + waves, 0.4)

    angle = np.linspace(0, 2 * np.pi, 2048, endpoint=False)
    radius = np.sqrt(area / (np.pi * np.mean(shape(angle) ** 2)))
    edge = radius * shape(angle)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    margin = MARGIN_PITCHES * settings.pitch_um
    return np.ptp(edge, axis=0) + 2 * margin, margin - edge.min(axis=0), lambda a: radius * shape(a)


def _thickness_change(settings: SliceSettings) -> np.ndarray:
    """Log factor of the thickness of each layer (K,): what is planted, and what is the patient's own."""
    change = np.array(settings.share_change or np.zeros(settings.n_domains), dtype=float)
    if settings.patient_share_sd:
        own = settings.patient_stream("thickness").standard_normal(settings.n_domains)
        change += settings.patient_share_sd * own
    return change


def _layered_scores(rng, share_sd: float, change: np.ndarray, x, y, inside, step: float) -> np.ndarray:
    """Bands of unequal thickness around a far centre, gently warped; scores (K, H, W).

    share_sd: of the log thickness; change: (K,) added to it.
    """
    extent = max(np.ptp(x), np.ptp(y))
    direction = rng.uniform(0.15, 0.85) * np.pi  # the surface looks up, more or less
    centre = np.array([x.mean(), y.mean()]) + 0.85 * extent * np.array([np.cos(direction), np.sin(direction)])
    warp = smooth_noise(rng, x.shape, 0.12 * extent / step)
    depth = -np.hypot(x - centre[0], y - centre[1]) + 0.03 * extent * warp
    share = np.exp(share_sd * rng.standard_normal(len(change)) + change)
    cut = np.quantile(depth[inside], np.cumsum(share / share.sum())[:-1])
    cut = np.concatenate([[depth.min() - extent], cut, [depth.max() + extent]])
    return np.stack([np.minimum(depth - low, high - depth) for low, high in pairwise(cut)])


def _patchy_scores(rng, n_domains: int, inside: np.ndarray, length: float, step: float) -> np.ndarray:
    """Islands in a background (domain 0) where one of K - 1 smooth fields rises; scores (K, H, W)."""
    field = np.stack([smooth_noise(rng, inside.shape, length / step) for _ in range(n_domains)])
    field[0] *= 0.1  # the background gives way wherever another field rises
    target = np.exp(0.3 * rng.standard_normal(n_domains))
    target[0] *= 1.8  # the background is the largest domain
    target /= target.sum()
    offset = np.zeros(n_domains)
    sample = field[:, inside]
    for _ in range(60):  # raise the fields of domains that are still too small
        share = np.bincount((sample + offset[:, None]).argmax(axis=0), minlength=n_domains) / sample.shape[1]
        offset += 0.3 * np.log(target / np.maximum(share, 1e-3))
    return (field + offset[:, None, None]) * length
