"""AnnData files: counts wherever they usually are, positions in obsm['spatial'], labels in obs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_declared
from tissuegraph.io.canonical import RawSlice, check_positions_shape, first_non_count
from tissuegraph.io.elements import column, columns, declared, index, is_old, matrix, rewritten
from tissuegraph.io.h5ad_images import read_images
from tissuegraph.io.hdf5 import group_of, open_hdf5, values
from tissuegraph.io.labels import labels_from_values
from tissuegraph.io.own_columns import own_layers, own_obs, own_obsm, own_var
from tissuegraph.io.own_settings import is_ours, origin, setting
from tissuegraph.io.planes import is_section_name, select_library
from tissuegraph.io.request import Request, Warn
from tissuegraph.io.tables import as_flags, is_missing
from tissuegraph.io.text import brief

GENE_ID_COLUMNS = (keys.GENE_ID, "gene_ids", "ensembl_id", "ensembl", "feature_id")
SYMBOL_COLUMNS = (keys.GENE_SYMBOL, "gene_symbols", "symbol", "gene_name", "gene_names", "feature_name")
TYPE_NAMES = {"featuretypes", "featuretype", "modality", "modalities", "assaytype", "librarytype"}
# Compared without case and separators
IN_TISSUE_NAMES = {"intissue", "isintissue", "ontissue", "undertissue", "spatialintissue"}
# Columns of a table in obsm['spatial'] that are taken by name
X_NAMES = ("x", "pxl_col_in_fullres", "pxl_col", "imagecol", "col", "column", "x_centroid")
Y_NAMES = ("y", "pxl_row_in_fullres", "pxl_row", "imagerow", "row", "y_centroid")


@dataclass(frozen=True, eq=False)
class Counts:
    """matrix: (N, G), None without counts; var: the table of its genes; place: where in the file it was."""

    matrix: Any = None
    var: Any = None
    place: str = ""


def detect(path: Path) -> bool:
    """An AnnData file goes by its ending."""
    return path.suffix.lower() == ".h5ad"


def read(request: Request) -> RawSlice:
    """Read counts, names, positions, labels and images; nothing else of the file is loaded.

    Counts are taken from layers['counts'], X or raw, the first that holds whole numbers. Without
    counts_needed the file may have none; counts that were inferred, not measured, are never taken.
    Of a file with several sections, `library` picks one.
    An annotation that names a column of obs is read; without it obs['annotation'] is kept only where this
    pipeline wrote the file. Raises InputError.
    """
    path = request.path
    with open_hdf5(path) as file:
        if "obs" not in file or "var" not in file:
            raise InputError(f"{path.name} is no AnnData file: obs and var are missing")
        if not is_old(file):
            return read_file(file, request)
        check_declared(path.name, declared(file), path.stat().st_size)
    with rewritten(path) as file:
        return read_file(file, request)


def read_file(
    file: Any,
    request: Request,
    platform: str = "h5ad",
    given: Counts | None = None,
    xy: np.ndarray | None = None,
) -> RawSlice:
    """As `read`, of an open file; given: the counts, and xy (N, 2), where they are known already."""
    warn = request.warn
    obs = file["obs"]
    barcodes = index(obs)
    found = given or _measured_counts(file, len(barcodes), request.counts_needed, warn)
    counts, var = found.matrix, found.var
    names = index(var) if counts is not None else np.zeros(0, dtype=str)
    groups = _groups(obs, len(barcodes))
    library = None if request.library is None else select_library(groups, request.library)
    images, scalefactors = _images(file, request, groups, library)
    raw = RawSlice(
        platform=platform,
        counts=counts,
        barcodes=barcodes,
        gene_ids=names if counts is None else _names(var, GENE_ID_COLUMNS, names),
        gene_symbols=names if counts is None else _names(var, SYMBOL_COLUMNS, names),
        xy=_read_positions(file, len(barcodes)) if xy is None else xy,
        array_position=_array_position(obs, len(barcodes)),
        annotation=_labels(obs, request.annotation_column, is_ours(file), len(barcodes), warn),
        images=images,
        scalefactors=scalefactors,
        fluorescence=f"uns/{keys.TISSUEGRAPH}/{keys.FLUORESCENCE}" in file,
        um_per_px=setting(file, keys.UM_PER_PX),
        in_tissue=_in_tissue(obs, len(barcodes), warn),
        feature_types=None if counts is None else _feature_types(var, len(names)),
        groups=groups,
        obs=own_obs(obs, len(barcodes), is_ours(file), warn),
        obsm=own_obsm(file, len(barcodes), is_ours(file), warn),
        var=None if counts is None else own_var(var, len(names), is_ours(file), warn),
        layers={} if counts is None else own_layers(file, names, found.place, is_ours(file), warn),
        n_controls=int(setting(file, keys.N_CONTROLS) or 0) if keys.CONTROL_COUNTS in obs else 0,
        origin=origin(file),
    )
    return raw if library is None else _selected(raw, library)


def _images(file: Any, request: Request, groups: dict[str, np.ndarray], library: np.ndarray | None) -> Any:
    """Images and scale factors, of one library (N,) bool where it was named."""
    if library is None:
        return read_images(file, request.sample, groups, request.warn)
    own = {name: values[library] for name, values in groups.items()}
    try:
        return read_images(file, request.library, own, request.warn)
    except InputError:  # named otherwise in uns: the slice is known, its image is not
        request.warn(f"images left out: uns['spatial'] does not say which belong to {request.library!r}")
        return {}, {}


def _selected(raw: RawSlice, library: np.ndarray) -> RawSlice:
    if raw.annotation is not None and all(label is None for label in raw.annotation[library]):
        raise InputError("annotation: no spot of this library has a label; leave the column annotation empty")
    return raw.select(library)


def _groups(obs: Any, n: int) -> dict[str, np.ndarray]:
    """Columns of obs (N,) str that may tell sections apart, by their names; one that is damaged does not."""
    found = {}
    for name in columns(obs):
        if is_section_name(name):
            with suppress(InputError):
                found[name] = np.array(["" if v is None else str(v) for v in _sized(obs, name, n)])
    return found


def _measured_counts(file: Any, n_spots: int, needed: bool, warn: Warn) -> Counts:
    """The counts, or none where there are none and none are needed."""
    inferred = file.get(f"uns/{keys.TISSUEGRAPH}/{keys.INFERRED}")
    if inferred is not None and bool(values(inferred, "b", 0)):
        if needed:
            raise InputError(
                "the expression in the file was inferred from its image, not measured; a reference needs "
                "measured counts: give it the role target, with --infer_expression"
            )
        warn("expression in the file was inferred, not measured: it is left out and inferred again")
        return Counts()
    if needed:
        return _read_counts(file, n_spots)
    try:
        found = _read_counts(file, n_spots)
    except InputError as error:
        warn(f"the slice is taken as one without counts: {error}")
        return Counts()
    return found if found.matrix.shape[1] and found.matrix.sum() else Counts()


def _read_counts(file: Any, n_spots: int) -> Counts:
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
        if var not in file:
            raise InputError(f"{place} has no {var}; write the file again")
        counts = matrix(file[place], (n_spots, len(index(group_of(file, var)))))
        value = first_non_count(counts.data if sparse.issparse(counts) else counts.ravel())
        if value is None:
            return Counts(counts, file[var], place)
        odd = odd or (place, value)
    raise not_counts(odd)


def not_counts(odd: tuple[str, float]) -> InputError:
    """The error for a matrix of no counts: where it is, and one of its values."""
    return InputError(
        f"expected raw counts (whole numbers of at least 0), found {odd[1]:.6g} in {odd[0]}: the values look "
        f"normalised or scaled; put the raw counts into X or layers['counts'] and write the file again"
    )


def _is_null(node: Any) -> bool:
    return node.attrs.get("encoding-type") == "null"


def _read_positions(file: Any, n_spots: int) -> np.ndarray:
    """x and y (N, 2); columns of a table are taken by name."""
    present = sorted(group_of(file, "obsm")) if "obsm" in file else []
    if keys.SPATIAL not in present:
        raise InputError(
            f"obsm['spatial'] is missing (obsm has: {brief(', '.join(present)) or 'nothing'}); store x and y "
            f"of every spot in full-resolution pixels there"
        )
    node = file["obsm"][keys.SPATIAL]
    if hasattr(node, "dtype"):
        check_positions_shape(node.shape, n_spots)
        return values(node)
    if "_index" not in node.attrs:
        raise InputError("obsm['spatial'] is no array of numbers; expected x and y of every spot")
    names = {name.strip().lower(): name for name in columns(node)}
    x, y = (next((names[name] for name in known if name in names), None) for known in (X_NAMES, Y_NAMES))
    if x is None or y is None:
        raise InputError(
            f"obsm['spatial'] has the columns {brief(', '.join(names)) or 'none'}; expected x and y"
        )
    found = [_sized(node, name, n_spots) for name in (x, y)]
    return np.array([[np.nan if v is None else v for v in values] for values in found], dtype=np.float64).T


def _sized(frame: Any, name: str, n: int) -> np.ndarray:
    """A column (n,) of objects; raises InputError where it has another length."""
    found = column(frame, name)
    if len(found) != n:
        raise InputError(f"{frame.name}/{name} has {len(found)} values for {n} rows; write the file again")
    return found


def _names(var: Any, known: Iterable[str], otherwise: np.ndarray) -> np.ndarray:
    name = next((name for name in known if name in var), None)
    if name is None:
        return otherwise
    found = _sized(var, name, len(otherwise))
    return np.array([o if v is None or not str(v) else str(v) for v, o in zip(found, otherwise, strict=True)])


def _feature_types(var: Any, n: int) -> np.ndarray | None:
    name = _called(var, TYPE_NAMES)
    return None if name is None else np.array([str(value) for value in _sized(var, name, n)], dtype=str)


def _in_tissue(obs: Any, n: int, warn: Warn) -> np.ndarray | None:
    """Which spots (N,) lie under tissue; one of which the column says nothing does."""
    name = _called(obs, IN_TISSUE_NAMES)
    if name is None:
        return None
    try:
        return as_flags(_sized(obs, name, n), otherwise=True)
    except ValueError as error:
        warn(f"obs[{name!r}] was ignored: expected 0 or 1, found {brief(error)}")
    except InputError as error:
        warn(f"obs[{name!r}] was ignored: {error}")
    return None


def _called(frame: Any, known: Collection[str]) -> str | None:
    """The first column of obs or var whose name is `known`, whatever its case and separators."""
    return next((name for name in columns(frame) if re.sub(r"[^a-z]", "", name.lower()) in known), None)


def _array_position(obs: Any, n: int) -> np.ndarray | None:
    """Array positions (N, 2) where they are whole numbers, None otherwise."""
    if keys.ARRAY_ROW not in obs or keys.ARRAY_COL not in obs:
        return None
    try:
        found = np.array(
            [_sized(obs, name, n) for name in (keys.ARRAY_ROW, keys.ARRAY_COL)], dtype=np.float64
        ).T
    except (InputError, TypeError, ValueError):
        return None
    return found if np.isfinite(found).all() and (found == np.rint(found)).all() else None


def _labels(obs: Any, name: str | None, ours: bool, n: int, warn: Warn) -> np.ndarray | None:
    """Labels (N,) of a column of obs as text, None where missing."""
    if name is None:
        if keys.ANNOTATION not in obs:
            return None
        if not ours:
            warn("obs['annotation'] is not read: name it in the column annotation if it holds manual labels")
            return None
        found = _sized(obs, keys.ANNOTATION, n)
        return None if all(is_missing(value) for value in found) else labels_from_values(found, warn)
    if name not in columns(obs):
        known = columns(obs)
        near = difflib.get_close_matches(name, known, n=1)
        remedy = (
            f"did you mean {near[0]!r}?"
            if near
            else f"obs has: {brief(', '.join(known), 200) or 'no columns'}"
        )
        raise InputError(f"annotation: obs has no column {name!r}; {remedy}")
    return labels_from_values(_sized(obs, name, n), warn)
