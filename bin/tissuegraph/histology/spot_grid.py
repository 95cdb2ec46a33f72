"""A regular grid of spots over the tissue of an image, for slices whose spots were never placed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.histology.slide import open_slide
from tissuegraph.histology.tissue_mask import tissue_mask
from tissuegraph.io.canonical import RawSlice, without_counts
from tissuegraph.io.image_scale import image_scale
from tissuegraph.io.registration import Registration, from_scale, read_matrix
from tissuegraph.io.request import Request
from tissuegraph.io.scale import check_scale

MASK_SIDE = 2000  # pixels of the longer side of the picture that tissue is looked for in
DUST = 0.02  # of the largest piece of tissue; biopsies on one slide differ less
MAX_SPOTS = 5_000_000


@dataclass(frozen=True, eq=False)
class Grid:
    """xy: (N, 2) float64 pixels of the image; array_position: (N, 2) int, row and column on the grid."""

    xy: np.ndarray
    array_position: np.ndarray


def tissue_grid(mask: np.ndarray, size: tuple[int, int], spacing: float) -> Grid:
    """Points `spacing` pixels apart, those on tissue only, row by row.

    mask: (H, W) bool, tissue at low resolution; size: width and height of the image in pixels. The first
    point lies half a spacing from the upper left corner. Raises InputError where no point is on tissue.
    """
    width, height = size
    n_columns, n_rows = int(width // spacing), int(height // spacing)
    if n_columns * n_rows > MAX_SPOTS:
        raise InputError(
            f"a grid with a spacing of {spacing:g} pixels has {n_columns * n_rows:,} points on an image of "
            f"{width} x {height}; at most {MAX_SPOTS:,} are taken, give a larger spot_spacing"
        )
    row, column = (index.ravel() for index in np.indices((n_rows, n_columns)))
    xy = (np.stack([column, row], axis=1) + 0.5) * spacing
    # A point of the image is in the mask's pixel that covers it.
    x = np.minimum((xy[:, 0] * mask.shape[1] / width).astype(int), mask.shape[1] - 1)
    y = np.minimum((xy[:, 1] * mask.shape[0] / height).astype(int), mask.shape[0] - 1)
    on_tissue = mask[y, x] if len(xy) else np.zeros(0, dtype=bool)
    if not on_tissue.any():
        raise InputError(
            f"no point of a grid with a spacing of {spacing:g} pixels lies on tissue (image: {width} x "
            f"{height}, {mask.mean():.0%} of it tissue); give a smaller spot_spacing or the positions"
        )
    return Grid(xy[on_tissue], np.stack([row, column], axis=1)[on_tissue])


def read(request: Request) -> RawSlice:
    """A slice without counts whose spots lie on a grid over the tissue of its image.

    With image_matrix the spots are in the coordinates that it maps to. Raises InputError, also where nothing
    says how many pixels of the image spot_spacing is.
    """
    image, spacing = request.image, request.spot_spacing
    if request.counts_needed or image is None or spacing is None:
        raise InputError("a slice without a path must be a target with an image and a spot_spacing")
    registration = read_matrix(request.image_matrix) if request.image_matrix else from_scale(1.0)
    pixels = spacing / _um_per_image_px(request, registration)
    with open_slide(image) as slide:
        grid = tissue_grid(without_dust(tissue_mask(slide.overview(MASK_SIDE))), slide.size, pixels)
    xy = Registration(np.linalg.inv(registration.matrix)).apply(grid.xy)
    barcodes = np.array([f"r{row}c{column}" for row, column in grid.array_position])
    return without_counts("grid", barcodes, xy, grid.array_position)


def _um_per_image_px(request: Request, registration: Registration) -> float:
    """Micrometres per pixel of the image: by the column, which is per unit of the coordinates, or its own."""
    check_scale(request.um_per_px)
    if request.um_per_px is not None:
        return request.um_per_px / registration.scale
    if told := image_scale(request.image):
        return told[0]
    raise InputError(
        f"row of {request.sample}, column um_per_px: empty - spot_spacing is in micrometres, and "
        f"{request.image.name} does not say its own scale; expected micrometres per pixel, such as 0.5"
    )


def without_dust(mask: np.ndarray) -> np.ndarray:
    """Drop pieces of a tissue mask (H, W) smaller than DUST of its largest piece: dirt, ink, labels."""
    from scipy.ndimage import label

    pieces, n_pieces = label(mask)
    if n_pieces < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0  # what is no tissue
    return (sizes >= DUST * sizes.max())[pieces] & mask
