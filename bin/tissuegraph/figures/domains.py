"""Domains of every method, the baseline's and the annotation side by side; confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib
import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from tissuegraph.figures.palette import CONFIDENCE, UNLABELLED, domain_colour
from tissuegraph.figures.save import STYLE
from tissuegraph.figures.tissue import Tissue, draw_image, draw_labels, draw_scale_bar, draw_values, frame

_PANEL = 3.2  # inches, width of one panel
_HEAD, _FOOT = 0.45, 0.3  # inches above a panel for its title, below it for the scale bar
_LEGEND_ROW = 0.22  # inches
_LEGEND_HEAD = 0.95  # inches, room for the word that heads a row
_MAX_COLUMNS = 4


@dataclass(frozen=True)
class LabelPanel:
    """One labelling of the same spots.

    title: what it is; numbers: (N,) int from 1, 0 = unlabelled, equal numbers get equal colours;
    note: a short second line, such as a score; names: number -> region; rest: what 0 means.
    """

    title: str
    numbers: np.ndarray
    note: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    rest: str = "unlabelled"


def domain_figure(
    tissue: Tissue,
    panels: Sequence[LabelPanel],
    title: str = "",
    names: Mapping[int, str] | None = None,
) -> Figure:
    """All labellings side by side; the bare histology first where there is an image.

    names: number -> what the legend says of a domain beside its number.
    """
    pictures = ([None] if tissue.image is not None else []) + list(panels)
    with matplotlib.rc_context(STYLE):
        lines = _legend_lines(panels, _columns(len(pictures)) * _PANEL, names)
        figure, axes, legend = _grid(len(pictures), tissue.aspect, len(lines), title)
        for ax, panel in zip(axes, pictures, strict=True):
            if panel is None:
                draw_image(ax, tissue)
                frame(ax, tissue)
                _head(ax, "Histology", "")
            else:
                # An annotation's regions are named in the legend; their numbers mean nothing by themselves.
                draw_labels(ax, tissue, panel.numbers, marked=not panel.names)
                _head(ax, panel.title, panel.note)
        draw_scale_bar(axes[0], tissue)
        _draw_legend(legend, lines)
    return figure


def single_domain_figure(tissue: Tissue, numbers: np.ndarray) -> Figure:
    """One labelling and nothing else: the card of a slice in the report's overview."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.0, 3.0))
        ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        draw_labels(ax, tissue, numbers, marked=False)
    return figure


def confidence_figure(tissue: Tissue, numbers: np.ndarray, confidence: np.ndarray) -> Figure:
    """The domains beside the share of runs that agree on each spot: (N,) in [0, 1]."""
    with matplotlib.rc_context(STYLE):
        figure, axes, _ = _grid(2, tissue.aspect, 0, "")
        draw_labels(axes[0], tissue, numbers)
        _head(axes[0], "Domains", "")
        norm, cmap = Normalize(0, 1), matplotlib.colormaps[CONFIDENCE]
        draw_values(axes[1], tissue, confidence, norm, cmap)
        _head(axes[1], "Confidence", f"mean {np.nanmean(confidence):.2f}")
        colour_bar(figure, axes[1], norm, cmap)
        draw_scale_bar(axes[0], tissue)
    return figure


def colour_bar(figure: Figure, ax, norm, cmap) -> None:
    """A horizontal colour bar under a panel."""
    box = ax.get_position()
    height = 0.09 / figure.get_figheight()
    below = figure.add_axes((box.x0 + 0.2 * box.width, box.y0 - 1.6 * height, 0.6 * box.width, height))
    bar = figure.colorbar(
        matplotlib.cm.ScalarMappable(norm=norm, cmap=cmap), cax=below, orientation="horizontal"
    )
    bar.outline.set_visible(False)
    if isinstance(norm, LogNorm):  # three numbers as people write them, not 3 x 10^2
        ticks = np.geomspace(norm.vmin, norm.vmax, 3)
        bar.ax.xaxis.set_minor_locator(NullLocator())
        bar.set_ticks(ticks, labels=[f"{float(f'{tick:.2g}'):,.0f}" for tick in ticks])
    bar.ax.tick_params(labelsize=7, length=2)


def panel_grid(n_panels: int, aspect: float, title: str = ""):
    """Figure and axes for `n_panels` tissue panels of height/width `aspect`, without a legend."""
    figure, axes, _ = _grid(n_panels, aspect, 0, title)
    return figure, axes


def legend_grid(
    panels: Sequence[LabelPanel], n_panels: int, aspect: float, title: str = "", *, head: str = ""
):
    """Figure and axes for `n_panels` tissue panels, with the legend of `panels` below them.

    head: of one legend for all panels; without it every panel with names has a legend of its own.
    """
    lines = _legend_lines(panels, _columns(n_panels) * _PANEL, {}, head)
    figure, axes, legend = _grid(n_panels, aspect, len(lines), title)
    if lines:
        _draw_legend(legend, lines)
    return figure, axes


