"""slices.csv: one row per slice, usable as the samplesheet of a next run."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tissuegraph import keys
from tissuegraph.io.platforms import COLUMNS
from tissuegraph.report.outcomes import Outcome
from tissuegraph.scores.transfer import MEASURES, judging
from tissuegraph.sheet.tables import guarded

_NOT_WRITTEN = ("row", "meta", "group_id", "n_domains_from")  # of a row: made anew from what is
_SCORES = ("ari", "nmi", "ami", "homogeneity", "completeness")


def write_table(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write one CSV row per slice; the samplesheet's own columns come first."""
    rows = [table_row(outcome) for outcome in outcomes]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def table_row(outcome: Outcome) -> dict[str, Any]:
    """One slice as a row: a finished one points at its published h5ad, a failed one at its input.

    Paths of results start at the table, so that a folder of results can be moved.
    """
    metrics = outcome.metrics
    row = {name: value for name, value in outcome.row.items() if name not in _NOT_WRITTEN}
    if outcome.row.get("n_domains_from") == "group":
        row["n_domains"] = None  # the rows of its group give it again
    folder = f"slices/{outcome.sample}"
    if outcome.assembled:
        row |= {
            "path": f"{folder}/{outcome.sample}.h5ad",
            "platform": "h5ad",
            **dict.fromkeys(COLUMNS),  # what was picked of the input: the file holds that alone
            "annotation": keys.ANNOTATION if metrics.get("n_labelled") else None,
        }
    scale = metrics.get("steps", {}).get("ingest", {}).get(keys.UM_PER_PX) or row.get(keys.UM_PER_PX)
    if scale is not None:
        row[keys.UM_PER_PX] = repr(float(scale))  # all its digits, for a next run computes with it
    if row.get("annotation") is None:
        row["teaches"] = False  # its labels were on none of the spots that are left
    row |= {"status": outcome.status, "reason": "; ".join(outcome.reasons), "notes": "; ".join(outcome.notes)}
    wanted = ("n_spots", "n_dropped", "n_genes", "median_counts", "median_genes", "median_mito", "n_labelled")
    row |= {name: metrics.get(name) for name in wanted}
    given = metrics.get(
        "n_domains_given", True
    )  # an estimate stands apart: a next run must not take it for one
    row |= {
        "n_domains_found": metrics.get("n_domains"),
        "n_domains_estimated": None if given else metrics.get("n_domains_asked"),
        "n_domains_low": metrics.get("n_domains_low"),
        "n_domains_high": metrics.get("n_domains_high"),
    }
    for scored in metrics.get("scores", ()):
        key = scored["key"]
        row |= {f"{name}_{key}": scored[name] for name in _SCORES if scored.get(name) is not None}
        if scored.get("ari_sd") is not None:
            row[f"ari_sd_{key}"] = scored["ari_sd"]
    row |= {f"image_trust_{name}": trust for name, trust in metrics.get("image_trust", {}).items()}
    row |= _region_columns(metrics.get("regions")) | _inferred_columns(outcome, folder)
    files = {**metrics.get("files", {}), **metrics.get("expression", {}).get("files", {})}
    row |= {f"{figure}_png": f"{folder}/{name}" for figure, name in files.items()}
    return row


def _region_columns(regions: Mapping[str, Any] | None) -> dict[str, Any]:
    """Who taught the slice its regions, and how well that went; empty where nobody did."""
    if not regions:
        return {}
    scores = regions.get("scores") or {}
    side, figures = judging(regions.get("left_out") or {})
    return {
        "regions_from": "; ".join(regions["teachers"]) or regions.get("model") or "a model",
        "region_ari": scores.get("ari"),
        "region_macro_f1": scores.get("macro_f1"),
        "region_coverage": regions["coverage"],
        "region_guard": regions["guard"],
        "region_carried": regions.get("carried"),
        "left_out": side,
        **{f"left_out_{name}": figures.get(name) for name in MEASURES},
    }


def _inferred_columns(outcome: Outcome, folder: str) -> dict[str, Any]:
    """Whether the slice's expression was inferred, how reliably, and its agreement where it was held out."""
    found = outcome.metrics.get("expression", {})
    if not found.get("genes"):
        return {}
    method = found["method"]
    scores = [run["pcc"] for run in found["scores"].get(method, ()) if run.get("pcc") is not None]
    return {
        "inferred": bool(found.get("goes_on")),
        "reliability": found.get("median_reliability"),
        f"pcc_{method}": sum(scores) / len(scores) if scores else None,
        "inferred_h5ad": f"{folder}/{outcome.sample}.inferred.h5ad",
    }


def _cell(value: Any) -> Any:
    """Numbers stay numbers; text that a spreadsheet would run as a formula is marked as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(value)
    return f"{value:.6g}" if isinstance(value, float) else value
