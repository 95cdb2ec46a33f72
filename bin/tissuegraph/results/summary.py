"""What the cohort table and the report need to know about one slice, as one JSON-able dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.methods import title_of
from tissuegraph.records import Record, step_name
from tissuegraph.results.answers import Answers, explain_numbers, is_matched, numbers_of_regions
from tissuegraph.results.steps import Steps
from tissuegraph.results.taught import described

LossCurves = Mapping[str, Mapping[str, np.ndarray]]  # method -> term -> (seeds, epochs)

_ESTIMATES = ("pool_numbers", "estimate")  # steps that estimate the number of domains, the better first
_CURVE_POINTS = 100  # per loss term: enough for a line, and forty slices stay light


def slice_metrics(steps: Steps, answers: Answers, curves: LossCurves) -> dict[str, Any]:
    """All of it, but for the figures."""
    return {
        **spot_summary(steps.records),
        "n_genes": steps.kept.n_vars,
        "n_domains": len(np.unique(answers.domain)),
        **_annotation_summary(steps.annotation, steps.regions),
        "composition": composition(answers.domain),
        **number_facts(steps.records, answers.final.name),
        "mean_confidence": float(np.nanmean(answers.confidence)),
        "final_method": answers.name,
        "matched": is_matched(steps),
        "numbering": explain_numbers(answers, _titles(steps, answers), is_matched(steps)),
        "domain_names": _domain_names(answers),
        "annotation_numbers": numbers_of_regions(steps, answers.columns),
        "methods": [method.name for method in steps.methods],
        "n_seeds": answers.final.n_seeds,
        "scores": answers.scores,
        "gain": answers.gains,
        "degrees": degrees(steps.records, answers.final.name),
        "training": thinned(curves),
        "steps": {step_name(record): _scalars(record) for record in steps.records},
        "histology": image_facts(steps),
        "image_trust": image_trusts(steps.records),
        **({"regions": described(steps.taught, answers.region_scores)} if steps.taught is not None else {}),
    }


def metrics_of(records: Sequence[Record], step: str, method: str | None = None) -> Mapping[str, Any]:
    """What the record of a step says, of one method where it ran per method; InputError if there is none."""
    for record in records:
        if record.step == step and record.metrics.get("method") == method:
            return record.metrics
    name = f"{step} of {method}" if method else step
    given = ", ".join(step_name(record) for record in records) or "none"
    raise InputError(f"the record of {name} is needed, got {given}; put it among the parts of the slice")


def spot_summary(records: Sequence[Record]) -> dict[str, Any]:
    """How many spots QC kept and dropped, and its medians over the kept ones; None where unknown."""
    found = metrics_of(records, "qc")
    medians = {name: found[name] for name in ("median_counts", "median_genes", "median_mito")}
    return {
        "n_spots": found["n_spots"],
        "n_dropped": found["n_spots_raw"] - found["n_spots"],
        **medians,
        "histograms": found["histograms"],
    }


def number_facts(records: Sequence[Record], method: str) -> dict[str, Any]:
    """How many domains were asked for, and where the number comes from.

    n_domains_given: whether the samplesheet or a parameter gave it; n_domains_low, n_domains_high: plausible
    range of an estimate; n_domains_evidence: measure -> {K: value}, empty where the number was given.
    """
    asked = [r.metrics for r in records if r.step == "cluster" and r.metrics.get("method") == method]
    told = {r.step: r.metrics for r in records if r.step in _ESTIMATES and r.metrics.get("n_domains")}
    found = next((told[step] for step in _ESTIMATES if step in told), None)
    return {
        "n_domains_asked": asked[0].get("n_domains") if asked else None,
        "n_domains_given": found is None,
        "n_domains_low": found and found["n_domains_low"],
        "n_domains_high": found and found["n_domains_high"],
        "n_domains_evidence": (found or {}).get("n_domains_evidence") or {},
    }


def composition(numbers: np.ndarray) -> dict[str, int]:
    """Spots per domain number, as strings for JSON."""
    values, sizes = np.unique(numbers[numbers > 0], return_counts=True)
    return {str(value): int(size) for value, size in zip(values, sizes, strict=True)}


def loss_curves(records: Sequence[Record]) -> LossCurves:
    """method -> term -> (seeds, epochs), the total first, from the records of training."""
    found = {}
    for record in records:
        if record.step == "train":
            losses = record.metrics["losses"]
            terms = sorted(losses, key=lambda term: term != "total")
            found[record.metrics["method"]] = {
                term: np.atleast_2d(np.array(losses[term], dtype=float)) for term in terms
            }
    return found


def image_trusts(records: Sequence[Record]) -> dict[str, float]:
    """method -> share of the image in what it learned, of methods that were given one; 0: not used."""
    told = {record.metrics["method"]: record.metrics for record in records if record.step == "train"}
    return {
        name: metrics["image_trust"]
        for name, metrics in told.items()
        if metrics.get("image_trust") is not None
    }


def image_facts(steps: Steps) -> dict[str, Any]:
    """What was made of the slice's image; empty for a slice without one."""
    if steps.image is None:
        return {}
    told = next((record.metrics for record in steps.records if record.step == "encode_histology"), {})
    return {
        "encoder": steps.image.encoder,
        "n_features": steps.image.features.shape[1],
        "tile_um": steps.image.tile_um,
        "tile_px": steps.image.tile_px,
        "tile_by": steps.image.um_per_px_source or "spacing of spots, assumed",
        "mean_background": float(steps.image.background.mean()),
        "image_source": told.get("source"),
        "stain_method": told.get("stain_method", "none"),
    }


