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
from tissuegraph.errors import InputError
from tissuegraph.records import Record, step_name
from tissuegraph.scores.labellings import BaselineResult, MethodResult, number_alike
from tissuegraph.slices.arrays import SliceArrays

_REPORTED = ("numpy", "scipy", "pandas", "anndata", "scikit-learn", "torch", "torch-geometric")
_BULKY = ("losses", "loss_curves", "curves", "histograms")  # record metrics that the report shows instead


def kept_slice(data: anndata.AnnData, spots: pd.DataFrame) -> anndata.AnnData:
    """The spots that passed QC, with their QC metrics in obs. spots: one row per spot of the slice."""
    if list(spots.index) != list(data.obs_names):
        raise InputError(
            f"the QC table has {len(spots)} rows that do not follow the slice's {data.n_obs} spots; "
            f"run QC on this slice again"
        )
    keep = spots[keys.KEEP].to_numpy(dtype=bool)
    kept = data[keep].copy()
    for name in (keys.TOTAL_COUNTS, keys.N_GENES, keys.PCT_MITO):
        if name in spots:
            kept.obs[name] = spots.loc[keep, name].to_numpy()
    return kept


def annotation_codes(data: anndata.AnnData) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Manual labels as (N,) int from 0 in natural order, -1 = unlabelled, and their names.

    (None, ()) where the slice has no annotation or no spot of it is labelled.
    """
    if keys.ANNOTATION not in data.obs or data.obs[keys.ANNOTATION].isna().all():
        return None, ()
    labels = data.obs[keys.ANNOTATION].astype(object)
    names = sorted({str(label) for label in labels.dropna()}, key=_natural)
    number = {name: index for index, name in enumerate(names)}
    codes = np.array([-1 if pd.isna(label) else number[str(label)] for label in labels])
    return codes, tuple(names)


def number_domains(
    methods: Sequence[MethodResult], final: str, baseline: BaselineResult, annotation: np.ndarray | None
) -> dict[str, np.ndarray]:
    """obs column -> (N,) int from 1, equal numbers for matching domains across all columns."""
    answer = next(method for method in methods if method.name == final)
    others = {keys.domain(method.name): method.domain for method in methods}
    others |= {keys.DOMAIN_BASELINE: baseline.baseline, keys.DOMAIN_PCA_KMEANS: baseline.pca_kmeans}
    numbered, rest = number_alike(answer.domain, list(others.values()), annotation)
    columns = {keys.DOMAIN: numbered, **dict(zip(others, rest, strict=True))}
    columns[keys.domain(final)] = numbered
    return columns


def assemble(
    kept: anndata.AnnData,
    arrays: SliceArrays,
    methods: Sequence[MethodResult],
    final: str,
    baseline: BaselineResult,
    columns: Mapping[str, np.ndarray],
    scores: Sequence[Mapping[str, Any]],
    records: Sequence[Record],
) -> anndata.AnnData:
    """Put everything about one slice into one object; raw counts stay in X. Edits and returns `kept`."""
    for column, numbers in columns.items():
        present = [str(number) for number in range(1, int(numbers.max()) + 1) if (numbers == number).any()]
        kept.obs[column] = pd.Categorical(numbers.astype(str), categories=present)
    answer = next(method for method in methods if method.name == final)
    kept.obs[keys.CONFIDENCE] = answer.confidence.astype(np.float32)
    for method in methods:
        kept.obsm[keys.embedding(method.name)] = method.embedding
    kept.obsm[keys.embedding("baseline")] = baseline.embedding
    kept.obsp[keys.SPATIAL_GRAPH] = arrays.spatial.astype(np.float32)
    kept.obsp[keys.FEATURE_GRAPH] = arrays.feature.astype(np.float32)
    kept.var["in_model"] = kept.var_names.isin(arrays.genes)
    kept.uns[keys.TISSUEGRAPH] = {
        **_storable(dict(kept.uns.get(keys.TISSUEGRAPH, {}))),
        "final_method": final,
        "settings": {step: _storable(metrics) for step, metrics in _by_step(records).items()},
        "warnings": [reason for record in records for reason in record.reasons],
        "scores": _score_frame(scores),
        "versions": versions(),
    }
    return kept


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


def _storable(value: Any) -> Any:
    """What HDF5 can hold: nested dicts of scalars and flat lists; None is left out, the rest as JSON."""
    if isinstance(value, Mapping):
        pairs = {str(key).replace("/", "_"): _storable(item) for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item is not None}
    if isinstance(value, list | tuple):
        try:
            table = np.array(value)
        except ValueError:  # lists of unequal length
            return json.dumps(value)
        return table if table.size and table.dtype.kind in "biufU" else json.dumps(value)
    return value


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key under which L2 comes before L10."""
    parts, digits = [], ""
    for character in text + "\0":
        if character.isdigit() and character.isascii():
            digits += character
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        parts.append((1, 0, character.casefold()))
    return parts
