"""What a reference model from disk has to be before it is believed: parts of one size, finite numbers.

S units of N_s spots, F image features, M genes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from tissuegraph.spahgc.reference_model import ReferenceModel


def check_model(model: ReferenceModel) -> None:
    """Raises ValueError, saying what is wrong, for a model that `save_model` could not have written."""
    for wrong, words in _findings(model):
        if wrong:
            raise ValueError(words)


def _findings(model: ReferenceModel) -> Iterable[tuple[bool, str]]:
    known = model.references
    n_genes = len(known.genes)
    yield not model.runs, "nothing was learned"
    yield not known.images, "it has no references"
    yield len(set(known.genes.tolist())) != n_genes or n_genes < 2, "its genes are not two or more, each once"
    yield len(known.names) not in (len(model.names), 2), "its references and their names do not go together"
    n_features = known.images[0].shape[-1]
    sizes = {
        "scaling.offset": (known.scaling.offset, (n_genes,)),
        "scaling.spread": (known.scaling.spread, (n_genes,)),
        "products.image_image": (known.products.image_image, (n_features, n_features)),
        "products.image_expression": (known.products.image_expression, (n_features, n_genes)),
    }
    for place, (image, plain) in enumerate(zip(known.images, known.plain_images, strict=True)):
        sizes |= {f"image {place}": (image, (known.expression[place].shape[0], n_features))}
        sizes |= {f"plain image {place}": (plain, image.shape)}
    for name, (values, size) in sizes.items():
        yield values.shape != size, f"{name} has the shape {values.shape}, expected {size}"
        yield not np.isfinite(values).all(), f"numbers of {name} are missing"
    yield any(not np.isfinite(each.data).all() for each in known.expression), "expression is missing"
    for run in model.runs:
        yield not run.networks, "a run has no network"
        yield run.reliability.shape != (n_genes,), "reliability and genes do not go together"
        for field in fields(run):
            values = getattr(run, field.name)
            whole = not isinstance(values, np.ndarray) or not np.isinf(values).any()
            yield not whole, f"numbers of {field.name} are infinite"
        weights = [each for network in run.networks for each in network.state_dict().values()]
        yield not all(bool(each.isfinite().all()) for each in weights), "weights are missing"
