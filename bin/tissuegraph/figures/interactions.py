"""The leading pairs of ligand and receptor, and between which domains they lie."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tissuegraph.figures.palette import SEQUENTIAL
from tissuegraph.figures.save import STYLE

_ROW, _COLUMN = 0.24, 0.42  # inches
_LONGEST_NAME = 36  # two Ensembl ids
_CERTAIN = 0.05


def interaction_figure(
    pairs: Sequence[str],
    places: Sequence[str],
    effect: np.ndarray,
    score: np.ndarray,
    p_adjusted: np.ndarray,
) -> Figure:
    """A bubble for each of R pairs at each of C places (`sender → receiver`): (R, C), NaN where not tested.

    Colour: effect; size: score; ringed: adjusted p of at most 0.05.
    """
    n_rows, n_columns = effect.shape
    left = 0.35 + 0.075 * max(len(_short(name)) for name in pairs)
    below = 0.45 + 0.075 * max(len(_short(name)) for name in places)
    width, height = left + n_columns * _COLUMN + 1.5, 0.55 + n_rows * _ROW + below
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(width, 4.5), height))
        width = figure.get_figwidth()
        box = (left / width, below / height, n_columns * _COLUMN / width, n_rows * _ROW / height)
        ax = figure.add_axes(box)
        y, x = np.nonzero(np.isfinite(effect))
        norm = Normalize(0, max(float(np.nanmax(effect, initial=0)), 1.0), clip=True)
        largest = max(float(np.nanmax(score, initial=0)), 1e-9)
        ringed = np.nan_to_num(p_adjusted[y, x], nan=1.0) <= _CERTAIN
        drawn = ax.scatter(
            x, y, s=12 + 150 * score[y, x] / largest, c=effect[y, x], cmap=SEQUENTIAL, norm=norm,
            edgecolors=np.where(ringed, "#000000", "#FFFFFF"), linewidths=np.where(ringed, 1.4, 0.3),
        )  # fmt: skip
        ax.set(xlim=(-0.6, n_columns - 0.4), ylim=(n_rows - 0.4, -0.6))
        ax.set_xticks(range(n_columns), [_short(name) for name in places], rotation=90, fontsize=7)
        ax.set_yticks(range(n_rows), [_short(name) for name in pairs], fontsize=7)
        ax.tick_params(length=0)
        ax.grid(color="#EEEEEE", lw=0.6)
        ax.set_axisbelow(True)
        ax.spines[:].set_visible(False)
        head = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
        ax.annotate(
            "Ligand and receptor side by side", (0, 1), (0, 14), fontsize=10, fontweight="bold", **head
        )
        ax.annotate(
            "size: score; ringed: adjusted p ≤ 0.05", (0, 1), (0, 4), fontsize=8, color="#555555", **head
        )
        bar = figure.add_axes((1 - 1.05 / width, box[1], 0.1 / width, min(1.2 / height, box[3])))
        figure.colorbar(drawn, cax=bar).outline.set_visible(False)
        bar.tick_params(labelsize=7, length=2)
        bar.set_ylabel("effect (sd)", fontsize=8)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
