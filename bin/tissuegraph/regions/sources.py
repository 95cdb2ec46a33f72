"""From the files of earlier steps to sections that teach, or that are named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.request import Warn
from tissuegraph.io.stored import read_annotation, read_kept
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
        known = first.setdefault(digest(replace(teacher, labels=np.zeros(0, dtype=object))), teacher)
        if known is not teacher:
            warn(f"{teacher.name} does not teach: it holds the same spots and counts as {known.name}")
    return list(first.values())


def digest(teacher: Source) -> str:
    """SHA-256 of a teacher's barcodes, counts and labels: tells whether a model was made from the same
    data.
    """
    section = teacher.read()
    found = hashlib.sha256()
    for part in (
        section.barcodes.astype("U"),
        section.counts.data,
        section.counts.indices,
        section.counts.indptr,
    ):
        found.update(np.ascontiguousarray(part).tobytes())
    found.update("\n".join(str(label) for label in teacher.labels).encode())
    return found.hexdigest()
