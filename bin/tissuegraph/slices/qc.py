"""Quality control: scanpy's metrics per spot, thresholds, and what they mean for the slice."""

from __future__ import annotations

import csv
import gzip
import io
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.records import Record
from tissuegraph.slices.mitochondria import mitochondrial
from tissuegraph.slices.panels import PANEL_GENES

MIN_SPOTS = 20  # below, neither graphs nor mixtures have anything to work on
WARN_DROPPED = 0.3  # share of spots dropped that deserves a look
WARN_MEDIAN_COUNTS = 50  # counts per spot below which domains are mostly noise
WARN_MEDIAN_COUNTS_PANEL = 20  # the same of a panel, whose counts are all of genes that tell cells apart
PIECE_SPOTS, WARN_IN_PIECES = 5, 0.05  # more than this share of spots in pieces smaller than this
REACH = 3.0  # multiples of the pitch that still count as neighbours within one piece of tissue
N_BINS = 30
CHUNK_SPOTS = 32_768  # rows of counts looked at at a time where a copy of all would be made


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Which spots are kept; None switches a rule off. Spots without counts are always dropped.

    The values of a run are the pipeline's parameters: no other defaults stand here.
    """

    min_counts: int | None = None  # counts per spot
    min_genes: int | None = None  # detected genes per spot
    max_mito: float | None = None  # percent of counts from mitochondrial genes
    n_mads: float | None = None  # median absolute deviations from the slice's own median

    def __post_init__(self) -> None:
        for name, low, high in (
            ("min_counts", 0, math.inf),
            ("min_genes", 0, math.inf),
            ("max_mito", 0, 100),
            ("n_mads", 0, math.inf),
        ):
            value = getattr(self, name)
            if value is not None and not (low <= value <= high and (name != "n_mads" or value > 0)):
                words = "above 0" if name == "n_mads" else "from 0 to 100" if high == 100 else "of at least 0"
                raise SettingsError(f"{name} must be a number {words}, got {value}")


@dataclass(frozen=True, eq=False)
class SpotMetrics:
    """Per spot, named as scanpy names them: total_counts (N,), n_genes_by_counts (N,), pct_counts_mt (N,).

    pct_counts_mt is NaN where a spot has no counts, and for all spots when no gene is known as mitochondrial.
    """

    total_counts: np.ndarray
    n_genes_by_counts: np.ndarray
    pct_counts_mt: np.ndarray

    @property
    def knows_mito(self) -> bool:
        return bool(np.isfinite(self.pct_counts_mt).any())


# Own code, which a test holds equal to scanpy's calculate_qc_metrics: its import takes 3 s, QC takes 1.
def spot_metrics(counts: sparse.csr_matrix, *names: np.ndarray) -> SpotMetrics:
    """Metrics of raw counts (N, G) without stored zeros; names (G,) each tell the mitochondrial genes."""
    total = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    mito = mitochondrial(*names)
    percent = np.full(len(total), np.nan)
    if mito.any():
        mito_counts = np.asarray(counts[:, mito].sum(axis=1), dtype=np.float64).ravel()
        np.divide(100 * mito_counts, total, out=percent, where=total > 0)
    return SpotMetrics(total, np.diff(counts.indptr), percent)


def drop_reasons(
    metrics: SpotMetrics, thresholds: Thresholds
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Masks (N,) of the spots that break each rule in force, and the limit each rule came to.

    n_mads sets lower limits on log(1 + counts) and log(1 + genes), and an upper one on the mitochondrial
    percentage: median -/+ n_mads times the median absolute deviation (not scaled to a standard
    deviation) over spots with counts. A deviation of 0 says nothing about outliers and sets no limit.
    """
    counts, genes, mito = metrics.total_counts, metrics.n_genes_by_counts, metrics.pct_counts_mt
    dropped = {"zero_counts": counts == 0}
    limits: dict[str, float] = {}
    if thresholds.min_counts:
        dropped["min_counts"], limits["min_counts"] = counts < thresholds.min_counts, thresholds.min_counts
    if thresholds.min_genes:
        dropped["min_genes"], limits["min_genes"] = genes < thresholds.min_genes, thresholds.min_genes
    if thresholds.max_mito is not None and metrics.knows_mito:
        dropped["max_mito"], limits["max_mito"] = mito > thresholds.max_mito, thresholds.max_mito
    if thresholds.n_mads is not None:
        measured = counts > 0
        for name, values in (("mad_counts", counts), ("mad_genes", genes)):
            median, mad = _median_and_mad(np.log1p(values[measured]))
            if mad > 0:
                low = median - thresholds.n_mads * mad
                dropped[name], limits[name] = np.log1p(values) < low, max(0.0, math.expm1(low))
        median, mad = _median_and_mad(mito[np.isfinite(mito)])
        if mad > 0:
            high = median + thresholds.n_mads * mad
            dropped["mad_mito"], limits["mad_mito"] = mito > high, high
    return dropped, limits


