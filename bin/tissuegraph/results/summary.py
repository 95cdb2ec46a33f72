"""What the cohort table and the report need to know about one slice, as one JSON-able dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tissuegraph import keys
from tissuegraph.records import Record

_CURVE_POINTS = 100  # per loss term: enough for a line, and forty slices stay light


def quality_summary(spots: pd.DataFrame) -> dict[str, Any]:
    """How many spots were kept and dropped, and medians over the kept ones."""
    kept = spots[spots[keys.KEEP].astype(bool)]
    return {
        "n_spots": len(kept),
        "n_dropped": int(len(spots) - len(kept)),
        "median_counts": _median(kept[keys.TOTAL_COUNTS]),
        "median_genes": _median(kept[keys.N_GENES]),
        "median_mito": _median(kept[keys.PCT_MITO]),
    }


def histograms(records: Sequence[Record]) -> dict[str, Any]:
    """The distributions over spots that QC recorded: name -> {edges, counts}; empty without a QC record."""
    return next((record.metrics["histograms"] for record in records if "histograms" in record.metrics), {})


def n_domains_evidence(records: Sequence[Record]) -> dict[str, dict[str, float]]:
    """How the number of domains was estimated: measure -> {K: value}; empty where the number was given."""
    found = (record.metrics.get("n_domains_evidence") for record in records)
    evidence = next((item for item in found if item), {})
    return {name: values for name, values in evidence.items() if isinstance(values, Mapping)}


def composition(numbers: np.ndarray) -> dict[str, int]:
    """Spots per domain number, as strings for JSON."""
    values, sizes = np.unique(numbers[numbers > 0], return_counts=True)
    return {str(value): int(size) for value, size in zip(values, sizes, strict=True)}


def loss_curves(records: Sequence[Record], methods: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """method -> term -> (seeds, epochs), from the records of training; empty where none has curves."""
    trained = [record for record in records if record.step == "train"]
    found = {}
    for index, record in enumerate(trained):
        name = str(record.metrics.get("method") or (methods[index] if index < len(methods) else index))
        terms = record.metrics.get("losses") or record.metrics.get("loss_curves") or {}
        curves = {term: np.atleast_2d(np.array(values, dtype=float)) for term, values in terms.items()}
        total_first = sorted(curves, key=lambda term: term != "total")
        curves = {term: curves[term] for term in total_first if curves[term].size}
        if curves:
            found[name] = curves
    return found


def thinned(curves: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, list[list[float]]]]:
    """method -> term -> [[epoch, mean over seeds], ...] at no more than 100 epochs."""
    return {
        method: {term: _thin(values) for term, values in terms.items()} for method, terms in curves.items()
    }


def _thin(values: np.ndarray) -> list[list[float]]:
    mean = np.nanmean(values, axis=0)
    chosen = np.unique(np.linspace(0, len(mean) - 1, min(_CURVE_POINTS, len(mean))).round().astype(int))
    return [[int(k) + 1, float(f"{mean[k]:.5g}")] for k in chosen if np.isfinite(mean[k])]


def _median(values: pd.Series) -> float | None:
    known = values.dropna()
    return float(known.median()) if len(known) else None
