"""Genes that were asked for by symbol or identifier, found among the genes of the reference slices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tissuegraph.io.text import listed

_VERSIONED = re.compile(r"(ENS[A-Z]*\d{6,})\.\d+", re.IGNORECASE)  # ENSG00000141736.13
_SHOWN = 10  # names in one message


@dataclass(frozen=True, eq=False)
class GeneNames:
    """What genes are called in one slice. genes: (G,), unique; gene_ids, symbols: (G,), empty if unknown."""

    genes: np.ndarray
    gene_ids: np.ndarray
    symbols: np.ndarray


@dataclass(frozen=True)
class AskedGenes:
    """What became of a list of genes.

    names:   as they were asked for
    genes:   names of those that all references measure, in the order asked for, each once
    missing: asked for, and measured by no reference
    partly:  asked for, and measured by so many references, not by all
    notes:   names that were taken for others
    lacking: who measures none of those missing, as warnings put it
    """

    names: tuple[str, ...] = ()
    genes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    partly: tuple[tuple[str, int], ...] = ()
    n_references: int = 0
    notes: tuple[str, ...] = ()
    lacking: str = "that no reference measures"

    @property
    def left_out(self) -> tuple[str, ...]:
        """All that were asked for and are not inferred, in the order asked for."""
        lacking = {*self.missing, *(name for name, _ in self.partly)}
        return tuple(name for name in self.names if name in lacking)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each reason why genes are not inferred."""
        lines = []
        if self.missing:
            lines.append(f"genes asked for {self.lacking}: {listed(self.missing, _SHOWN)}")
        if self.partly:
            counted = [f"{name} ({count} of {self.n_references})" for name, count in self.partly]
            lines.append(
                f"genes asked for and left out, as some references lack them: {listed(counted, _SHOWN)}"
            )
        return tuple(lines)


def find_genes(asked: Iterable[str], references: Sequence[GeneNames]) -> AskedGenes:
    """Look each name up among names, symbols and identifiers of the references' genes.

    Versions of Ensembl identifiers do not count. A name that is found nowhere is looked up without regard
    to case, with a note. A symbol that several genes share stands for all of them, with a note.
    """
    names = tuple(dict.fromkeys(asked))
    exact, folded, measured = _known(references)
    genes: dict[str, None] = {}
    missing, partly, notes = [], [], []
    for name in names:
        key = without_version(name)
        found = sorted(exact.get(key) or folded.get(key.casefold()) or ())
        in_all = [gene for gene in found if measured[gene] == len(references)]
        if not found:
            missing.append(name)
        elif not in_all:
            partly.append((name, max(measured[gene] for gene in found)))
        elif key not in exact:
            notes.append(f"{name} was taken for {', '.join(in_all)}, which differs in case only")
        elif len(in_all) > 1:
            notes.append(f"{name} stands for {len(in_all)} genes: {', '.join(in_all)}")
        genes |= dict.fromkeys(in_all)
    return AskedGenes(names, tuple(genes), tuple(missing), tuple(partly), len(references), tuple(notes))


def without_version(name: str) -> str:
    """An Ensembl identifier without its version; any other name as it is."""
    found = _VERSIONED.fullmatch(name)
    return found.group(1) if found else name


def _known(references: Sequence[GeneNames]) -> tuple[dict[str, set[str]], dict[str, set[str]], Counter[str]]:
    """Genes by each of their names, the same without case, and the number of references of each gene."""
    exact: dict[str, set[str]] = {}
    measured: Counter[str] = Counter()
    for each in references:
        genes = each.genes.tolist()
        measured.update(genes)
        for kind in (each.genes, each.symbols, each.gene_ids):
            for name, gene in zip(kind.tolist(), genes, strict=False):  # a kind that is unknown is empty
                exact.setdefault(without_version(name), set()).add(gene)
    folded: dict[str, set[str]] = {}
    for name, found in exact.items():
        folded.setdefault(name.casefold(), set()).update(found)
    return exact, folded, measured
