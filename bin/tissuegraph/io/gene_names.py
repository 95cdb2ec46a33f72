"""Ensembl ids with and without the version that some annotations write behind them."""

from __future__ import annotations

import re

_VERSIONED = re.compile(r"(ENS[A-Z]*\d+)\.\d+(_PAR_Y)?", re.IGNORECASE)


def without_version(name: str) -> str:
    """An Ensembl id without its version; any other name as it is, dots and all."""
    found = _VERSIONED.fullmatch(name)
    return found[1] + (found[2] or "") if found else name
