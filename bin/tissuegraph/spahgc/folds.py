"""Who may be held out together, and how slices are divided for inner validation."""

from __future__ import annotations

from collections.abc import Sequence

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.slices.partition import spatial_parts
from tissuegraph.spahgc.slices import HistologySlice

MIN_SPOTS = 16  # of a slice that has to be cut into halves
HALF = "half of a slice"


def owner_of(piece: HistologySlice, by: str) -> str:
    """What is held out as one: the slice, or all slices of its patient. Raises SettingsError."""
    if by not in ("slice", "patient"):
        raise SettingsError(f"slices are held out by slice or patient, got {by!r}")
    return piece.owner if by == "patient" else piece.name


def kept_apart(references: Sequence[HistologySlice]) -> str:
    """What inner validation leaves out: `patient` where two or more are known among them, else `slice`.

    A slice whose patient is unknown then counts as a patient of its own.
    """
    return "patient" if len({each.patient for each in references} - {None}) > 1 else "slice"


def validated_by(references: Sequence[HistologySlice]) -> str:
    """The same in words, as tables and files say it; a single slice can only be left out by halves."""
    return kept_apart(references) if len(references) > 1 else HALF


def folds(slices: Sequence[HistologySlice], by: str = "slice") -> list[tuple[str, tuple[str, ...]]]:
    """(name of the fold, names of the slices it holds out), for leave-one-slice- or -patient-out.

    Only slices with counts are held out, and only where something remains in their group to learn from.
    Raises InputError where that holds for none.
    """
    found: dict[str, list[str]] = {}
    for piece in slices:
        if piece.counts is None:
            continue
        if references_of(slices, [piece.name], by):
            found.setdefault(owner_of(piece, by), []).append(piece.name)
    if not found:
        what = "slices" if by == "slice" else "patients"
        raise InputError(
            f"leaving out one {by} needs at least two {what} with counts and image features in a group; "
            "add reference slices or drop the evaluation"
        )
    return [(name, tuple(members)) for name, members in found.items()]


def references_of(
    slices: Sequence[HistologySlice], held_out: Sequence[str], by: str = "slice"
) -> list[HistologySlice]:
    """Slices that may serve the held-out ones: sequenced, of their groups, of none of their patients."""
    held = [piece for piece in slices if piece.name in held_out]
    groups, owners = {piece.group for piece in held}, {owner_of(piece, by) for piece in held}
    return [
        piece
        for piece in slices
        if piece.counts is not None
        and piece.name not in held_out
        and piece.group in groups
        and owner_of(piece, by) not in owners
    ]


def at_least_two(references: Sequence[HistologySlice]) -> list[HistologySlice]:
    """The references; a single one as its two halves along its longer side: one can serve the other."""
    if len(references) > 1:
        return list(references)
    (single,) = references
    if single.n_spots < MIN_SPOTS:
        raise InputError(
            f"slice {single.name} is the only reference, or the only one left where others are held out, and "
            f"has {single.n_spots} spots; it needs at least {MIN_SPOTS} to be cut into a part that learns "
            f"and a part that serves"
        )
    halves = spatial_parts(single.position, (single.n_spots + 1) // 2)
    return [single.subset(spots, f"{single.name}/{place}") for place, spots in enumerate(halves, 1)]


def inner_folds(units: Sequence[HistologySlice], by: str, limit: int) -> list[list[int]]:
    """Indices of the references that each inner fold holds out: at most `limit` folds, every unit once.

    Units of one owner stay together; where all belong to one, they are held out one by one.
    """
    owners = [owner_of(unit, by) for unit in units]
    if len(set(owners)) < 2:
        owners = [unit.name for unit in units]
    names = list(dict.fromkeys(owners))
    n_folds = min(limit, len(names))
    return [
        [i for i, owner in enumerate(owners) if names.index(owner) % n_folds == fold]
        for fold in range(n_folds)
    ]
