"""What the cohort table and the report need to know about one slice, as one JSON-able dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.records import Record, step_name

_CURVE_POINTS = 100  # per loss term: enough for a line, and forty slices stay light


def metrics_of(records: Sequence[Record], step: str, method: str | None = None) -> Mapping[str, Any]:
    """What the record of a step says, of one method where it ran per method; InputError if there is none."""
    for record in records:
        if record.step == step and record.metrics.get("method") == method:
            return record.metrics
    name = f"{step} of {method}" if method else step
    given = ", ".join(step_name(record) for record in records) or "none"
    raise InputError(f"the record of {name} is needed, got {given}; give it with --record")


def quality_summary(records: Sequence[Record]) -> dict[str, Any]:
    """How many spots QC kept and dropped, and its medians over the kept ones; None where unknown."""
    found = metrics_of(records, "qc")
    medians = {name: found[name] for name in ("median_counts", "median_genes", "median_mito")}
    return {
        "n_spots": found["n_spots"],
        "n_dropped": found["n_spots_raw"] - found["n_spots"],
        **medians,
        "histograms": found["histograms"],
    }


def degrees(records: Sequence[Record], method: str) -> dict[str, Any]:
    """Mean, range and distribution of neighbours per spot in both graphs of a method."""
    found = metrics_of(records, "graph", method)
    return {name: found[f"{name}_degree"] for name in ("spatial", "feature")}


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
