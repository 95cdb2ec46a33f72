"""How slices name their genes, so that two that share no name can be told why."""

from __future__ import annotations

import re

import numpy as np

ENSEMBL, SYMBOLS = "Ensembl ids", "symbols"
_ENSEMBL_ID = re.compile(r"ENS[A-Z]{0,6}G\d{11}(\.\d+)?$|FBgn\d{7}$|WBGene\d{8}$")


def spelling(genes: np.ndarray) -> str:
    """ENSEMBL where more than half of the names (G,) are such identifiers, else SYMBOLS."""
    matching = sum(bool(_ENSEMBL_ID.match(name)) for name in genes.tolist())
    return ENSEMBL if 2 * matching > len(genes) else SYMBOLS


def told_apart(first: np.ndarray, second: np.ndarray) -> str:
    """What distinguishes two sets of names, each with an example: `Ensembl ids (ENSG...) against symbols`."""
    shown = [
        f"{spelling(genes)} (e.g. {genes[0]})" if len(genes) else "no genes" for genes in (first, second)
    ]
    return f"{shown[0]} against {shown[1]}"
