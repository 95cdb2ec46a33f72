"""Features of imaging panels that stand for no gene: negative controls, and codes without a target."""

from __future__ import annotations

import re

import numpy as np

_SEPARATOR = r"[-_. ]?"  # as the instruments write them, and as R saves them again
_NUMBER = rf"{_SEPARATOR}\d+"
_CONTROLS = (
    # Xenium; BLANK_0001 before version 1.3
    rf"neg(?:ative)?{_SEPARATOR}control{_SEPARATOR}(?:probe|codeword).*",
    rf"(?:unassigned|deprecated){_SEPARATOR}codeword.*",
    r"antisense[-_.].+",
    rf"genomic{_SEPARATOR}control.*",
    r"intergenic[-_. ].+",
    # MERSCOPE, Xenium, MERFISH
    rf"blank{_NUMBER}",
    # CosMx
    rf"neg(?:prb|probe|add){_SEPARATOR}\w*(?:-\w+)?",
    rf"negative(?:{_NUMBER})?",
    rf"system{_SEPARATOR}control(?:{_NUMBER})?",
    rf"false{_SEPARATOR}code(?:{_NUMBER})?",
)
_CONTROL = re.compile("|".join(_CONTROLS), re.IGNORECASE)


def are_controls(*names: np.ndarray) -> np.ndarray:
    """Mask (G,) of the features that any of their names, each (G,) of str, tells as a control.

    names: symbols and identifiers, in any order. Whole names count: NEGR1, BLNK and SYS1 are genes.
    """
    found = [[_CONTROL.fullmatch(str(name)) is not None for name in column] for column in names]
    return np.array(found, dtype=bool).any(axis=0)
