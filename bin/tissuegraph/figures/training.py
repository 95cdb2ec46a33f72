"""Loss curves of one training: one panel per term, a thin line per seed, the mean in bold."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tissuegraph.figures.palette import domain_colour
from tissuegraph.figures.save import STYLE

_PANEL = (2.9, 2.6)  # inches, with what is around it
# Inches around the axes; above: the title, and below it the 1e-5 of an axis
_LEFT, _RIGHT, _ABOVE, _BELOW = 0.5, 0.15, 0.42, 0.5


def training_figure(curves: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """curves: method -> term -> (seeds, epochs); one row of panels per method."""
    columns = max(len(terms) for terms in curves.values())
    with matplotlib.rc_context(STYLE):
        width, height = _PANEL[0] * columns, _PANEL[1] * len(curves)
        figure = Figure(figsize=(width, height))
        axes = figure.subplots(len(curves), columns, squeeze=False, gridspec_kw=_margins(width, height))
        for row, (method, terms) in zip(axes, curves.items(), strict=True):
            for ax in row[len(terms) :]:
                ax.set_axis_off()
            for index, (ax, (term, values)) in enumerate(zip(row, terms.items(), strict=False)):
                values = np.atleast_2d(np.asarray(values, dtype=float))
                epochs = np.arange(1, values.shape[1] + 1)
                ax.plot(epochs, values.T, color="#B0B0B0", lw=0.7)
                ax.plot(epochs, np.nanmean(values, axis=0), color=domain_colour(1), lw=1.6)
                ax.set_title(f"{method}: {term}" if index == 0 else term, loc="left")
                ax.set_xlabel("epoch")
                ax.margins(x=0.01)
    return figure


def _margins(width: float, height: float) -> dict[str, float]:
    """The margins as matplotlib wants them: known beforehand, so that nothing is drawn to find them."""
    across, down = _LEFT + _RIGHT, _ABOVE + _BELOW
    return {
        "left": _LEFT / width,
        "right": 1 - _RIGHT / width,
        "top": 1 - _ABOVE / height,
        "bottom": _BELOW / height,
        "wspace": across / (_PANEL[0] - across),
        "hspace": down / (_PANEL[1] - down),
    }
