"""What figures of an assembled slice need beside its genes: tissue, image, scale, and colours of domains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tissuegraph import keys
from tissuegraph.figures.palette import UNLABELLED, domain_colour
from tissuegraph.figures.tissue import Tissue
from tissuegraph.io.h5ad_images import pictures_of
from tissuegraph.io.hdf5 import strings
from tissuegraph.io.stored import open_own


def read_tissue(path: Path) -> Tissue:
    """Positions and, where the slice carries one, its largest image."""
    with open_own(path) as file:
        own = file["uns"].get(keys.TISSUEGRAPH, {})
        um_per_px = float(own[keys.UM_PER_PX][()]) if keys.UM_PER_PX in own else None
        image, scale = next(pictures_of(file["uns"].get(keys.SPATIAL, {})), (None, 1.0))
        position = np.asarray(file["obsm"][keys.SPATIAL][()], dtype=float)[:, :2]
    return Tissue(position, image, scale, um_per_px or None)


def read_colours(path: Path, by: str, names: Sequence[str]) -> tuple[str, ...]:
    """The colour (#RRGGBB) of each domain or region as `uns['<by>_colors']` has it, else by its place."""
    with open_own(path) as file:
        known = strings(file["obs"][by]["categories"]).astype(str)
        node = file["uns"].get(f"{by}_colors")
        colours = strings(node).astype(str) if node is not None else []
    if len(colours) != len(known):
        return tuple(domain_colour(place) for place in range(1, len(names) + 1))
    found = dict(zip(known, colours, strict=True))
    return tuple(str(found.get(name, UNLABELLED)) for name in names)
