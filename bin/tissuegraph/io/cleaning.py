"""What every platform's slice has to go through: spots and features that are none are left out, and said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.controls import are_controls
from tissuegraph.io.request import Warn
from tissuegraph.io.scale import check_scale

if TYPE_CHECKING:
    import pandas as pd

GENE_EXPRESSION = "Gene Expression"
_GENES = {
    "gene expression", "gene", "genes", "gex", "rna", "mrna", "rna seq", "expression", "transcript",
    "transcripts", "transcriptome",
}  # fmt: skip
_CONTROLS = {
    "negative control probe", "negative control codeword", "unassigned codeword", "deprecated codeword",
    "blank codeword", "genomic control",
}  # fmt: skip
_NO_GENES = {
    "antibody capture", "antibody", "antigen capture", "adt", "protein", "proteins", "protein expression",
    "crispr guide capture", "multiplexing capture", "cmo", "hto", "custom", "peaks", "spike in",
    "chromatin accessibility", *_CONTROLS,
}  # fmt: skip
MOST_COORDINATE = 1e9  # pixels or micrometres: a slide has 1e6
LEAST_EXTENT = 1e-6
MOST_LOST = 0.2  # share of the spots that may lack a position
FAR = 5.0  # widths of the slice (5 % to 95 % of the spots) from which a spot lies elsewhere
FEW = 20  # spots below which nobody can say what lies elsewhere


def clean(raw: RawSlice, warn: Warn, note: Warn | None = None) -> RawSlice:
    """The slice without spots off the tissue or without a position, and without features that are no genes.

    note: receives what is usual, `warn` where it is None. Raises InputError where nothing is left, where
    positions are no positions, and for empty barcodes.
    """
    raw = _on_tissue(replace(raw, barcodes=_named(raw.barcodes)), note or warn)
    raw = _genes_only(raw, note or warn)
    raw = _placed(raw, warn)
    check_scale(raw.um_per_px)
    return replace(raw, array_position=_array_position(raw.array_position, warn))


def _named(barcodes: np.ndarray) -> np.ndarray:
    barcodes = np.asarray(barcodes, dtype=str)
    for number, barcode in enumerate(barcodes.tolist(), 1):
        if not barcode.strip():
            raise InputError(f"spot number {number} has an empty barcode; every spot needs a name of its own")
        if not barcode.isprintable():
            raise InputError(
                f"the barcode {barcode!r} holds characters that cannot be printed; correct the file"
            )
    return barcodes


def _on_tissue(raw: RawSlice, note: Warn) -> RawSlice:
    inside = raw.in_tissue
    if inside is None or inside.all():
        return raw
    if not inside.any():
        raise InputError(f"none of the {len(inside)} spots lies under tissue (in_tissue is 0 for all)")
    note(f"{int((~inside).sum())} of {len(inside)} spots lie outside the tissue and were left out")
    return raw.select(inside)


def _genes_only(raw: RawSlice, note: Warn) -> RawSlice:
    """Without features that are no genes; the counts of controls among them go to obs, as a sign of noise.

    Every slice of an imaging platform has controls, so these are noted and are no reason for a warning.
    """
    if raw.counts is None or not raw.counts.shape[1]:
        return raw
    controls = are_controls(raw.gene_ids, raw.gene_symbols)
    genes = ~controls
    if raw.feature_types is not None:
        controls |= are_control_types(raw.feature_types)
        genes = are_genes(raw.feature_types) & ~controls
        _say_other_types(raw.feature_types, genes, controls, note)
    if not genes.any():
        shown = ", ".join(raw.gene_symbols[controls][:3])
        raise InputError(
            f"the matrix has no genes, only controls ({shown}); give the matrix of gene expression"
        )
    if genes.all():
        return raw
    return replace(
        raw.select_genes(genes),
        obs=_with_control_counts(raw, controls) if controls.any() else raw.obs,
        n_controls=int(controls.sum()),
    )


def _say_other_types(types: np.ndarray, genes: np.ndarray, controls: np.ndarray, note: Warn) -> None:
    """Tell of features that are neither genes nor controls, masks (G,); InputError where nothing else is."""
    odd = ~genes & ~controls
    others = sorted(set(types[odd].tolist()))
    if odd.any() and not genes.any():
        raise InputError(
            f"the matrix has no features of type {GENE_EXPRESSION}, only {', '.join(others[:3])}; give the "
            f"matrix of gene expression"
        )
    if odd.any():
        note(
            f"{int(odd.sum())} features that are not gene expression ({', '.join(others[:3])}) were left out"
        )


def _with_control_counts(raw: RawSlice, controls: np.ndarray) -> pd.DataFrame:
    """The slice's table of spots (N rows) with what their controls (G,) counted together."""
    import pandas as pd

    obs = pd.DataFrame(index=range(len(raw.barcodes))) if raw.obs is None else raw.obs.copy()
    counted = np.asarray(raw.counts[:, np.flatnonzero(controls)].sum(axis=1)).ravel()
    if keys.CONTROL_COUNTS in obs:
        obs = obs.rename(columns={keys.CONTROL_COUNTS: f"{raw.platform}_{keys.CONTROL_COUNTS}"})
    obs[keys.CONTROL_COUNTS] = counted.astype(np.float32)
    return obs


