"""Genes of a slice by what people call them: the name in the file, an Ensembl id, a symbol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tissuegraph.characterise.subject import Subject


def gene_places(subject: Subject) -> dict[str, int]:
    """Every name of every gene -> its column; where two genes share a name, the first has it.

    Names in `genes` come before identifiers, these before symbols, spelt as they are before any case.
    """
    found: dict[str, int] = {}
    columns = (subject.genes, subject.gene_ids, subject.symbols)
    for names in columns:
        for place, name in enumerate(names.tolist()):
            found.setdefault(name, place)
    for names in columns:
        for place, name in enumerate(names.tolist()):
            found.setdefault(name.casefold(), place)
    return found


def place_of(name: str, places: Mapping[str, int]) -> int | None:
    """Column of a gene by any of its names; of an Ensembl id the version does not count. None: not there."""
    for spelt in (name, name.casefold(), name.partition(".")[0]):
        if spelt in places:
            return places[spelt]
    return None


def places_of(names: Iterable[str], places: Mapping[str, int]) -> list[int] | None:
    """Columns of all of some genes; None where one of them is not there."""
    found = [place_of(name, places) for name in names]
    return None if any(place is None for place in found) else [place for place in found if place is not None]
