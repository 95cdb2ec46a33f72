"""One file is one plane: spots of several sections on top of each other are told apart and refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.request import Warn
from tissuegraph.io.text import brief

# Columns of obs that say which section a spot is from, in lower case and without separators
SECTION_NAMES = {
    "animal", "animalid", "chip", "experiment", "fov", "image", "run",
    "batch", "batchid", "capturearea", "dataset", "datasetid", "donor", "donorid",
    "individual", "library", "libraryid", "mouse", "mouseid", "origident", "patient", "patientid", "puck",
    "puckid", "rep", "replicate", "sample", "sampleid", "samplename", "section", "sectionid", "sectionname",
    "slice", "sliceid", "slicename", "slide", "slideid", "slidename", "specimen", "specimenid", "subject",
    "subjectid",
}  # fmt: skip
_QUALIFIERS = {"id", "ids", "name", "names", "no", "nr", "num", "number", "label", "code", "key", "index"}
# Before such a name: a measure of each spot, as in cells_per_image or distance to slide
_MEASURES = {
    "n",
    "num",
    "count",
    "counts",
    "total",
    "mean",
    "distance",
    "score",
    "fraction",
    "per",
    "in",
    "to",
}
_CORE = re.compile(r"[ACGT]{10,}|s_\d+um_\d+_\d+|(?<![\dA-Za-z])\d+x\d+(?![\dA-Za-z])")
MOST_GROUPS = 100
FEWEST_SPOTS = 20  # of a section, on average; smaller groups are tiles, or the spots themselves
MIXED = 0.25  # edges between groups, of those that a random mixture would have
REPEATED = 0.05  # share of spots that have another's place on the array
N_NEIGHBOURS = 6


def is_section_name(column: str) -> bool:
    """Whether a column of obs with this name usually tells sections apart: `library_id`, `Tissue section no`.

    What the name ends with decides, numbers and words such as `id` aside: `section_cluster` names clusters.
    What it begins with may make it a measure: `cells_per_image`, `n_samples`.
    """
    if re.sub(r"[^a-z]", "", column.lower()) in SECTION_NAMES:
        return True
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower())
    while len(words) > 1 and words[-1] in _QUALIFIERS:
        words.pop()
    if _MEASURES.intersection(words[:-1]):
        return False
    return bool(words) and (words[-1] in SECTION_NAMES or words[-1].removesuffix("s") in SECTION_NAMES)


def check_one_plane(raw: RawSlice, warn: Warn) -> None:
    """Raise InputError where spots of several sections lie on top of each other.

    Told by columns of obs, by what a concatenation appends to barcodes, and by places on the array that
    several spots share. Sections beside each other pass.
    """
    xy = np.asarray(raw.xy, dtype=np.float64)
    if xy.shape != (len(raw.barcodes), 2) or len(xy) <= N_NEIGHBOURS:
        return
    neighbours: np.ndarray | None = None
    suffixes = barcode_groups(raw.barcodes)
    candidates = {f"the column {name!r}": values for name, values in raw.groups.items()}
    if suffixes is not None:
        candidates["what their barcodes begin or end with"] = suffixes
    for what, groups in candidates.items():
        names, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        if (
            len(names) > 1 and names[0] == "" and what.startswith("the column")
        ):  # a gap is no group of its own
            codes[codes == 0] = 1 + np.argmax(sizes[1:])
            names, sizes = names[1:], sizes[1:]
            codes = codes - 1
        if not 2 <= len(names) <= min(MOST_GROUPS, len(xy) / FEWEST_SPOTS):
            continue
        neighbours = _neighbours(xy) if neighbours is None else neighbours
        if mixture(codes, neighbours) > MIXED:
            by_column = what.startswith("the column") and raw.platform in ("h5ad", "stereoseq")
            raise several_slices(what, names, sizes, by_column)
    if raw.array_position is not None and raw.platform != "grid":
        _, repeats = np.unique(raw.array_position, axis=0, return_counts=True)
        shared = float((repeats[repeats > 1]).sum() / len(xy))
        if shared > REPEATED:
            raise InputError(
                f"{shared:.0%} of the spots share their array_row and array_col with another spot: the file "
                f"holds several slices on top of each other; give each slice as a file and a row of its own"
            )
        _warn_if_turned(xy, raw.array_position, warn)


def select_library(groups: Mapping[str, np.ndarray], library: str) -> np.ndarray:
    """Which spots (N,) bool belong to a section, by the columns that tell sections apart.

    groups: name to (N,) str. Of several columns with that value the one that is called after libraries, then
    samples, is taken. Raises InputError.
    """
    order = sorted(groups, key=lambda name: [word not in name.lower() for word in ("library", "sample")])
    for name in order:
        if (groups[name] == library).any():
            return groups[name] == library
    known = {name: sorted(set(groups[name].tolist()))[:MOST_GROUPS] for name in order}
    listed = "; ".join(f"{name}: {', '.join(values)}" for name, values in known.items())
    raise InputError(
        f"library: no column of obs that tells sections apart has the value {library!r}; it has "
        f"{brief(listed, 200) or 'no such column'}"
    )


def several_slices(
    what: str, names: Sequence[str], sizes: Sequence[int] | None = None, by_column: bool = False
) -> InputError:
    """The error for a file with several slices, told apart by `what`: their names and numbers of spots.

    by_column: whether the column `library` can pick one.
    """
    shown = (
        [f"{brief(name, 40)} ({size})" for name, size in zip(names, sizes, strict=True)]
        if sizes is not None
        else [brief(n, 40) for n in names]
    )
    listed = ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "")
    remedy = (
        f"give each a row of its own that names it in the column library, e.g. {brief(names[0], 40)}"
        if by_column
        else "write each to a file of its own "
        "(e.g. adata[adata.obs['library_id'] == 'A'].write_h5ad('A.h5ad')) and give each a row"
    )
    return InputError(
        f"the file holds {len(names)} slices on top of each other, told apart by {what}: {listed}; {remedy}"
    )


def mixture(codes: np.ndarray, neighbours: np.ndarray) -> float:
    """Edges to another group, as a share of those that the same groups would have in random places.

    codes: (N,) group of each spot; neighbours: (N, k) nearest spots.
    """
    share = np.bincount(codes) / len(codes)
    expected = 1 - (share**2).sum()
    return float((codes[neighbours] != codes[:, None]).mean() / expected)


def barcode_groups(barcodes: np.ndarray) -> np.ndarray | None:
    """What surrounds the barcode proper, (N,) str; None where there is none or all have the same.

    AAACAAGT...-1-A, A_AAACAAGT...-1 and AAACAAGT...-2 give -1-A, A_-1 and -2.
    """
    groups = []
    for barcode in barcodes.tolist():
        found = _CORE.search(barcode)
        if found is None:
            return None
        groups.append(barcode[: found.start()] + barcode[found.end() :])
    return np.array(groups) if len(set(groups)) > 1 else None


def _neighbours(xy: np.ndarray) -> np.ndarray:
    """(N, k) nearest other spots. A spot at the same place is a neighbour."""
    from scipy.spatial import cKDTree

    k = min(N_NEIGHBOURS, len(xy) - 1)
    _, found = cKDTree(xy).query(xy, k=k + 1)
    own = found == np.arange(len(xy))[:, None]
    own[~own.any(axis=1), -1] = True  # among many at one place a spot may not be found itself
    return found[~own].reshape(len(xy), k)


def _warn_if_turned(xy: np.ndarray, array_position: np.ndarray, warn: Warn) -> None:
    """x follows the columns of an array and y its rows; the other way round is a turned image or a "
    "mistake."""
    position = np.asarray(array_position, dtype=np.float64)
    if (np.ptp(position, axis=0) == 0).any() or (np.ptp(xy, axis=0) == 0).any():
        return
    (x_row, x_col), (y_row, y_col) = np.abs(np.corrcoef(xy.T, position.T)[:2, 2:])
    if x_row > 0.9 > 0.5 > x_col and y_col > 0.9 > 0.5 > y_row:
        warn(
            "x of the spots follows array_row and y follows array_col: unless the image was turned by 90 "
            "degrees, x "
            "and y are exchanged"
        )