def are_genes(feature_types: np.ndarray) -> np.ndarray:
    """Which features (G,) are genes by their types (G,): those called so, else those not called otherwise.

    Columns of this name also hold biotypes (`protein_coding`), which are all genes.
    """
    kinds, where = np.unique(np.asarray(feature_types, dtype=str), return_inverse=True)
    plain = [_plain(kind) for kind in kinds.tolist()]
    genes = np.array([kind in _GENES for kind in plain])
    if not genes.any():
        genes = np.array([kind not in _NO_GENES for kind in plain])
    return genes[where]


def are_control_types(feature_types: np.ndarray) -> np.ndarray:
    """Which features (G,) are controls, or codes without a gene, by their types (G,)."""
    kinds, where = np.unique(np.asarray(feature_types, dtype=str), return_inverse=True)
    return np.array([_plain(kind) in _CONTROLS for kind in kinds.tolist()])[where]


def _plain(kind: str) -> str:
    return kind.strip().lower().replace("_", " ").replace("-", " ")


def _placed(raw: RawSlice, warn: Warn) -> RawSlice:
    """Without spots whose position is missing or lies far off; raises InputError where these are many."""
    try:
        xy = np.asarray(raw.xy, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            "the coordinates are not numbers; expected x and y in full-resolution pixels"
        ) from error
    if xy.ndim != 2 or xy.shape != (len(raw.barcodes), 2):
        return raw  # refused with its shape by the checks of the canonical form
    raw = replace(raw, xy=xy)
    n_spots = len(xy)
    missing = ~np.isfinite(xy).all(axis=1)
    if missing.any():
        if missing.mean() > MOST_LOST:
            raise InputError(
                f"{int(missing.sum())} of {n_spots} spots have coordinates that are NaN or infinite, the "
                f"first is "
                f"number {int(np.argmax(missing)) + 1}; remove these spots or give them positions"
            )
        warn(f"{int(missing.sum())} of {n_spots} spots have no position and were left out")
        raw = raw.select(~missing)
    far = far_off(raw.xy)
    if far.any():
        x, y = raw.xy[np.argmax(far)]
        warn(
            f"{int(far.sum())} of {n_spots} spots lie far from all others, e.g. at x {x:.6g}, y {y:.6g}, and "
            f"were "
            f"left out"
        )
        raw = raw.select(~far)
    largest = np.abs(raw.xy).max(initial=0)
    if largest > MOST_COORDINATE:
        raise InputError(
            f"coordinates reach {largest:.6g}; expected pixels of the full-resolution image (or "
            f"micrometres), at "
            f"most {MOST_COORDINATE:.0e}"
        )
    extent = np.ptp(raw.xy, axis=0).max() if len(raw.xy) else 0
    if 0 < extent < LEAST_EXTENT:
        raise InputError(
            f"all spots lie within {extent:.3g}; expected coordinates in full-resolution pixels or "
            f"micrometres"
        )
    return raw


def far_off(xy: np.ndarray) -> np.ndarray:
    """Which spots (N,) of xy (N, 2) lie FAR widths of the slice beyond the bulk of it; of few spots none."""
    if len(xy) < FEW:
        return np.zeros(len(xy), dtype=bool)
    low, high = (np.quantile(xy, q, axis=0, method="nearest") for q in (0.05, 0.95))
    with np.errstate(over="ignore"):
        width = np.maximum((high - low).max(), LEAST_EXTENT)
        return ((xy < low - FAR * width) | (xy > high + FAR * width)).any(axis=1)


def _array_position(position: np.ndarray | None, warn: Warn) -> np.ndarray | None:
    """Rows and columns of the array where all spots have them, else None."""
    if position is None:
        return None
    position = np.asarray(position, dtype=np.float64)
    if np.isfinite(position).all() and np.abs(position).max(initial=0) < MOST_COORDINATE:
        return position
    warn("array_row and array_col are not whole numbers for every spot and were left out")
    return None
