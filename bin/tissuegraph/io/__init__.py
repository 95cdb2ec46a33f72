"""Readers of what the platforms write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice, Warn, labels_from_table, to_canonical
from tissuegraph.io.tables import is_table, read_annotation

if TYPE_CHECKING:
    import anndata

PLATFORMS = ("visium", "h5ad")
_TABLES = (".csv", ".tsv", ".txt", ".parquet")


def read_slice(
    path: str | Path | None,
    *,
    sample: str,
    platform: str | None = None,
    image: str | Path | None = None,
    image_matrix: str | Path | None = None,
    annotation: str | None = None,
    counts_needed: bool = True,
    spot_spacing: float | None = None,
    warn: Warn = lambda _line: None,
) -> anndata.AnnData:
    """Read one slice into the canonical form (see tissuegraph.io.canonical.to_canonical).

    path: Space Ranger `outs` (or its parent), or an .h5ad file; platform is detected when None. Without
    counts_needed also an `outs` without matrix, an .h5ad without counts, a table of positions, or None:
    then a grid of spots `spot_spacing` pixels apart is laid over the tissue of the image.
    image: histology image in the pixels of the spot coordinates, or Space Ranger's hires or lowres;
    with image_matrix another one, which is not kept for pictures.
    annotation: a table of barcode and label, or the name of a column in obs of an h5ad.
    warn receives one line for everything odd that does not stop the slice.
    Raises InputError with one line where the slice cannot be used.
    """
    from tissuegraph.io.images import add_image

    column = annotation if annotation and not is_table(annotation) else None
    if path is None:
        raw = _grid(image, image_matrix, spot_spacing, counts_needed)
    else:
        raw = _read(Path(path), platform, sample, column, counts_needed, warn)
    if annotation and column is None:
        raw.annotation = labels_from_table(read_annotation(Path(annotation)), _as_text(raw.barcodes), warn)
    if image and not image_matrix:
        add_image(raw, Path(image), warn)
    return to_canonical(raw, sample, warn)


def _read(
    path: Path, platform: str | None, sample: str, column: str | None, counts_needed: bool, warn: Warn
) -> RawSlice:
    from tissuegraph.io import positions
    from tissuegraph.io.h5ad import read_h5ad
    from tissuegraph.io.spaceranger import has_matrix, read_spaceranger

    if not counts_needed and path.suffix.lower() in _TABLES:
        return positions.read_position_table(path)
    platform = platform or detect_platform(path)
    if platform == "h5ad":
        return read_h5ad(path, sample, column, warn, counts_needed=counts_needed)
    if platform != "visium":
        raise InputError(f"platform {platform!r} is unknown; expected {' or '.join(PLATFORMS)}")
    if column:
        raise InputError(
            f"annotation: {column!r} is no table; for Space Ranger data give a .csv of barcode and label"
        )
    if not counts_needed and not has_matrix(path):
        return positions.read_spaceranger_positions(path, warn)
    return read_spaceranger(path, warn)


def _grid(
    image: str | Path | None, matrix: str | Path | None, spacing: float | None, counts_needed: bool
) -> RawSlice:
    from tissuegraph.io.positions import read_grid

    if counts_needed or image is None or spacing is None:
        raise InputError("a slice without a path must be a target with an image and a spot_spacing")
    raw = read_grid(Path(image), spacing)
    if matrix:
        from tissuegraph.histology.registration import Registration, read_matrix

        to_image = read_matrix(Path(matrix)).matrix
        raw.xy = Registration(np.linalg.inv(to_image)).apply(raw.xy)
    return raw


def detect_platform(path: Path) -> str:
    """`h5ad` for a file that ends so, `visium` for a directory; raises InputError otherwise."""
    if not path.exists():
        raise InputError(f"{path.name} does not exist")
    if path.is_dir():
        return "visium"
    if path.suffix.lower() == ".h5ad":
        return "h5ad"
    raise InputError(f"{path.name} is neither a Space Ranger outs directory nor an .h5ad file")


def describe(adata: anndata.AnnData) -> dict[str, Any]:
    """What the report says about a canonical slice."""
    settings = adata.uns[keys.TISSUEGRAPH]
    labels = adata.obs.get(keys.ANNOTATION)
    images = adata.uns.get(keys.SPATIAL, {}).get(settings["sample"], {}).get("images", {})
    return {
        "platform": settings["platform"],
        "n_spots": adata.n_obs,
        "n_genes": adata.n_vars,
        "pitch_px": settings["pitch_px"],
        "um_per_px": settings.get("um_per_px"),
        "n_labelled": 0 if labels is None else int(labels.notna().sum()),
        "n_labels": 0 if labels is None else len(labels.cat.categories),
        "images": sorted(images),
        "has_counts": bool(settings.get("has_counts", True)),
    }


def _as_text(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=str)


__all__ = ["PLATFORMS", "RawSlice", "describe", "detect_platform", "read_slice"]
