"""AnnData files: counts wherever they usually are, positions in obsm['spatial'], labels in obs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice, checked_labels, first_non_count
from tissuegraph.io.hdf5 import open_hdf5
from tissuegraph.io.images import as_rgb
from tissuegraph.io.request import Request, Warn
from tissuegraph.io.tables import MISSING

GENE_ID_COLUMNS = (keys.GENE_ID, "gene_ids", "ensembl_id", "ensembl", "feature_id")
SYMBOL_COLUMNS = (keys.GENE_SYMBOL, "gene_symbols", "symbol", "gene_name", "gene_names", "feature_name")


def detect(path: Path) -> bool:
    """An AnnData file goes by its ending."""
    return path.suffix.lower() == ".h5ad"


def read(request: Request) -> RawSlice:
    """Read counts, names, positions, labels and images; nothing else of the file is loaded.

    Counts are taken from layers['counts'], X or raw, the first that holds whole numbers. Without
    counts_needed the file may have none; counts that were inferred, not measured, are never taken.
    An annotation that names a column of obs is read; without it obs['annotation'] is kept where there is one.
    Raises InputError.
    """
    import anndata
    from anndata.io import read_elem

    path, warn = request.path, request.warn

    with open_hdf5(path) as file:
        if "obs" not in file or "var" not in file:
            raise InputError(f"{path.name} is no AnnData file: obs and var are missing")
        try:
            obs = read_elem(file["obs"])
            counts, var = _measured_counts(file, read_elem, request.counts_needed, warn)
            xy = _read_positions(file, read_elem)
            images, scalefactors = _read_images(file, read_elem, request.sample, warn)
            um_per_px = _read_setting(file, keys.UM_PER_PX)
        except (InputError, OSError):
            raise
        except Exception as error:  # whatever a foreign file makes the library stumble over
            raise InputError(
                f"{path.name} cannot be read by anndata {anndata.__version__} ({error}); write it again "
                f"with a current anndata"
            ) from error
    names = np.asarray(var.index if counts is not None else [], dtype=str)
    array_position = None
    if {keys.ARRAY_ROW, keys.ARRAY_COL} <= set(obs.columns):
        array_position = _whole_numbers(obs[[keys.ARRAY_ROW, keys.ARRAY_COL]].to_numpy())
    return RawSlice(
        platform="h5ad",
        counts=counts,
        barcodes=np.asarray(obs.index, dtype=str),
        gene_ids=names if counts is None else _column(var, GENE_ID_COLUMNS, names),
        gene_symbols=names if counts is None else _column(var, SYMBOL_COLUMNS, names),
        xy=xy,
        array_position=array_position,
        annotation=_labels(obs, request.annotation_column, warn),
        images=images,
        scalefactors=scalefactors,
        um_per_px=um_per_px,
    )


def _measured_counts(file: Any, read_elem: Any, needed: bool, warn: Warn) -> tuple[Any, Any]:
    """Counts and var; (None, None) where there are none and none are needed."""
    inferred = file.get(f"uns/{keys.TISSUEGRAPH}/{keys.INFERRED}")
    if inferred is not None and bool(inferred[()]):
        if needed:
            raise InputError(
                "the expression in the file was inferred from its image, not measured; a reference needs "
                "measured counts: give it the role target, with --infer_expression"
            )
        warn("expression in the file was inferred, not measured: it is left out and inferred again")
        return None, None
    if needed:
        return _read_counts(file, read_elem)
    try:
        counts, var = _read_counts(file, read_elem)
    except InputError as error:
        warn(f"the slice is taken as one without counts: {error}")
        return None, None
    return (counts, var) if counts.shape[1] and counts.sum() else (None, None)


def _read_counts(file: Any, read_elem: Any) -> tuple[Any, Any]:
    """The first matrix that holds counts, with the var that belongs to it."""
    places = [("layers/counts", "var"), ("X", "var"), ("raw/X", "raw/var")]
    found = [(place, var) for place, var in places if place in file and not _is_null(file[place])]
    if not found:
        raise InputError(
            "the file has no matrix; expected raw counts in X or layers['counts'], or the role target with "
            "--infer_expression"
        )
    odd = None
    for place, var in found:
        matrix = read_elem(file[place])
        if not sparse.issparse(matrix):
            matrix = np.asarray(matrix)
        value = first_non_count(matrix.data if sparse.issparse(matrix) else matrix.ravel())
        if value is None:
            return matrix, read_elem(file[var])
        odd = odd or (place, value)
    raise InputError(
        f"expected raw counts (whole numbers of at least 0), found {odd[1]:.6g} in {odd[0]}: the values look "
        f"normalised or scaled; put the raw counts into X or layers['counts'] and write the file again"
    )


def _is_null(node: Any) -> bool:
    return node.attrs.get("encoding-type") == "null"


def _read_positions(file: Any, read_elem: Any) -> np.ndarray:
    present = sorted(file["obsm"]) if "obsm" in file else []
    if keys.SPATIAL not in present:
        raise InputError(
            f"obsm['spatial'] is missing (obsm has: {', '.join(present) or 'nothing'}); store x and y "
            f"of every spot in full-resolution pixels there"
        )
    values = read_elem(file["obsm"][keys.SPATIAL])
    return np.asarray(values.toarray() if sparse.issparse(values) else values)


def _read_images(
    file: Any, read_elem: Any, sample: str, warn: Warn
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Images and scale factors of uns['spatial'] if it has one library, or one named like the sample."""
    group = file.get(f"uns/{keys.SPATIAL}")
    libraries = [name for name in group if hasattr(group[name], "keys")] if hasattr(group, "keys") else []
    if not libraries:
        return {}, {}
    if sample not in libraries and len(libraries) > 1:
        warn(
            f"images left out: uns['spatial'] has several libraries ({', '.join(libraries)}), "
            f"none of them named {sample}"
        )
        return {}, {}
    library = group[sample if sample in libraries else libraries[0]]
    scalefactors = {}
    for name, value in library["scalefactors"].items() if "scalefactors" in library else ():
        if getattr(value, "shape", None) == () and np.issubdtype(value.dtype, np.number):
            scalefactors[name] = float(value[()])
    images = {}
    for name in ("hires", "lowres"):
        if f"images/{name}" in library and f"tissue_{name}_scalef" in scalefactors:
            images[name] = as_rgb(read_elem(library[f"images/{name}"]))
    return images, scalefactors


