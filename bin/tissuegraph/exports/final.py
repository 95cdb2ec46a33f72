"""The final h5ad of a slice, as the exports read it. N spots, G genes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.h5ad_images import is_blank
from tissuegraph.io.stored import open_own

if TYPE_CHECKING:
    import anndata
    import pandas as pd

SPACE_RANGER, XENIUM = "Space Ranger", "Xenium"
_NAMES = {  # how the programs of 10x name spots, bins and cells
    SPACE_RANGER: re.compile(r"[ACGT]{14,}-\d+|s_\d{3}um_\d{5}_\d{5}-\d+|cellid_\d{9}-\d+"),
    XENIUM: re.compile(r"[a-p]{8}-\d+"),
}
_BIN = re.compile(r"s_\d{3}um_\d{5}_\d{5}-\d+")
_PROGRAMS = {  # whose tools show a platform, whatever its spots are called: none of 10x where None
    "visium": SPACE_RANGER, "visium_hd_cells": SPACE_RANGER, "xenium": XENIUM,
    "cosmx": None, "merscope": None, "stereoseq": None, "slideseq": None,
}  # fmt: skip


class NotMeant(InputError):
    """The slice is of a platform that the tool does not show: nothing is wrong, and nothing is written."""


@dataclass(frozen=True, eq=False)
class FinalSlice:
    """One slice; obs is read once, the whole file each time that it is asked for."""

    sample: str
    path: Path

    @cached_property
    def obs(self) -> pd.DataFrame:
        """Columns of the N spots."""
        from anndata.io import read_elem

        with open_own(self.path) as file:
            return read_elem(file["obs"])

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """uns['tissuegraph']: platform, pitch, micrometres per pixel and more."""
        from anndata.io import read_elem

        with open_own(self.path) as file:
            return read_elem(file[f"uns/{keys.TISSUEGRAPH}"])

    @property
    def platform(self) -> str:
        return str(self.settings["platform"])

    @property
    def um_per_px(self) -> float | None:
        found = self.settings.get(keys.UM_PER_PX)
        return None if found is None else float(found)

    @property
    def pitch(self) -> float:
        """Full-resolution pixels from a spot to the next."""
        return float(self.settings[keys.PITCH_PX])

    @property
    def inferred(self) -> bool:
        """Whether the expression was inferred from the image."""
        return bool(self.settings.get(keys.INFERRED, False))

    @cached_property
    def named_by(self) -> str | None:
        """The program whose names the spots have; None for names of another kind."""
        names = self.obs.index.astype(str)
        return next((by for by, form in _NAMES.items() if all(map(form.fullmatch, names))), None)

    @property
    def binned(self) -> bool:
        """Whether the spots are square bins that touch each other."""
        if self.platform == "stereoseq":
            return "area" not in self.obs  # which only cells have
        return _BIN.fullmatch(str(self.obs.index[0])) is not None

    def check_named_by(self, tool: str, program: str) -> None:
        """Raise NotMeant for a slice of another platform, InputError for one whose names were changed."""
        if self.named_by == program:
            return
        if self.named_by is not None or _PROGRAMS.get(self.platform, program) != program:
            raise NotMeant(f"{tool} shows results of {program}, and the slice is of {self.platform}")
        raise InputError(
            f"{tool} finds spots by the names that {program} gave them, and this slice has others, e.g. "
            f"{str(self.obs.index[0])!r}; give the platform's own output, or an h5ad with its names"
        )

    def read(self) -> anndata.AnnData:
        """All of it, anew: what is read may be changed."""
        import anndata

        return anndata.read_h5ad(self.path)

    def image(self, data: anndata.AnnData) -> tuple[np.ndarray | None, Mapping[str, float]]:
        """The picture (H, W, 3) uint8 or None, and the scale factors that lie beside it."""
        library = next(iter(data.uns.get(keys.SPATIAL, {}).values()), {})
        factors = {name: float(value) for name, value in library.get("scalefactors", {}).items()}
        image = library.get("images", {}).get("hires")
        if image is None or is_blank(np.asarray(image)) or "tissue_hires_scalef" not in factors:
            return None, factors
        return np.asarray(image)[..., :3], factors
