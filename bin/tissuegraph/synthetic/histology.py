"""An H&E-like image of a generated tissue, drawn for any region at any resolution.

Colours follow the Beer-Lambert law of transmitted light: a pixel is 255 * exp(-c_H s_H - c_E s_E)
with amounts c of haematoxylin (nuclei) and eosin (everything else). The haematoxylin vector is that of
Ruifrok and Johnston (2001); eosin is a little pinker than theirs, as most scanners show it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tissuegraph.synthetic.settings import SliceSettings
from tissuegraph.synthetic.tissue import GridMap, Tissue, draw_tissue, smooth_noise, soft_membership

HAEMATOXYLIN = np.array([0.65, 0.70, 0.29])
EOSIN = np.array([0.13, 0.80, 0.36])
TILE = 512  # pixels of the periodic textures
TILE_STEP = 2.5  # micrometres per texture pixel
BAND = 1 << 20  # pixels drawn at a time: memory stays bounded for full-resolution images
# what a domain looks like, and the range over the domains of one cohort
LOOKS = {
    "nuclei": (900.0, 4800.0),  # per mm^2
    "radius": (2.6, 4.8),  # micrometres
    "eosin": (0.22, 0.62),  # amount
    "basophilia": (0.03, 0.20),  # haematoxylin between the nuclei
    "fibres": (0.05, 0.55),  # how stringy the eosin is
    "gaps": (0.00, 0.10),  # share of white clefts and vacuoles
}


@dataclass(frozen=True, eq=False)
class Slide:
    """A stained section; what `draw_region` needs to draw any part of it.

    looks:    one map per entry of LOOKS
    stains:   (2, 3) optical density of haematoxylin and eosin in red, green, blue
    textures: (3, TILE, TILE) periodic fields: fine grain, fibres, clefts; zero mean, unit variance
    bend:     two maps, displacement of the textures in micrometres: fibres are wavy
    nuclei:   (P, 6) x, y, half axes a and b in micrometres, angle, amount of haematoxylin
    """

    tissue: Tissue
    looks: GridMap
    stains: np.ndarray
    textures: np.ndarray
    bend: GridMap
    nuclei: np.ndarray
    glass: np.ndarray


def stain_slide(settings: SliceSettings, tissue: Tissue) -> Slide:
    """Draw nuclei, textures and this slide's own stain."""
    rng = settings.stream("stain")
    shown = tissue if settings.image_follows == "domains" else draw_tissue(settings, "other domains")
    member = soft_membership(shown.scores.values, shown.softness)  # (K, H, W)
    looks = GridMap(np.tensordot(domain_looks(settings).T, member, axes=1), shown.scores.step)
    strength = np.exp(rng.normal(0, [0.08, 0.10]))  # amounts of both stains differ between slides
    tint = rng.normal(0, 0.025, (2, 3))
    return Slide(
        tissue=tissue,
        looks=looks,
        stains=np.clip(np.stack([HAEMATOXYLIN, EOSIN]) + tint, 0.02, None) * strength[:, None],
        textures=_textures(rng),
        bend=_draw_bend(rng, tissue),
        nuclei=_draw_nuclei(settings.stream("nuclei"), tissue, looks),
        glass=np.array([0.957, 0.953, 0.961]) + rng.normal(0, 0.004, 3),
    )


def domain_looks(settings: SliceSettings) -> np.ndarray:
    """Appearance of each domain, (K, L) in the order of LOOKS; the same for a whole cohort.

    With `image_signal` 0 all domains look like their average.
    """
    rng = settings.shared_stream("looks")
    level = np.linspace(0, 1, settings.n_domains) if settings.n_domains > 1 else np.array([0.5])
    spread = np.stack([rng.permutation(level) for _ in LOOKS], axis=1)  # every look tells domains apart
    spread = spread.mean(axis=0) + settings.image_signal * (spread - spread.mean(axis=0))
    low, high = np.array(list(LOOKS.values())).T
    return low + spread * (high - low)


def draw_image(slide: Slide, um_per_px: float) -> np.ndarray:
    """The whole frame, uint8 (H, W, 3); the centre of pixel (0, 0) is the origin."""
    width, height = np.maximum(np.round(slide.tissue.size / um_per_px), 1).astype(int)
    return draw_region(slide, (0.0, 0.0), (width, height), um_per_px)


def draw_region(slide: Slide, origin, shape, um_per_px: float) -> np.ndarray:
    """Part of the slide, uint8 (H, W, 3).

    origin: x, y of the first pixel in micrometres; shape: width, height in pixels
    """
    width, height = shape
    rows = max(1, BAND // width)
    image = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, rows):
        count = min(rows, height - top)
        x = origin[0] + np.arange(width) * um_per_px
        y = origin[1] + np.arange(top, top + count) * um_per_px
        image[top : top + count] = _draw_band(slide, x, y, um_per_px)
    return image


