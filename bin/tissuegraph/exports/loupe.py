"""Loupe Browser: one table per labelling, `Barcode,<labelling>`, for a .cloupe of Space Ranger."""

from __future__ import annotations

from pathlib import Path

from tissuegraph.exports.final import SPACE_RANGER, FinalSlice
from tissuegraph.exports.labellings import write_labellings


def write(final: FinalSlice, outdir: Path) -> None:
    """Write `<sample>.loupe.<labelling>.csv`; raises InputError where no barcode would be found."""
    final.check_named_by("Loupe Browser", SPACE_RANGER)
    write_labellings(final.obs, outdir / f"{final.sample}.loupe", ["Barcode", ""], own_header=True)
