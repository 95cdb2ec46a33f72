"""What a model from disk has to be before it is believed: its parts of one size, its numbers finite.

G genes, D components, C regions.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

import numpy as np

from tissuegraph.regions.members import IMAGE, MEMBERS, NETWORK, SEVERAL
from tissuegraph.regions.model import RegionModel

_KINDS = ("gene_ids", "genes")


def check_model(model: RegionModel) -> None:
    """Raises ValueError, saying what is wrong, for a model that `save_model` could not have written."""
    for wrong, words in _findings(model):
        if wrong:
            raise ValueError(words)


def _findings(model: RegionModel) -> Iterable[tuple[bool, str]]:
    loadings, classes = model.loadings, model.classes
    n_names, n_genes = len(model.names), len(loadings.genes)
    known = {kind + suffix for kind in MEMBERS for suffix in ("", SEVERAL)}
    answering = {*model.members, *([NETWORK] if model.networks else []), *([IMAGE] if model.image else [])}
    yield not all(isinstance(name, str) and name for name in model.names), "names of regions are not text"
    yield (
        len(set(model.names)) != n_names or n_names < 2,
        "the names of regions are not two or more, each once",
    )
    yield loadings.by not in _KINDS, f"genes are told apart by {loadings.by!r}"
    n_dims = loadings.vectors.shape[-1] if loadings.vectors.ndim == 2 else -1
    sizes = {
        "vectors": (loadings.vectors, (n_genes, n_dims)),
        "mean": (loadings.mean, (n_genes,)),
        "share": (loadings.share, (n_genes,)),
        "others": (loadings.others, (n_genes,)),
        "means": (classes.means, (n_names, n_dims)),
        "covariance": (classes.covariance, (n_dims, n_dims)),
        "shares": (classes.shares, (n_names,)),
    }
    for name, (values, size) in sizes.items():
        yield values.shape != size, f"{name} has the shape {values.shape}, expected {size}"
    for network in model.networks:
        found = (network.n_inputs, network.n_classes)
        yield found != (n_dims, n_names), f"a network for {found} components and regions"
    yield not set(model.members) <= known, "it has a member that this version does not know"
    yield set(model.weights) != answering or not answering, "weights and members do not go together"
    yield not all(_is_number(weight) and weight >= 0 for weight in model.weights.values()), "a weight below 0"
    yield not (isfinite(model.temperature) and model.temperature > 0), "its temperature is not above 0"
    yield not model.threshold > 0, "its novelty threshold is not above 0"
    yield not (isfinite(loadings.depth) and loadings.depth > 0), "its depth is not above 0"
    yield not hasattr(model.about, "get"), "it says nothing about itself"
    yield not all(np.isfinite(values).all() for values in _numbers(model)), "numbers are missing"
    yield bool((np.linalg.eigvalsh(classes.covariance) <= 0).any()), "its covariance is not positive"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _numbers(model: RegionModel) -> Iterable[np.ndarray]:
    yield from (model.loadings.mean, model.loadings.vectors, model.loadings.share)
    yield from (model.classes.means, model.classes.covariance, model.classes.shares)
    for known in (*model.members.values(), *(network.weights for network in model.networks)):
        yield from known.values()
