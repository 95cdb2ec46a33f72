"""What a version answers on the generated slices, small enough to be kept, and how far two versions agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from sklearn.metrics import adjusted_rand_score

METHODS = ("stmfg", "multist", "baseline")
NUMBERS = "0123456789abcdefghijklmnopqrstuvwxyz"
N_GENES, EVERY = 5, 10  # of inferred expression: the first genes by name, every tenth spot
DECIMALS = 4


def answers_of(slices: Path) -> dict[str, Any]:
    """Answers of a run by slice. slices: its folder `slices`.

    `labels` of each method: one letter per kept spot, in the order of the slice; `inferred`, where a slice
    was held out: names of genes and their values, (genes, spots).
    """
    return {
        path.stem: _answers(path) for path in sorted(slices.glob("*/*.h5ad")) if path.stem == path.parent.name
    }


def _answers(path: Path) -> dict[str, Any]:
    obs = anndata.read_h5ad(path, backed="r").obs
    labels = {
        method: "".join(NUMBERS[int(number)] for number in obs[f"domain_{method}"].astype(str))
        for method in METHODS
        if f"domain_{method}" in obs
    }
    inferred = path.with_suffix(".inferred.h5ad")
    return {"labels": labels, **({"inferred": _inferred(inferred)} if inferred.is_file() else {})}


def _inferred(path: Path) -> dict[str, Any]:
    found = anndata.read_h5ad(path)
    genes = sorted(found.var_names)[:N_GENES]
    values = found[::EVERY, genes].X
    dense = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return {"genes": genes, "values": dense.T.astype(float).round(DECIMALS).tolist()}


def compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Agreement of two versions by slice: `ari` of each method, `max_difference` of inferred expression.

    None where they answered for other spots or genes, or one of them did not answer.
    """
    return {
        name: {
            "ari": {
                method: _ari(labels, other.get(name, {}).get("labels", {}).get(method))
                for method, labels in found["labels"].items()
            },
            "max_difference": _difference(found.get("inferred"), other.get(name, {}).get("inferred")),
        }
        for name, found in one.items()
    }


def _ari(one: str, other: str | None) -> float | None:
    if other is None or len(one) != len(other):
        return None
    return round(float(adjusted_rand_score(list(one), list(other))), DECIMALS)


def _difference(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> float | None:
    if one is None or other is None or one["genes"] != other["genes"]:
        return None
    a, b = np.array(one["values"]), np.array(other["values"])
    return round(float(np.abs(a - b).max()), DECIMALS) if a.shape == b.shape else None


def sentence(version: str, reference: str, agreement: Mapping[str, Any]) -> str:
    """How far a version agrees with the reference, for people; the first has nothing before it."""
    n = len(agreement)
    if version == reference:
        return (
            f"No release precedes {version}, so there is none to agree with: its answers on {n} generated "
            "slices are what later versions are held against."
        )
    cells = {(method, name): ari for name in agreement for method, ari in agreement[name]["ari"].items()}
    known = {place: ari for place, ari in cells.items() if ari is not None}
    same = sum(all(ari == 1 for ari in found["ari"].values()) for found in agreement.values())
    told = f"Version {version} on {n} generated slices, beside {reference}: the same domains on {same} of {n}"
    if known and min(known.values()) < 1:
        method, name = min(known, key=known.__getitem__)
        # (rounded down: 0.999 is not 1.00)
        told += f", ARI {math.floor(known[method, name] * 100) / 100:.2f} at least ({method}, {name})"
    if len(known) < len(cells):
        told += f", not comparable for {len(cells) - len(known)} of {len(cells)} labellings"
    found = [each["max_difference"] for each in agreement.values()]
    differences = [difference for difference in found if difference is not None]
    if differences:
        told += f"; inferred expression differs by {max(differences):.4f} at most"
    return f"{told}."