def _median_and_mad(values: np.ndarray) -> tuple[float, float]:
    if values.size == 0:
        return math.nan, math.nan
    median = float(np.median(values))
    return median, float(np.median(np.abs(values - median)))


def reason_per_spot(dropped: dict[str, np.ndarray]) -> np.ndarray:
    """The rules that each spot breaks, joined by ';' (N,) str; empty for spots that are kept."""
    names = list(dropped)
    table = np.stack([dropped[name] for name in names], axis=1)
    reasons = np.full(len(table), "", dtype=object)
    for spot in np.flatnonzero(table.any(axis=1)):
        reasons[spot] = ";".join(name for name, hit in zip(names, table[spot], strict=True) if hit)
    return reasons


def judge(
    record: Record,
    counts: sparse.csr_matrix,
    xy: np.ndarray,
    pitch: float,
    metrics: SpotMetrics,
    thresholds: Thresholds,
) -> np.ndarray:
    """Decide which spots stay and whether the slice does; fills the record (inplace).

    counts (N, G), xy (N, 2) and pitch in pixels; without genes (G = 0) every spot is kept. Returns the
    rules each spot breaks (N,), '' if kept.
    Raises InputError where too little is left; the record then still has its numbers.
    """
    sequenced = counts.shape[1] > 0  # a slice without counts has nothing that a threshold could judge
    dropped, limits = drop_reasons(metrics, thresholds) if sequenced else ({}, {})
    reasons = reason_per_spot(dropped) if sequenced else np.full(len(xy), "", dtype=object)
    keep = reasons == ""
    pieces = _pieces(xy[keep], pitch)
    record.metrics |= {
        "n_spots_raw": len(keep),
        "n_spots": int(keep.sum()),
        "n_genes": _genes_seen(counts, keep),
        "median_counts": _median(metrics.total_counts[keep]) if sequenced else None,
        "median_genes": _median(metrics.n_genes_by_counts[keep]) if sequenced else None,
        "median_mito": _median(metrics.pct_counts_mt[keep]),
        "dropped": {name: int(mask.sum()) for name, mask in dropped.items()},
        "thresholds": asdict(thresholds),
        "limits": limits,
        "n_pieces": len(pieces),
        "largest_piece_share": float(pieces.max() / pieces.sum()) if len(pieces) else None,
        "histograms": histograms(metrics),
    }
    _refuse(record.metrics)
    faint = WARN_MEDIAN_COUNTS_PANEL if counts.shape[1] <= PANEL_GENES else WARN_MEDIAN_COUNTS
    _warn(record, metrics, thresholds, pieces, faint)
    return reasons


def _genes_seen(counts: sparse.csr_matrix, keep: np.ndarray) -> int:
    """Genes with an entry in one of the kept spots (N,); no copy of the counts is made."""
    seen = np.zeros(counts.shape[1], dtype=bool)
    for start in range(0, len(keep), CHUNK_SPOTS):
        rows = slice(start, start + CHUNK_SPOTS)
        seen[counts[rows][keep[rows]].indices] = True
    return int(seen.sum())


def _refuse(found: dict[str, Any]) -> None:
    n_spots, n_raw = found["n_spots"], found["n_spots_raw"]
    why = ", ".join(f"{name} {count}" for name, count in found["dropped"].items() if count)
    lost = (
        f"{n_raw - n_spots} of {n_raw} spots were dropped ({why})" if n_spots < n_raw else "none was dropped"
    )
    if n_spots == 0:
        raise InputError(
            f"no spot is left after quality control: {lost}; lower the thresholds for this slice"
        )
    if n_spots < MIN_SPOTS:
        raise InputError(
            f"{n_spots} spots passed quality control, at least {MIN_SPOTS} are needed: {lost}; lower the "
            f"thresholds or leave the slice out"
        )


