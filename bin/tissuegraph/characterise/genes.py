"""Genes of a slice by what people call them: the name in the file, an Ensembl id, a symbol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tissuegraph.characterise.subject import Subject
from tissuegraph.io.gene_names import without_version


def gene_places(subject: Subject) -> dict[str, int]:
    """Every name of every gene -> its column; where two genes share a name, the first has it.

    Names in `genes` come before identifiers, these before symbols; all of them as they are spelt before
    Ensembl ids without version, and these before names without case.
    """
    found: dict[str, int] = {}
    columns = [names.tolist() for names in (subject.genes, subject.gene_ids, subject.symbols)]
    for spelt in (str, without_version, _plain):
        for names in columns:
            for place, name in enumerate(names):
                found.setdefault(spelt(name), place)
    return found


def place_of(name: str, places: Mapping[str, int]) -> int | None:
    """Column of a gene by any of its names; of an Ensembl id the version does not count. None: not there."""
    return next(
        (places[each] for each in (name, without_version(name), _plain(name)) if each in places), None
    )


def _plain(name: str) -> str:
    return without_version(name).casefold()


def places_of(names: Iterable[str], places: Mapping[str, int]) -> list[int] | None:
    """Columns of all of some genes; None where one of them is not there."""
    found = [place_of(name, places) for name in names]
    return None if any(place is None for place in found) else [place for place in found if place is not None]
