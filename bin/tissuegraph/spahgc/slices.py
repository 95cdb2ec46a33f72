"""A slice as the inference of expression sees it: image features, positions, and counts where sequenced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.spahgc.asked import GeneNames
from tissuegraph.spahgc.gene_names import told_apart
from tissuegraph.spahgc.origin import ImageOrigin

_NAMES = ("genes", "gene_ids", "symbols")


@dataclass(frozen=True, eq=False)
class HistologySlice:
    """One slice with H&E. N kept spots, F image features, G genes.

    name:     unique among the slices of a run
    patient:  None where unknown: then the slice counts as a patient of its own
    group:    slices of other groups are never its references; None is a group too
    image:    (N, F) float32, finite
    position: (N, 2) float64, x and y in full-resolution pixels
    pitch:    distance of neighbouring spots in full-resolution pixels, as ingest measured it
    counts:   CSR (N, G) float32, raw; None for a slice without sequencing
    genes:    (G,) str, unique; empty where there are no counts
    gene_ids, symbols: (G,) str, what else the genes are called; empty where unknown
    origin:   what made the image features; None where unknown

    Construction converts types and checks shapes; raises InputError naming the slice and the array.
    """

    name: str
    patient: str | None
    group: str | None
    image: np.ndarray
    position: np.ndarray
    pitch: float
    counts: sparse.csr_matrix | None = None
    genes: np.ndarray | tuple[str, ...] = ()
    gene_ids: np.ndarray | tuple[str, ...] = ()
    symbols: np.ndarray | tuple[str, ...] = ()
    origin: ImageOrigin | None = None

    def __post_init__(self) -> None:
        canonical = {
            "image": np.ascontiguousarray(self.image, dtype=np.float32),
            "position": np.ascontiguousarray(self.position, dtype=np.float64),
            "pitch": float(self.pitch),
            **{name: np.asarray(getattr(self, name), dtype=str) for name in _NAMES},
        }
        if self.counts is not None:
            canonical["counts"] = sparse.csr_matrix(self.counts, dtype=np.float32)
        for name, value in canonical.items():
            object.__setattr__(self, name, value)
        _check(self)

    @property
    def n_spots(self) -> int:
        return len(self.image)

    @property
    def owner(self) -> str:
        """What leave-one-patient-out holds out together: the patient, or the slice where unknown."""
        return f"slice {self.name}" if self.patient is None else f"patient {self.patient}"

    @property
    def gene_names(self) -> GeneNames:
        return GeneNames(self.genes, self.gene_ids, self.symbols)

    def without_counts(self) -> HistologySlice:
        """The same slice as if it had never been sequenced."""
        return replace(self, counts=None, **dict.fromkeys(_NAMES, ()))

    def subset(self, spots: np.ndarray, name: str) -> HistologySlice:
        """The given spots only, as a slice of another name."""
        counts = None if self.counts is None else self.counts[spots]
        return replace(self, name=name, image=self.image[spots], position=self.position[spots], counts=counts)


def check_references(references: Sequence[HistologySlice]) -> None:
    """Refuse slices that cannot teach together. Raises InputError."""
    if not references:
        raise InputError("inferring expression needs at least one reference slice with counts, got none")
    for each in references:
        if each.counts is None:
            raise InputError(f"slice {each.name} is a reference but has no counts; give it the role target")
    names = [each.name for each in references]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"reference slices must have different names: {repeated[0]} appears twice")
    first = references[0]
    for each in references[1:]:
        if each.image.shape[1] != first.image.shape[1]:
            raise InputError(
                f"all slices need the same image features: {first.name} has {first.image.shape[1]}, "
                f"{each.name} has {each.image.shape[1]}; encode them with the same encoder"
            )
        _check_names(first, each)


def _check_names(first: HistologySlice, second: HistologySlice) -> None:
    """Refuse references without a gene in both: identifiers and symbols, or other versions of identifiers."""
    if not np.isin(first.genes, second.genes).any():
        raise InputError(
            f"references {first.name} and {second.name} share no gene name: "
            f"{told_apart(first.genes, second.genes)}; name the genes of all references alike"
        )


def _check(piece: HistologySlice) -> None:
    image, where = piece.image, f"slice {piece.name}"
    if image.ndim != 2 or 0 in image.shape:
        raise InputError(f"{where}: image features must be (spots, features), got shape {image.shape}")
    n_spots = len(image)
    if piece.position.shape != (n_spots, 2):
        raise InputError(
            f"{where}: position must have shape {(n_spots, 2)} to go with the image features, "
            f"got {piece.position.shape}"
        )
    for name in ("image", "position"):
        if not np.isfinite(getattr(piece, name)).all():
            raise InputError(f"{where}: {name} must be finite, got NaN or infinite values; drop those spots")
    if not (np.isfinite(piece.pitch) and piece.pitch > 0):
        raise InputError(f"{where}: pitch must be a positive distance in pixels, got {piece.pitch}")
    if piece.counts is None:
        if len(piece.genes):
            raise InputError(f"{where}: has {len(piece.genes)} gene names but no counts; give both or none")
        return
    if piece.counts.shape != (n_spots, len(piece.genes)):
        raise InputError(
            f"{where}: counts must have shape {(n_spots, len(piece.genes))} (spots, genes), "
            f"got {piece.counts.shape}"
        )
    for name in ("gene_ids", "symbols"):
        if len(getattr(piece, name)) not in (0, len(piece.genes)):
            raise InputError(
                f"{where}: {name} must be as many as its {len(piece.genes)} genes, or none, "
                f"got {len(getattr(piece, name))}"
            )
    if len(np.unique(piece.genes)) != len(piece.genes):
        raise InputError(f"{where}: gene names must be unique; make them so first")
    data = piece.counts.data
    if data.size and not (np.isfinite(data).all() and data.min() >= 0):
        raise InputError(f"{where}: counts must be finite and at least 0; give raw counts")
