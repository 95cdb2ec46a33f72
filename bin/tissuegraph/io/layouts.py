"""Where Space Ranger puts matrix and positions, and what other layouts are called."""

from __future__ import annotations

import re
from pathlib import Path

from tissuegraph.errors import InputError

MATRIX_H5, MATRIX_DIR = "filtered_feature_bc_matrix.h5", "filtered_feature_bc_matrix"
DEFAULT_BIN_UM = 8  # of 2, 8 and 16, as Space Ranger recommends
_SQUARE = re.compile(r"square_(\d{3})um")


def find_outs(path: Path, bin_um: float | None = None) -> Path:
    """The directory that holds matrix and positions; raises InputError that says what to give instead.

    bin_um: which bins of a Visium HD run, 8 micrometres where nothing is said.
    """
    if not path.is_dir():
        raise InputError(f"{path.name} is not a directory; expected Space Ranger's outs")
    for outs in (path, path / "outs"):
        if holds_matrix(outs):
            _check_bin(outs, bin_um)
            _check_spatial(outs, path.name)
            return outs
        if bins := find_bins(outs):
            return _one_bin(bins, path.name, bin_um)
    for outs in (path, path / "outs"):
        _name_other_layout(outs, path.name)
    raise InputError(
        f"{path.name} is no Space Ranger output: expected {MATRIX_H5} or {MATRIX_DIR}/, and spatial/, in it "
        f"or in its outs"
    )


def find_bins(outs: Path) -> dict[int, Path]:
    """Side in micrometres to directory of the bins of a Visium HD run; `outs` may be its binned_outputs."""
    found = {}
    for folder in (outs / "binned_outputs", outs):
        for item in sorted(folder.glob("square_*um")):
            if (size := bin_of(item)) is not None and item.is_dir():
                found.setdefault(size, item)
    return found


def bin_of(outs: Path) -> int | None:
    """Side in micrometres of the bins in a directory that is called like `square_008um`."""
    named = _SQUARE.fullmatch(outs.name)
    return int(named[1]) if named else None


def _one_bin(bins: dict[int, Path], name: str, bin_um: float | None) -> Path:
    size = DEFAULT_BIN_UM if bin_um is None else bin_um
    if size not in bins:
        listed = ", ".join(str(known) for known in sorted(bins))
        raise InputError(
            f"{name} has no bins of {size:g} um (binned_outputs/square_{int(size):03d}um); it has {listed}: "
            f"name one of them in the column bin_um"
        )
    outs = bins[int(size)]
    if not holds_matrix(outs):
        raise InputError(f"{name}: {outs.name} lacks {MATRIX_H5} and {MATRIX_DIR}/; copy the directory again")
    _check_spatial(outs, outs.name)
    return outs


def _check_bin(outs: Path, bin_um: float | None) -> None:
    """Raise InputError where a bin size is asked for that the directory does not have."""
    if bin_um is not None and bin_of(outs) != bin_um:
        raise InputError(
            f"bin_um is {bin_um:g}, but {outs.name} holds no bins of {bin_um:g} um; leave the column empty "
            f"or give the outs directory of a Visium HD run"
        )


def find_spatial(path: Path) -> Path:
    """The directory `spatial` of an `outs` without matrix; raises InputError."""
    spatial = next((p / "spatial" for p in (path, path / "outs") if (p / "spatial").is_dir()), None)
    if spatial is None:
        raise InputError(f"{path.name} has no directory spatial; expected Space Ranger's outs")
    return spatial


def holds_matrix(outs: Path) -> bool:
    """Whether a directory holds a matrix of the spots under tissue."""
    return (outs / MATRIX_H5).is_file() or (outs / MATRIX_DIR).is_dir()


def has_matrix(path: Path) -> bool:
    """Whether `path` or its `outs` holds a matrix of the spots under tissue, or bins or files that do."""
    return any(
        holds_matrix(outs)
        or any(outs.glob("binned_outputs/*"))
        or bool(find_bins(outs))
        or any(outs.glob(f"*{MATRIX_DIR}*"))
        or (outs / "segmented_outputs").is_dir()
        for outs in (path, path / "outs")
    )


def _check_spatial(outs: Path, name: str) -> None:
    spatial = outs / "spatial"
    aggregated = (outs / "aggregation.csv").is_file() or any(outs.glob("aggr_*"))
    if aggregated or (
        spatial.is_dir() and not any(p.is_file() for p in spatial.iterdir()) and any(spatial.iterdir())
    ):
        raise InputError(
            f"{name} is the output of spaceranger aggr, several slices in one matrix; give each sample's own "
            f"outs, "
            f"one row each"
        )
    if not spatial.is_dir():
        loose = sorted(p.name for p in outs.glob("*tissue_positions*"))
        if loose:
            raise InputError(
                f"{name} has a matrix but no directory spatial; move {loose[0]}, scale factors and images "
                f"into "
                f"spatial/, under Space Ranger's own names"
            )
        raise InputError(f"{name} has a matrix but no directory spatial; expected Space Ranger's outs")


def _name_other_layout(outs: Path, name: str) -> None:
    """Raise InputError for what is known but not read."""
    if (
        (outs / "segmented_outputs").is_dir()
        or outs.name == "segmented_outputs"
        or (outs / "filtered_feature_cell_matrix.h5").is_file()
    ):
        raise InputError(
            f"{name} holds segmented cells of Visium HD (segmented_outputs) and no bins; give the platform "
            f"visium_hd_cells"
        )
    prefixed = sorted(p.name for p in outs.glob(f"?*{MATRIX_DIR}*") if not p.name.startswith("raw_"))
    if len(prefixed) > 1 and len({p.partition("filtered_feature")[0] for p in prefixed}) > 1:
        raise InputError(
            f"{name} holds the matrices of {len(prefixed)} samples ({prefixed[0]}, ...); give each a "
            f"directory and "
            f"a row of its own, named {MATRIX_H5}"
        )
    if prefixed:
        raise InputError(
            f"{name} holds {prefixed[0]}; rename it to {prefixed[0][prefixed[0].index('filtered') :]}"
        )
    if (outs / f"{MATRIX_H5}.gz").is_file():
        raise InputError(f"{name} holds {MATRIX_H5}.gz; unpack it")
    loose = sorted(p.name for p in outs.glob("*matrix.mtx*"))
    if loose:
        raise InputError(f"{name} holds {loose[0]}; move matrix, barcodes and features into {MATRIX_DIR}/")
    if any(outs.glob("raw_feature_bc_matrix*")):
        raise InputError(f"{name} has only the raw matrix; expected {MATRIX_H5} or {MATRIX_DIR}/ in it")
