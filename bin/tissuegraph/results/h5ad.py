"""The AnnData object that a user takes home: counts, domains, embeddings, graphs, scores, settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anndata
import numpy as np
import pandas as pd

import tissuegraph
from tissuegraph import keys
from tissuegraph.records import Record, step_name
from tissuegraph.results.answers import Answers, numbers_of_regions
from tissuegraph.results.colours import category_colours
from tissuegraph.results.drawable import drawable
from tissuegraph.results.steps import Steps
from tissuegraph.results.summary import image_trusts
from tissuegraph.results.taught import described
from tissuegraph.slices.preprocess import log_normalised

_REPORTED = ("numpy", "scipy", "pandas", "anndata", "scikit-learn", "torch", "torch-geometric")
_BULKY = ("losses", "histograms")  # record metrics that the report shows instead


def to_anndata(steps: Steps, answers: Answers) -> anndata.AnnData:
    """Everything about one slice in one object: raw counts in a layer, log-normalised ones in X."""
    kept = steps.kept
    slice_ = anndata.AnnData(  # a new object over the same counts: they may be the largest array of the task
        X=log_normalised(kept.X),
        obs=kept.obs.copy(),
        var=kept.var.copy(),
        uns={**kept.uns, keys.LOG1P: {}},
        obsm=dict(kept.obsm),
        layers={**kept.layers, keys.COUNTS: kept.X},
    )
    for column, numbers in answers.columns.items():
        slice_.obs[column] = _categories(numbers)
    if steps.taught is not None:
        for column, values in steps.taught.columns().items():
            slice_.obs[column] = values
    slice_.obs[keys.CONFIDENCE] = answers.confidence.astype(np.float32)
    for method in steps.methods:
        slice_.obsm[keys.embedding(method.name)] = method.embedding
    slice_.obsm[keys.embedding("baseline")] = steps.baseline.embedding
    if steps.image is not None:
        slice_.obsm[keys.HISTOLOGY] = steps.image.features
    slice_.obsp[keys.SPATIAL_GRAPH] = steps.arrays.spatial.astype(np.float32)
    slice_.obsp[keys.FEATURE_GRAPH] = steps.arrays.feature.astype(np.float32)
    slice_.var[keys.IN_MODEL] = slice_.var_names.isin(steps.arrays.genes)
    trusts = image_trusts(steps.records)
    slice_.uns[keys.TISSUEGRAPH] = {
        **storable(dict(slice_.uns.get(keys.TISSUEGRAPH, {}))),
        "final_method": answers.name,
        "settings": {step: storable(metrics) for step, metrics in _by_step(steps.records).items()},
        "warnings": [reason for record in steps.records for reason in record.reasons],
        "notes": [note for record in steps.records for note in record.notes],
        "scores": _score_frame(answers.scores),
        "versions": versions(),
        **({"image_trust": trusts} if trusts else {}),
    }
    library = slice_.uns.get(keys.SPATIAL, {}).get(steps.sample, {})
    position, pitch = slice_.obsm[keys.SPATIAL], steps.arrays.pitch
    slice_.uns[keys.SPATIAL] = {steps.sample: drawable(library, position, pitch)}
    slice_.uns |= category_colours(slice_.obs, answers.columns, numbers_of_regions(steps, answers.columns))
    if steps.taught is not None:
        facts = described(steps.taught, answers.region_scores)
        slice_.uns[keys.TISSUEGRAPH]["regions"] = storable(facts)
    return slice_


def _categories(numbers: np.ndarray) -> pd.Categorical:
    """Domain numbers as text, in the order of the numbers."""
    return pd.Categorical(numbers.astype(str), categories=[str(number) for number in np.unique(numbers)])


def versions() -> dict[str, str]:
    """Versions of this package and of the libraries behind the result, without importing them."""
    found = {"tissuegraph": tissuegraph.__version__}
    for name in _REPORTED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _by_step(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """Metrics per step; with several methods train and cluster occur once per method."""
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        found[step_name(record)] = {key: value for key, value in record.metrics.items() if key not in _BULKY}
    return found


def _score_frame(scores: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(list(scores)).set_index("key")
    frame.index.name = "result"
    for name in frame.columns:
        if frame[name].dtype == object:
            numeric = pd.to_numeric(frame[name], errors="coerce")
            frame[name] = (
                numeric if frame[name].isna().any() or numeric.notna().all() else frame[name].astype(str)
            )
    return frame


def storable(value: Any) -> Any:
    """What HDF5 can hold: nested dicts of scalars and flat lists; None is left out, the rest as JSON."""
    if isinstance(value, Mapping):
        pairs = {str(key).replace("/", "_"): storable(item) for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item is not None}
    if isinstance(value, list | tuple):
        try:
            table = np.array(value)
        except ValueError:  # lists of unequal length
            return json.dumps(value)
        return table if table.size and table.dtype.kind in "biufU" else json.dumps(value)
    return value