def panel_head(ax, title: str, note: str) -> None:
    """Title in bold and a note in grey above a panel."""
    _head(ax, title, note)


def _columns(n_panels: int) -> int:
    """As many columns as fill the rows best: five panels stand as three and two, not as four and one."""
    rows = -(-n_panels // _MAX_COLUMNS)
    return -(-n_panels // rows)


def _grid(n_panels: int, aspect: float, legend_rows: int, title: str):
    """Panels on a grid in inches, so that a tall and a wide slice both use the page."""
    columns = _columns(n_panels)
    rows = -(-n_panels // columns)
    height = float(np.clip(_PANEL * aspect, 1.2, 1.6 * _PANEL))
    top = 0.3 if title else 0.0
    total_width = columns * _PANEL + (columns + 1) * 0.12
    legend_height = legend_rows * _LEGEND_ROW + (0.1 if legend_rows else 0.0)
    total_height = top + rows * (_HEAD + height + _FOOT) + legend_height
    figure = Figure(figsize=(total_width, total_height))
    axes = []
    for index in range(n_panels):
        row, column = divmod(index, columns)
        x = 0.12 + column * (_PANEL + 0.12)
        y = total_height - top - (row + 1) * (_HEAD + height) - row * _FOOT
        box = (x / total_width, y / total_height, _PANEL / total_width, height / total_height)
        axes.append(figure.add_axes(box))
    if title:
        left, up = 0.12 / total_width, 1 - 0.08 / total_height
        figure.text(left, up, title, fontsize=11, fontweight="bold", va="top")
    legend = figure.add_axes((0.0, 0.0, 1.0, max(legend_height, 1e-3) / total_height))
    legend.set_axis_off()
    return figure, axes, legend


def _head(ax, title: str, note: str) -> None:
    line = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    ax.annotate(title, (0, 1), (0, 16 if note else 4), fontsize=10, fontweight="bold", **line)
    ax.annotate(note, (0, 1), (0, 5), fontsize=8, color="#555555", **line)


def _legend_lines(
    panels: Sequence[LabelPanel], width: float, names: Mapping[int, str] | None = None, head: str = ""
) -> list[tuple[str, list[Patch]]]:
    """Rows of the legend, each at most `width` inches: domains by number, then annotated regions."""
    names = names or {}
    shown = sorted({int(k) for panel in panels if not panel.names for k in np.unique(panel.numbers) if k > 0})
    numbers = [
        Patch(color=domain_colour(k), label=f"{k} = {_short(names[k])}" if k in names else str(k))
        for k in shown
    ]
    lines = [("Domains", row) for row in _rows(numbers, width)]
    named = [panel for panel in panels if panel.names]
    groups = [(head, named)] if head and named else [(p.title.partition(" (")[0], [p]) for p in named]
    for title, group in groups:
        lines += [(title, row) for row in _rows(_named_entries(group), width)]
    return lines


def _named_entries(panels: Sequence[LabelPanel]) -> list[Patch]:
    """What the names that any of the panels shows look like, and what grey means."""
    present = {int(k) for panel in panels for k in np.unique(panel.numbers)}
    names = {k: name for panel in panels for k, name in panel.names.items() if k in present}
    entries = [Patch(color=domain_colour(k), label=_short(names[k])) for k in sorted(names)]
    rest = dict.fromkeys(panel.rest for panel in panels if (panel.numbers == 0).any())
    return [*entries, Patch(color=UNLABELLED, label=" or ".join(rest))] if rest else entries


def _draw_legend(ax, lines: list[tuple[str, list[Patch]]]) -> None:
    for index, (head, entries) in enumerate(lines):
        middle = 1 - (index + 0.5) / len(lines)
        if index == 0 or lines[index - 1][0] != head:
            ax.annotate(
                head, (0, middle), (9, 0), xycoords="axes fraction", textcoords="offset points",
                fontsize=8, fontweight="bold", va="center",
            )  # fmt: skip
        inches = ax.figure.get_figwidth()
        legend = ax.legend(
            handles=entries,
            ncols=len(entries),
            loc="center left",
            bbox_to_anchor=(_LEGEND_HEAD / inches, middle),
            frameon=False,
            fontsize=8,
            handlelength=1.0,
            handleheight=1.0,
            columnspacing=1.2,
            handletextpad=0.4,
            borderpad=0,
        )
        ax.add_artist(legend)


def _rows(entries: list[Patch], width: float) -> list[list[Patch]]:
    """Fill rows from left to right; a character of 8 pt takes about 0.075 inches, a swatch 0.33."""
    rows, room = [], 0.0
    for entry in entries:
        need = 0.33 + 0.075 * len(entry.get_label())
        if not rows or need > room:
            rows.append([])
            room = width - _LEGEND_HEAD
        rows[-1].append(entry)
        room -= need
    return rows


def _short(name: str, limit: int = 28) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"