def degrees(records: Sequence[Record], method: str) -> dict[str, Any]:
    """Mean, range and distribution of neighbours per spot in both graphs of a method."""
    found = metrics_of(records, "graph", method)
    return {name: found[f"{name}_degree"] for name in ("spatial", "feature")}


def thinned(curves: LossCurves) -> dict[str, dict[str, list[list[float]]]]:
    """method -> term -> [[epoch, mean over seeds], ...] at no more than 100 epochs."""
    return {
        method: {term: _thin(values) for term, values in terms.items()} for method, terms in curves.items()
    }


def _titles(steps: Steps, answers: Answers) -> dict[str, str]:
    """obs column -> title of the results that the maps show beside the answer."""
    titles = {keys.domain(method.name): title_of(method.name) for method in steps.methods}
    titles |= {keys.DOMAIN_BASELINE: "The baseline"}
    titles |= {keys.domain(name): f"The result of {title_of(name)}" for name in steps.joints}
    titles.pop(keys.domain(answers.name), None)
    return titles


def _domain_names(answers: Answers) -> dict[str, dict[str, Any]]:
    """Domain number as text -> region and share of the domain's labelled spots in it; None without a name."""
    found = {}
    for number in np.unique(answers.domain).tolist():
        name = answers.names.get(number)
        found[str(number)] = {"name": name and name.region, "overlap": name and name.share}
    return found


def _annotation_summary(annotation: np.ndarray | None, regions: Sequence[str]) -> dict[str, Any]:
    if annotation is None:
        return {"n_labelled": 0, "annotation_names": [], "annotation_composition": {}}
    return {
        "n_labelled": int((annotation >= 0).sum()),
        "annotation_names": list(regions),
        "annotation_composition": composition(annotation + 1),
    }


def _scalars(record: Record) -> dict[str, Any]:
    """A record's scalar metrics: what the methods paragraph cites."""
    return {k: v for k, v in record.metrics.items() if isinstance(v, str | int | float | bool | None)}


def _thin(values: np.ndarray) -> list[list[float]]:
    mean = np.nanmean(values, axis=0)
    chosen = np.unique(np.linspace(0, len(mean) - 1, min(_CURVE_POINTS, len(mean))).round().astype(int))
    return [[int(k) + 1, float(f"{mean[k]:.5g}")] for k in chosen if np.isfinite(mean[k])]
