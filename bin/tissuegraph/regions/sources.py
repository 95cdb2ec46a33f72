"""From the files of earlier steps to sections that teach, or that are named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.request import Warn
from tissuegraph.io.stored import StoredSlice, read_annotation, read_kept
from tissuegraph.regions.sections import Source


def read_teacher(
    name: str, patient: str | None, slice_path: Path, spots_path: Path, features: Path | None, *, warn: Warn
) -> Source | None:
    """A teacher, or None with a warning where it cannot teach: the others do without it."""
    try:
        labels = read_annotation(slice_path, spots_path)
        read_kept(slice_path, spots_path)
    except InputError as error:
        warn(f"{name} does not teach: {error}")
        return None
    if labels is None or all(label is None for label in labels):
        warn(f"{name} does not teach: no spot that quality control kept carries a label")
        return None
    return Source(
        name=name,
        read=partial(read_kept, slice_path, spots_path),
        labels=labels,
        patient=patient or None,
        image=None if features is None else (lambda: ImageFeatures.load(features).features),
        kind=None if features is None else kind_of(ImageFeatures.load(features)),
    )


def kind_of(image: ImageFeatures) -> dict[str, Any]:
    """What has to be the same for image features to be compared."""
    return {"encoder": image.encoder, "tile_um": image.tile_um, "n_features": image.features.shape[1]}


def image_reader(
    features: Path | None, taught: Mapping[str, Any] | None, warn: Warn
) -> Callable[[], np.ndarray] | None:
    """Reads the image features of a section; None, with a warning, where they are of another kind than
    taught.
    """
    if features is None:
        return None
    image = ImageFeatures.load(features)
    if taught is not None and kind_of(image) != dict(taught):
        own, wanted = kind_of(image), dict(taught)
        warn(f"the image features are of another kind ({own}) than those taught ({wanted}) and are left out")
        return None
    return lambda: image.features


def without_copies(teachers: Sequence[Source], warn: Warn) -> list[Source]:
    """Each section once, with a warning for the others: a copy that stays where its twin is left out would
    show a transfer that there is not.
    """
    first: dict[str, Source] = {}
    for teacher in teachers:
        known = first.setdefault(digest(teacher.read()), teacher)
        if known is not teacher:
            warn(f"{teacher.name} does not teach: it holds the same spots and counts as {known.name}")
    return list(first.values())


def digest(section: StoredSlice) -> str:
    """SHA-256 of a section's barcodes, genes and counts: tells one that taught, whatever it is called."""
    found = hashlib.sha256()
    for text in (section.barcodes, section.gene_ids, section.genes):
        found.update("\n".join(text.tolist()).encode())
    for part in (section.counts.data, section.counts.indices, section.counts.indptr):
        found.update(np.ascontiguousarray(part).tobytes())
    return found.hexdigest()


def labels_digest(labels: np.ndarray) -> str:
    """SHA-256 of the labels (N,) that were taught."""
    return hashlib.sha256("\n".join(str(label) for label in labels).encode()).hexdigest()


def taught_by(about: Mapping[str, Any], section: StoredSlice) -> str | None:
    """The name under which a section taught the model that says this about itself; None if it did not."""
    own = digest(section)
    teachers = about.get("digests") or {}
    return next((name for name, known in teachers.items() if known["section"] == own), None)
