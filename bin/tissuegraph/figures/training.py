"""Loss curves of one training: one panel per term, a thin line per seed, the mean in bold."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tissuegraph.figures.palette import domain_colour
from tissuegraph.figures.save import STYLE


def training_figure(curves: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """curves: method -> term -> (seeds, epochs); one row of panels per method."""
    columns = max(len(terms) for terms in curves.values())
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * columns, 2.3 * len(curves) + 0.2), layout="constrained")
        axes = figure.subplots(len(curves), columns, squeeze=False)
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
