"""Xenium Explorer: one table per labelling, `cell_id,group`, which it shows as cell groups."""

from __future__ import annotations

from pathlib import Path

from tissuegraph.exports.final import XENIUM, FinalSlice
from tissuegraph.exports.labellings import write_labellings


def write(final: FinalSlice, outdir: Path) -> None:
    """Write `<sample>.xenium_explorer.<labelling>.csv`; raises InputError where no cell would be found."""
    if final.platform != "xenium":  # whose first releases numbered cells, which no pattern can tell
        final.check_named_by("Xenium Explorer", XENIUM)
    stem = outdir / f"{final.sample}.xenium_explorer"
    write_labellings(final.obs, stem, ["cell_id", "group"], own_header=False)
