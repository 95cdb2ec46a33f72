"""Whether taught regions are to be believed: what left-out teachers showed, and what a section shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN = "shown"  # regions carried over to sections that the model had not seen
NOT_SHOWN = "not shown"  # they did not
NOT_CHECKED = "not checked"  # a single teacher: nothing could be left out

# Whose left-out sections decide, the first that there are, and what is known of them
JUDGES = (ACROSS, SECTIONS, WITHIN) = ("across", "sections", "within")
MEASURES = ("macro_f1", "accuracy", "ari", "ece", "coverage", "accuracy_called")

LEAST_CARRIED = 0.5  # of a section's spatial variation in the teachers' components, to believe its regions


def judging(left_out: Mapping[str, Mapping[str, Any]]) -> tuple[str | None, Mapping[str, Any]]:
    """The side that decides whether transfer was shown, and its figures; None and empty without any."""
    side = next((side for side in JUDGES if left_out.get(side)), None)
    return side, left_out[side] if side else {}


def is_foreign(carried: float | None) -> bool:
    """Whether so little of a section's variation is that of its teachers; False where it is not known."""
    return carried is not None and carried < LEAST_CARRIED


def foreign(carried: float) -> str:
    """What is said of a section whose variation is not that of its teachers."""
    return (
        f"{carried:.0%} of what varies over this section lies in what its teachers showed, less than "
        f"{LEAST_CARRIED:.0%}: is it the same tissue? The regions are not to be relied on; the domains found "
        f"without labels come first."
    )