def _warn(
    record: Record, metrics: SpotMetrics, thresholds: Thresholds, pieces: np.ndarray, faint: float
) -> None:
    found = record.metrics
    share = 1 - found["n_spots"] / found["n_spots_raw"]
    if share > WARN_DROPPED:
        main = max(found["dropped"], key=found["dropped"].get)
        record.warn(f"{share:.0%} of {found['n_spots_raw']} spots were dropped, most of them by {main}")
    if found["median_counts"] is not None and found["median_counts"] < faint:
        record.warn(
            f"the median spot has {found['median_counts']:.0f} counts: too little signal for reliable domains"
        )
    if found["n_genes"] and thresholds.max_mito is not None and not metrics.knows_mito:
        record.warn(
            "max_mito was not applied: no mitochondrial gene was recognised; symbols (MT-CO1) or Ensembl "
            "identifiers of human or mouse tell them"
        )
    in_pieces = int(pieces[pieces < PIECE_SPOTS].sum())
    if in_pieces > WARN_IN_PIECES * pieces.sum():
        record.warn(
            f"{in_pieces} of {pieces.sum()} spots lie in isolated pieces of fewer than {PIECE_SPOTS} spots: "
            f"are thresholds too strict?"
        )


def _pieces(xy: np.ndarray, pitch: float) -> np.ndarray:
    """Sizes of the pieces of tissue: spots (N, 2) joined to their 6 nearest within REACH pitches."""
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    n_spots = len(xy)
    if n_spots < 2 or not pitch > 0:
        return np.ones(n_spots, dtype=int)
    k = min(7, n_spots)
    _, neighbour = cKDTree(xy).query(xy, k=k, distance_upper_bound=REACH * pitch)
    source = np.repeat(np.arange(n_spots), k)
    near = neighbour.ravel() < n_spots  # the tree marks missing neighbours with N
    edges = (np.ones(int(near.sum()), dtype=bool), (source[near], neighbour.ravel()[near]))
    _, piece = connected_components(sparse.coo_matrix(edges, shape=(n_spots, n_spots)), directed=False)
    return np.bincount(piece)


def histograms(metrics: SpotMetrics) -> dict[str, dict[str, list[float]] | None]:
    """Binned distributions over all spots: edges (B + 1) and counts (B); None where there is nothing.

    Counts and genes are binned evenly on a logarithmic scale (spots without any are left out).
    """
    return {
        "counts": _histogram(metrics.total_counts, log=True),
        "genes": _histogram(metrics.n_genes_by_counts, log=True),
        "mito": _histogram(metrics.pct_counts_mt, log=False),
    }


def _histogram(values: np.ndarray, *, log: bool) -> dict[str, list[float]] | None:
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if values.size == 0:
        return None
    low, high = float(values.min()), float(values.max())
    if log:
        edges = np.geomspace(low, high if high > low else 2 * low, N_BINS + 1)
        edges[-1] = max(edges[-1], high)  # geomspace may end a rounding error short
        edges[0] = min(edges[0], low)
    else:
        edges = np.linspace(min(low, 0.0), high if high > 0 else 1.0, N_BINS + 1)
    counts, _ = np.histogram(values, bins=edges)
    return {"edges": [float(f"{edge:.6g}") for edge in edges], "counts": counts.tolist()}


def _median(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else None


def write_spots(path: Path, barcodes: np.ndarray, metrics: SpotMetrics, reasons: np.ndarray) -> None:
    """Write the table of all spots (N rows, in slice order) as csv.gz; equal input gives equal bytes."""
    percent = [f"{value:.6g}" if math.isfinite(value) else "" for value in metrics.pct_counts_mt]
    rows = zip(
        barcodes,
        metrics.n_genes_by_counts.tolist(),
        metrics.total_counts.astype(np.int64).tolist(),
        percent,
        (reasons == "").tolist(),
        reasons,
        strict=True,
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["barcode", keys.N_GENES, keys.TOTAL_COUNTS, keys.PCT_MITO, keys.KEEP, keys.DROP_REASON])
    writer.writerows(rows)
    Path(path).write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0))
