"""The slices of a group as they lie on disk, read for the inference of expression."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tissuegraph.errors import InputError
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.stored import read_kept
from tissuegraph.spahgc.origin import ImageOrigin
from tissuegraph.spahgc.scales import check_scales
from tissuegraph.spahgc.slices import HistologySlice


@dataclass(frozen=True)
class Member:
    """One slice of the group: what the samplesheet says of it, and its files."""

    name: str
    role: str
    patient: str | None
    group: str | None
    slice_path: Path
    spots_path: Path
    features_path: Path

    def read(self) -> HistologySlice:
        """Kept spots only; without genes the slice has no counts. Raises InputError."""
        stored = read_kept(self.slice_path, self.spots_path)
        image = ImageFeatures.load(self.features_path)
        if image.n_spots != len(stored.xy):
            raise InputError(
                f"slice {self.name} has {len(stored.xy)} kept spots but image features of {image.n_spots}; "
                f"encode its image again"
            )
        sequenced = len(stored.genes) > 0
        return HistologySlice(
            name=self.name,
            patient=self.patient,
            group=self.group,
            image=image.features,
            position=stored.xy,
            pitch=stored.pitch,
            counts=stored.counts if sequenced else None,
            genes=stored.genes if sequenced else (),
            gene_ids=stored.gene_ids if sequenced else (),
            symbols=stored.symbols if sequenced else (),
            origin=ImageOrigin.of(image),
        )


def read_members(
    listing: Path, slices: Sequence[Path], spots: Sequence[Path], features: Sequence[Path]
) -> list[Member]:
    """Members from a JSON list of name, role, patient and group, and their files in the same order.

    Raises InputError where the lists differ in length.
    """
    listed = json.loads(listing.read_text())
    if not len(listed) == len(slices) == len(spots) == len(features):
        raise InputError(
            f"{listing.name} lists {len(listed)} slices; expected as many files of each kind, got "
            f"{len(slices)}, {len(spots)} and {len(features)}"
        )
    files = zip(slices, spots, features, strict=True)
    return [read_member(entry, *paths) for entry, paths in zip(listed, files, strict=True)]


def read_member(entry: Mapping[str, Any], slice_path: Path, spots_path: Path, features_path: Path) -> Member:
    """One member from name, role, patient and group, and its files."""
    return Member(
        name=str(entry["name"]),
        role=str(entry["role"]),
        patient=_text(entry.get("patient")),
        group=_text(entry.get("group")),
        slice_path=slice_path,
        spots_path=spots_path,
        features_path=features_path,
    )


def read_references(members: Sequence[Member]) -> list[HistologySlice]:
    """The slices with counts. Raises InputError where there is none, or where tiles may differ in size."""
    references = [piece for piece in (member.read() for member in members) if piece.counts is not None]
    if not references:
        raise InputError(
            f"no slice of {', '.join(member.name for member in members)} has counts; give them a reference"
        )
    check_scales(references[0].name, {piece.name: piece.origin for piece in references})
    return references


def _text(value: object) -> str | None:
    return None if value in (None, "") else str(value)