def _read_setting(file: Any, name: str) -> float | None:
    node = file.get(f"uns/{keys.TISSUEGRAPH}/{name}")
    return float(node[()]) if node is not None and node.shape == () else None


def _column(var: Any, names: Iterable[str], otherwise: np.ndarray) -> np.ndarray:
    column = next((name for name in names if name in var.columns), None)
    if column is None:
        return otherwise
    values = var[column].astype(object)
    return np.where(values.isna(), otherwise, values.astype(str)).astype(str)


def _whole_numbers(values: np.ndarray) -> np.ndarray | None:
    """Array positions (N, 2) where they are whole numbers, None otherwise."""
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError):
        return None
    return values if np.isfinite(values).all() and (values == np.rint(values)).all() else None


def _labels(obs: Any, column: str | None, warn: Warn) -> np.ndarray | None:
    """Labels (N,) of a column of obs as text, None where missing."""
    if column is None:
        if keys.ANNOTATION not in obs.columns or obs[keys.ANNOTATION].isna().all():
            return None
        column = keys.ANNOTATION
    if column not in obs.columns:
        near = difflib.get_close_matches(column, list(obs.columns), n=1)
        columns = ", ".join(obs.columns) or "no columns"
        remedy = f"did you mean {near[0]!r}?" if near else f"obs has: {columns}"
        raise InputError(f"annotation: obs has no column {column!r}; {remedy}")
    labels = [None if _missing(value) else _label(value) for value in obs[column].astype(object)]
    return checked_labels(np.array(labels, dtype=object), warn)


def _missing(value: Any) -> bool:
    return value is None or value != value or str(value).strip().lower() in MISSING


def _label(value: Any) -> str:
    """Whole numbers stored as floats (a column with gaps) are labels 1, 2, not 1.0, 2.0."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()
