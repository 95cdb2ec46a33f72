"""Which genes are mitochondrial: by symbol, as several species and references spell it, or by Ensembl id."""

from __future__ import annotations

import re

import numpy as np

# MT-CO1, mt-Co1, Drosophila's mt:CoI; in front of it what tools for several species add: GRCh38_, mm10___,
# and the same with dashes where a tool allows no underscores. MT1A and MTOR are other genes.
_SYMBOL = re.compile(r"(?:[\w.]+_|(?:grc|hg|mm|rn|mratbn|dm|bdgp)[\w.]*-+)?mt[-:].", re.IGNORECASE)

# The 37 genes of the mitochondrial genome as Ensembl numbers them: 13 proteins, 2 rRNAs, 22 tRNAs
_HUMAN = (
    198888, 198763, 198804, 198712, 228253, 198899, 198938, 198840, 212907, 198886, 198786, 198695, 198727,
    211459, 210082,
    210049, 210077, 209082, 210100, 210107, 210112, 210117, 210127, 210135, 210140, 210144, 210151, 210154,
    210156, 210164, 210174, 210176, 210184, 210191, 210194, 210195, 210196,
)  # fmt: skip
_MOUSE = (65947, *(number for number in range(64336, 64373) if number != 64362))
_IDS = {f"ENSG{number:011d}" for number in _HUMAN} | {f"ENSMUSG{number:011d}" for number in _MOUSE}
_ID = re.compile(r"ENS(?:MUS)?G\d{11}")


def mitochondrial(*names: np.ndarray) -> np.ndarray:
    """Mask (G,) of the genes that any of their names, each (G,) of str, tells as mitochondrial.

    names: symbols, identifiers, in any order. None True means that the share of such genes is unknown.
    """
    found = [[_tells(str(name)) for name in column] for column in names]
    return np.array(found, dtype=bool).any(axis=0)


def _tells(name: str) -> bool:
    if _SYMBOL.match(name):
        return True
    identifier = _ID.search(name)  # with a species in front, a version behind, or joined with a symbol
    return identifier is not None and identifier[0] in _IDS