def _draw_band(slide: Slide, x: np.ndarray, y: np.ndarray, um_per_px: float) -> np.ndarray:
    """uint8 (len(y), len(x), 3)."""
    points = np.stack(np.meshgrid(x, y), axis=-1)
    _, _, eosin, basophilia, fibres, gaps = slide.looks.at(points)
    bend_x, bend_y = slide.bend.at(points)
    grain, fibre, cleft = (
        _periodic(texture, points[..., 0] + wavy * bend_x, points[..., 1] + wavy * bend_y)
        for texture, wavy in zip(slide.textures, (0.0, 1.0, 0.4), strict=True)
    )

    edge = 12.0 + 10.0 * grain  # a ragged outline just outside the outermost spots
    inside = _step((slide.tissue.interior.at(points)[0] + 40.0 + edge) / max(um_per_px, 4.0))
    # the cleft field is standard normal: this threshold leaves about the wanted share open
    inside *= 1 - _step((cleft - (2.4 - 9.0 * gaps)) * 6.0)
    nuclei = _stamp_nuclei(slide.nuclei, x, y, um_per_px)
    amount_e = eosin * np.exp(0.6 * fibres * fibre + 0.10 * grain) * (1 - 0.55 * np.minimum(nuclei, 1))
    amount_h = basophilia * np.exp(0.25 * grain) + nuclei
    density = np.tensordot(inside * np.stack([amount_h, amount_e]), slide.stains, axes=(0, 0))
    light = slide.glass * np.exp(-density)
    return np.round(255 * np.clip(light, 0, 1)).astype(np.uint8)


def _periodic(texture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The texture (TILE, TILE), repeated over the plane, at x and y in micrometres."""
    return ndimage.map_coordinates(texture, np.stack([y, x]) / TILE_STEP, order=1, mode="grid-wrap")


def _stamp_nuclei(nuclei: np.ndarray, x: np.ndarray, y: np.ndarray, um_per_px: float) -> np.ndarray:
    """Amount of haematoxylin in nuclei, (len(y), len(x)).

    One pass per pixel of the largest nucleus' bounding box, all nuclei at once in each pass.
    """
    canvas = np.zeros(len(x) * len(y))
    reach = nuclei[:, 2].max(initial=0) + um_per_px
    near = (nuclei[:, 1] > y[0] - reach) & (nuclei[:, 1] < y[-1] + reach)
    near &= (nuclei[:, 0] > x[0] - reach) & (nuclei[:, 0] < x[-1] + reach)
    cx, cy, a, b, angle, amount = nuclei[near].T
    column = np.round((cx - x[0]) / um_per_px).astype(int)
    row = np.round((cy - y[0]) / um_per_px).astype(int)
    cosine, sine = np.cos(angle), np.sin(angle)
    soft = np.maximum(um_per_px, 0.7) / b  # edge of one pixel; a nucleus below a pixel fades out
    half = int(np.ceil(reach / um_per_px))
    for down in range(-half, half + 1):
        for right in range(-half, half + 1):
            i, j = row + down, column + right
            hit = (i >= 0) & (i < len(y)) & (j >= 0) & (j < len(x))
            dx = (x[0] + j * um_per_px - cx)[hit]
            dy = (y[0] + i * um_per_px - cy)[hit]
            u = (dx * cosine[hit] + dy * sine[hit]) / a[hit]
            v = (dy * cosine[hit] - dx * sine[hit]) / b[hit]
            cover = amount[hit] * np.clip((1 - np.hypot(u, v)) / soft[hit] + 0.5, 0, 1)
            np.add.at(canvas, i[hit] * len(x) + j[hit], cover)
    return np.minimum(canvas, 1.6).reshape(len(y), len(x))


def _draw_nuclei(rng: np.random.Generator, tissue: Tissue, looks: GridMap) -> np.ndarray:
    """Nuclei (P, 6) by thinning a uniform point process to the local density."""
    most = looks.values[0].max()
    points = rng.random((rng.poisson(most * np.prod(tissue.size) / 1e6), 2)) * tissue.size
    wanted, radius, _, _, fibres, _ = looks.at(points)
    keep = (tissue.interior.at(points)[0] > -35.0) & (rng.random(len(points)) < wanted / most)
    points, radius, fibres = points[keep], radius[keep], fibres[keep]
    n = len(points)
    size = radius * np.exp(0.15 * rng.standard_normal(n))
    stretch = 1 + (0.15 + 1.2 * fibres) * rng.random(n)  # spindle-shaped where the tissue is fibrous
    angle = rng.uniform(0, np.pi, n) * (1 - 0.8 * np.minimum(fibres * 2, 1))
    amount = rng.uniform(0.55, 1.05, n)
    return np.column_stack([points, size * np.sqrt(stretch), size / np.sqrt(stretch), angle, amount])


def _draw_bend(rng: np.random.Generator, tissue: Tissue) -> GridMap:
    step = tissue.scores.step
    shape = (2, *tissue.scores.values.shape[1:])
    wide = smooth_noise(rng, shape, (0, 260.0 / step, 260.0 / step)) * 190.0
    narrow = smooth_noise(rng, shape, (0, 60.0 / step, 60.0 / step)) * 18.0
    return GridMap((wide + narrow).astype(np.float32), step)


def _textures(rng: np.random.Generator) -> np.ndarray:
    shape = (TILE, TILE)
    grain = smooth_noise(rng, shape, 0.8) + 0.8 * smooth_noise(rng, shape, 4.0)
    fibre = smooth_noise(rng, shape, (0.9, 9.0)) + 0.7 * smooth_noise(rng, shape, (2.0, 22.0))
    cleft = smooth_noise(rng, shape, 3.2)
    return np.stack([grain / grain.std(), fibre / fibre.std(), cleft]).astype(np.float32)


def _step(value: np.ndarray) -> np.ndarray:
    """Smooth step from 0 to 1 around value 0."""
    return 1 / (1 + np.exp(-np.clip(2 * value, -30, 30)))
