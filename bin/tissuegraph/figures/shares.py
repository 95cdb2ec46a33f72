"""Shares of domains in each section of a group: one stacked bar per section, by condition and patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tissuegraph.figures.save import STYLE

_BAR = 0.2  # inches, height of a bar with the gap to the next
_GAP = 1.2  # bars, between two conditions
_WIDTH, _BARS_WIDTH = 6.8, 4.0  # inches
_ABOVE, _BELOW = 0.5, 0.5  # inches around the axes
_LEGEND_ROW = 0.2  # inches


@dataclass(frozen=True)
class Bar:
    """One section; shares: (K,), which sum to 1 or, for a section without a named spot, to 0."""

    sample: str
    condition: str
    patient: str
    shares: np.ndarray


def shares_figure(bars: Sequence[Bar], names: Sequence[str], colours: Sequence[str], title: str) -> Figure:
    """bars: from top to bottom; names, colours: (K,) of the domains."""
    places, heads = _places(bars)
    height = max(_BAR * (places[-1] + 1), _LEGEND_ROW * (len(names) + 1)) + _ABOVE + _BELOW
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, height))
        left = 1.3 / _WIDTH
        area = (left, _BELOW / height, _BARS_WIDTH / _WIDTH, 1 - (_ABOVE + _BELOW) / height)
        ax = figure.add_axes(area)
        start = np.zeros(len(bars))
        for k, colour in enumerate(colours):
            width = np.array([bar.shares[k] for bar in bars])
            ax.barh(places, width, left=start, height=0.82, color=colour, linewidth=0)
            start += width
        ax.set_yticks(places, [_label(bar) for bar in bars], fontsize=7)
        ax.set_ylim(places[-1] + 0.7, -0.7 - (_GAP if any(heads.values()) else 0))
        ax.set_xlim(0, 1)
        ax.set_xlabel("share of spots")
        for place, head in heads.items():
            if head:
                ax.text(0, place - 0.6, head, fontsize=8, fontweight="bold", va="bottom")
        handles = [Patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)]
        ax.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False, fontsize=8,
            borderaxespad=0,
        )  # fmt: skip
        figure.suptitle(title, x=0.02, ha="left", fontsize=10)
    return figure


def _places(bars: Sequence[Bar]) -> tuple[np.ndarray, dict[float, str]]:
    """Heights of the bars, and of the first one of each condition, with its name."""
    places, heads, at = [], {}, 0.0
    for i, bar in enumerate(bars):
        if i and bar.condition != bars[i - 1].condition:
            at += _GAP
        if not i or bar.condition != bars[i - 1].condition:
            heads[at] = bar.condition
        places.append(at)
        at += 1
    return np.array(places), heads


def _label(bar: Bar) -> str:
    return f"{bar.sample} ({bar.patient})" if bar.patient else bar.sample
