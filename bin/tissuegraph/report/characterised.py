"""What the chapters on single characterising steps share: the slices that have one, and their figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.outcomes import Outcome

BUDGET = 4_000_000  # characters of pictures of one chapter


def found_in(
    outcomes: Sequence[Outcome], step: str, what: str = "rows"
) -> list[tuple[str, Mapping[str, Any]]]:
    """Name of each slice that the step gave a result for, and what its record measured.

    what: the metric that a result has.
    """
    found = ((o.sample, (o.metrics.get("characterised") or {}).get(step) or {}) for o in outcomes)
    return [(sample, metrics) for sample, metrics in found if metrics.get(what)]


def behind_names(
    found: Sequence[tuple[str, Mapping[str, Any]]], told: Callable[[Mapping[str, Any]], str]
) -> str:
    """What is told of each slice behind its name, the first one open; HTML."""
    return "".join(
        f"<details{'' if place else ' open'}><summary><strong>{escape(sample)}</strong></summary>"
        f"{told(metrics)}</details>"
        for place, (sample, metrics) in enumerate(found)
    )


def figures_of(found: Sequence[tuple[str, Mapping[str, Any]]], figure: str, budget: int = BUDGET) -> str:
    """The figures of the slices, one below the other, as far as the budget goes; HTML."""
    shown, left_out, spent = [], 0, 0
    for sample, metrics in found:
        picture = (metrics.get("pictures") or {}).get(figure, "")
        if not picture:
            continue
        spent += len(picture)
        if shown and spent > budget:
            left_out += 1
            continue
        name = escape(sample)
        shown.append(
            f'<h5>{name}</h5><img class="tg-zoom" style="max-width:100%" alt="{escape(figure)} of {name}" '
            f'src="{picture}">'
        )
    more = f"<p>{left_out} more are in <code>slices/&lt;sample&gt;/</code>.</p>" if left_out else ""
    return "".join(shown) + more


def number(value: Any, digits: int = 2) -> str:
    """A number as text, nothing where there is none."""
    return "" if value is None else f"{value:.{digits}f}"
