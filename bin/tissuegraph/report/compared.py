"""What the chapters on conditions share: the pair in words, its p, the step's notes, and its figure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from tissuegraph.report.outcomes import CohortOutcome
from tissuegraph.report.section import count


def pair_words(pair: Mapping[str, Any], says: str) -> str:
    """Who is compared with whom, and what that says; that it was not tested where the patients are few. HTML.

    says: HTML, of a pair that was tested.
    """
    what = escape(f"{pair['condition_b']} against {pair['condition_a']}")
    sides = f"{count(pair['n_patients_b'], 'patient')} against {pair['n_patients_a']}"
    untested = "described, not tested; the patients do not carry a test"
    return f"<strong>{what}</strong> ({sides}): {says if pair['tested'] else untested}."


def notes_of(cohort: CohortOutcome, step: str) -> str:
    """What a step over the group noted, a paragraph each."""
    notes = [note.partition(": ")[2] for note in cohort.notes if note.startswith(f"{step}: ")]
    return "".join(f"<p>{escape(note)}</p>" for note in notes)


def figure_of(told: Mapping[str, Any], step: str, alt: str, caption: str) -> str:
    """The figure of a step's record with its caption, empty without one. alt: text; caption: HTML."""
    picture = told.get("pictures", {}).get(step)
    if not picture:
        return ""
    return f'<img alt="{alt}" src="{picture}" style="max-width:100%"><p>{caption}</p>'
