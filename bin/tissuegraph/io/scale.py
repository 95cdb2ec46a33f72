"""Micrometres per full-resolution pixel of a slice: who says so, who is believed, and who disagrees."""

from __future__ import annotations

from collections.abc import Mapping

from tissuegraph.errors import InputError
from tissuegraph.io.request import Warn

COLUMN, PLATFORM, IMAGE, LATTICE = "column", "platform", "image", "spot lattice"  # in the order of belief
ASSUMED = "assumed spacing"  # where none of these says anything
LEAST, MOST = 1e-4, 1e4  # um per pixel; the samplesheet's schema has the same
ALIKE = 1.15  # the larger of two scales over the smaller one, beyond which they disagree


def check_scale(um_per_px: float | None) -> None:
    """Raise InputError for a scale that no slice has; None is one that is not known."""
    if um_per_px is not None and not LEAST <= um_per_px <= MOST:
        raise InputError(f"{um_per_px:g} micrometres per pixel cannot be; expected e.g. 0.5, or leave it out")


def settled(said: Mapping[str, float | None], warn: Warn) -> tuple[float, str] | None:
    """The scale to take and who said it, of what each source says; None where none does.

    said: source -> micrometres per full-resolution pixel, the one to be believed first; a source starts with
    one of the words above. All are named where two of them differ by more than 15 %.
    """
    known = {source: float(um) for source, um in said.items() if um is not None}
    if not known:
        return None
    taken = next(iter(known))
    if max(known.values()) > ALIKE * min(known.values()):
        told = ", ".join(f"{source} {um:.4g}" for source, um in known.items())
        remedy = "" if taken == COLUMN else "; the column um_per_px settles it"
        warn(
            f"micrometres per pixel differ by more than {ALIKE - 1:.0%} between sources: {told}; that of the "
            f"{taken} is taken{remedy}"
        )
    return known[taken], taken
