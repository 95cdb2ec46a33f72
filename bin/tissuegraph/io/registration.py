"""Which pixel of an image a spot lies on: a scale factor, or a 3x3 matrix from a file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.placement import MOST_OUTSIDE, outside, outside_image
from tissuegraph.io.request import Warn
from tissuegraph.io.text import read_text

_AFFINE_ROW = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Registration:
    """matrix (3, 3): full-resolution pixels (x, y, 1) of the spots to pixels of the image."""

    matrix: np.ndarray

    @property
    def scale(self) -> float:
        """Pixels of the image per full-resolution pixel: the root of the area ratio."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2]))))

    def apply(self, xy: np.ndarray) -> np.ndarray:
        """Pixels of the image (N, 2) of spots xy (N, 2)."""
        return np.asarray(xy, dtype=np.float64) @ self.matrix[:2, :2].T + self.matrix[:2, 2]

    def scaled(self, factor: float) -> Registration:
        """The registration to the same image reduced by `factor`."""
        return Registration(np.diag([factor, factor, 1.0]) @ self.matrix)


def from_scale(scale: float) -> Registration:
    """Image pixels are full-resolution pixels times `scale`."""
    return Registration(np.diag([scale, scale, 1.0]))


def read_matrix(path: Path) -> Registration:
    """Read nine numbers, row by row, that map pixels of the image to coordinates of the spots.

    The file may be CSV, text or JSON, with or without brackets. The direction is that of the alignment
    files that viewers of in situ data export, and the inverse is what is used here. Raises InputError for
    anything but a finite, invertible matrix whose last row is 0 0 1.
    """
    matrix = np.array(_numbers(path))
    if matrix.size != 9:
        raise InputError(f"{path.name} must hold the 9 numbers of a 3 x 3 matrix, got {matrix.size}")
    matrix = matrix.reshape(3, 3)
    if not np.isfinite(matrix).all():
        raise InputError(f"{path.name} must hold finite numbers, got NaN or infinite ones; export it again")
    if not np.allclose(matrix[2], _AFFINE_ROW):
        raise InputError(
            f"the last row of {path.name} must be 0 0 1, got {' '.join(map('{:g}'.format, matrix[2]))}; "
            f"write the matrix row by row"
        )
    if np.linalg.cond(matrix[:2, :2]) > 1e6:
        raise InputError(
            f"the matrix in {path.name} cannot be inverted: it maps the image onto a line; export it again"
        )
    return Registration(np.linalg.inv(matrix))


def _numbers(path: Path) -> list[float]:
    text = read_text(path, f"matrix {path.name}")
    try:
        if path.suffix.lower() == ".json":
            return [float(value) for value in np.ravel(json.loads(text))]
        return [float(word) for word in re.split(r"[\s,;\[\]()]+", text) if word]
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{path.name} must hold 9 numbers and nothing else ({error})") from error


def check_inside(points: np.ndarray, size: tuple[int, int], name: str, warn: Warn) -> None:
    """Warn of points (N, 2) outside an image of `size`; raise InputError with the numbers where they are "
    "many."""
    off = outside(points, size)
    if off.mean() > MOST_OUTSIDE:
        raise outside_image(name, points, size)
    if off.any():
        warn(f"{int(off.sum())} of {len(points)} spots lie off the image {name}: their tiles are white there")
