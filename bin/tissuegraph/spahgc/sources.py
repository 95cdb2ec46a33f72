"""What a model says of the slices that taught it, and which targets it therefore refuses."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.spahgc.origin import ImageOrigin
from tissuegraph.spahgc.slices import HistologySlice

# What must be alike for features to mean the same, in the words of messages
_ALIKE = {
    "encoder": "encoder",
    "weights_sha256": "SHA-256 of its weights",
    "tile_um": "tile_um",
    "stain_method": "stain_method",
    "stain_reference_sha256": "SHA-256 of its stain_reference",
}


@dataclass(frozen=True)
class ReferenceSlice:
    """One slice that taught. counts_sha256: of its genes and counts; image_sha256: of its image features."""

    name: str
    patient: str | None
    n_spots: int
    counts_sha256: str
    image_sha256: str
    origin: ImageOrigin | None = None

    @classmethod
    def of(cls, piece: HistologySlice) -> ReferenceSlice:
        counts = piece.counts
        names = "\n".join(piece.genes.tolist()).encode()
        arrays = (counts.indptr.astype(np.int64), counts.indices.astype(np.int64), counts.data)
        return cls(
            name=piece.name,
            patient=piece.patient,
            n_spots=piece.n_spots,
            counts_sha256=_sha256(names, *arrays),
            image_sha256=image_digest(piece),
            origin=piece.origin,
        )


def image_digest(piece: HistologySlice) -> str:
    """SHA-256 of a slice's image features."""
    return _sha256(piece.image)


def _sha256(*parts: bytes | np.ndarray) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).data)
    return found.hexdigest()


def check_origin(name: str, origin: ImageOrigin, of: Sequence[ReferenceSlice]) -> None:
    """Refuse features that were made in another way than those of references. Raises InputError."""
    for reference in of:
        if reference.origin is None:
            continue
        pairs = {field: (getattr(origin, field), getattr(reference.origin, field)) for field in _ALIKE}
        differing = [field for field, pair in pairs.items() if not _same(*pair)]
        if differing:
            found = "; ".join(
                f"{_ALIKE[field]} {_shown(pairs[field][0])} against {_shown(pairs[field][1])}"
                for field in differing
            )
            raise InputError(
                f"the image features of {name} and of its reference {reference.name} were made in different "
                f"ways: {found}; encode {name} like the references, or learn from references encoded like it"
            )


def _same(first: str | float, second: str | float) -> bool:
    return math.isclose(first, second, rel_tol=1e-6) if isinstance(first, float) else first == second


def _shown(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else (value or "none")
