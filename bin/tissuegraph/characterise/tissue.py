"""What drawing a slice takes from its final h5ad: positions, image, scale, the colour of each domain."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tissuegraph import keys
from tissuegraph.figures.palette import domain_colour
from tissuegraph.figures.tissue import Tissue
from tissuegraph.io.hdf5 import strings
from tissuegraph.io.stored import open_own

_SIZES = ("hires", "lowres")


def read_tissue(path: Path) -> Tissue:
    """Positions and the largest image of an assembled slice; without an image where it carries none."""
    with open_own(path) as file:
        own = file["uns"].get(keys.TISSUEGRAPH, {})
        um_per_px = float(own[keys.UM_PER_PX][()]) if keys.UM_PER_PX in own else None
        position = np.asarray(file["obsm"][keys.SPATIAL][()], dtype=float)[:, :2]
        for library in file["uns"].get(keys.SPATIAL, {}).values():
            images, factors = library.get("images", {}), library.get("scalefactors", {})
            for size in _SIZES:
                factor = f"tissue_{size}_scalef"
                if size in images and factor in factors:
                    image = images[size][()]
                    if image.dtype != np.uint8:  # some tools store 0 to 1
                        image = (np.clip(image, 0, 1) * 255).astype(np.uint8)
                    return Tissue(position, image[..., :3], float(factors[factor][()]), um_per_px)
    return Tissue(position, um_per_px=um_per_px)


def read_colours(path: Path, by: str, names: tuple[str, ...]) -> dict[str, str]:
    """Colour (#RRGGBB) of each name of a column of obs, as the maps of the slice have it."""
    with open_own(path) as file:
        stored = file["uns"].get(f"{by}_colors")
        known = strings(file["obs"][by]["categories"]).astype(str)
        colours = [] if stored is None else [str(colour) for colour in strings(stored)]
    found = dict(zip(known, colours, strict=False)) if len(colours) == len(known) else {}
    return {name: found.get(name, domain_colour(place)) for place, name in enumerate(names, start=1)}
