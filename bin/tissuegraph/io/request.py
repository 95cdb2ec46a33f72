"""What is asked of a reader, the same for every platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tissuegraph.errors import InputError

Warn = Callable[[str], None]


def _silent(_line: str) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Request:
    """One slice to be read.

    path: what the platform wrote, or None for a grid over the image; platform: detected when None.
    image: histology image in the pixels of the spot coordinates, or Space Ranger's hires or lowres; with
    image_matrix (a file, pixels of the image to coordinates) another one, which is not kept for pictures.
    annotation: a table of barcode and label, or the name of a column in obs of an h5ad.
    counts_needed: False also takes an `outs` without matrix, an .h5ad without counts, a table of positions.
    um_per_px: micrometres per full-resolution pixel, whatever else says so. assume_spacing: micrometres
    between neighbouring spots, where nothing says the scale. spot_spacing: micrometres between the spots of a
    grid. bin_um: side of the bins of Visium HD and Stereo-seq;
    library: which section of a file with several; table, coordinate_system: of SpatialData.
    warn: receives one line for everything odd that does not stop the slice; note: likewise of what is as it
    should be and yet worth knowing, `warn` where it is None.
    """

    sample: str
    path: Path | None = None
    platform: str | None = None
    image: Path | None = None
    image_matrix: Path | None = None
    annotation: str | None = None
    counts_needed: bool = True
    um_per_px: float | None = None
    assume_spacing: float | None = None
    spot_spacing: float | None = None
    bin_um: float | None = None
    library: str | None = None
    table: str | None = None
    coordinate_system: str | None = None
    warn: Warn = _silent
    note: Warn | None = None

    def tell(self, line: str) -> None:
        """Give a line that is no reason for a warning."""
        (self.note or self.warn)(line)

    @property
    def annotation_column(self) -> str | None:
        """The annotation where it names a column."""
        from tissuegraph.io.tables import is_table

        return self.annotation if self.annotation and not is_table(self.annotation) else None

    def refuse_annotation_column(self, whose: str = "") -> None:
        """Raise InputError where the annotation names a column: only an h5ad has columns of labels.

        whose: what reads it, for the message, e.g. "for Xenium data ".
        """
        if column := self.annotation_column:
            raise InputError(f"annotation: {column!r} is no table; {whose}give a .csv of barcode and label")
