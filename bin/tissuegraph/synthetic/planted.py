"""What is planted in generated sections to be found: genes that follow domains, depth, borders, conditions.

All changes are factors of expected expression; log folds are natural ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Of one slice, by gene symbol; domains are counted from 0.

    markers: gene -> (domain, log fold there); gradient: gene -> log fold from the first layer to the last;
    differential: gene -> (domain, log fold there), of a slice of the condition that has them;
    ligand, receptor: raised by border_fold in the first and the second of two neighbouring layers, the more
    the nearer to their border, falling off over border_um.
    """

    markers: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    gradient: Mapping[str, float] = field(default_factory=dict)
    differential: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    ligand: str = ""
    receptor: str = ""
    border: tuple[int, int] = (0, 1)
    border_fold: float = 0.0
    border_um: float = 150.0
