"""The slices of a group as they lie on disk, read for the inference of expression."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tissuegraph.errors import InputError
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.stored import read_kept
from tissuegraph.sheet.roles import TARGET
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
        return self.read_with(self.read_image())

    def read_image(self) -> ImageFeatures:
        """What was made of the slice's image. Raises InputError."""
        return ImageFeatures.load(self.features_path)

    def read_with(self, image: ImageFeatures) -> HistologySlice:
        """As `read`, of an image that is read already."""
        stored = read_kept(self.slice_path, self.spots_path)
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
    return [
        Member(
            name=str(entry["name"]),
            role=str(entry["role"]),
            patient=_text(entry.get("patient")),
            group=_text(entry.get("group")),
            slice_path=slice_path,
            spots_path=spots_path,
            features_path=features_path,
        )
        for entry, slice_path, spots_path, features_path in zip(listed, slices, spots, features, strict=True)
    ]


def read_group(members: Sequence[Member], name: str) -> tuple[HistologySlice, list[HistologySlice]]:
    """The slice that expression is inferred for, and every other one that may be its reference.

    Raises InputError where nothing can serve it, or where tiles may be of another size, see `check_scales`.
    """
    own = next((member for member in members if member.name == name), None)
    if own is None:
        known = ", ".join(member.name for member in members)
        raise InputError(f"slice {name} is not among the members {known}")
    others = [m for m in members if m is not own and m.role != TARGET and m.group == own.group]
    images = {member.name: member.read_image() for member in [own, *others]}
    pieces = [member.read_with(images[member.name]) for member in others]
    references = [piece for piece in pieces if piece.counts is not None]
    if not references:
        raise InputError(
            f"no slice of the group of {name} has both counts and image features; give it a reference"
        )
    check_scales(name, {each: images[each] for each in [name, *(piece.name for piece in references)]})
    return own.read_with(images[name]), references


def _text(value: object) -> str | None:
    return None if value in (None, "") else str(value)
