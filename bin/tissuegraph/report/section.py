"""One section of the report in the form that MultiQC reads as custom content."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

# Status colours that differ in lightness too, from Okabe and Ito's palette.
STATUS_COLOURS = {"passed": "#009E73", "warned": "#E69F00", "failed": "#B23A00"}
MOST_NAMED = 40  # lines of a legend


@dataclass(frozen=True)
class Section:
    """A plot, a table or HTML under a heading.

    parent: (id, name, description) of the chapter it belongs to; plot: MultiQC's name of the plot type;
    data: its data, HTML text for plot `html`; config: its `pconfig`; headers: table columns;
    categories: of a bar graph; extra: HTML under the chapter's description, for pictures: MultiQC keeps
    a second, base64 copy of every section's content in the page, but not of this.
    """

    id: str
    name: str
    parent: tuple[str, str, str]
    plot: str
    data: Any
    description: str = ""
    help: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] | None = None
    categories: Any = None
    extra: str = ""

    def write(self, folder: Path) -> None:
        """Write `<id>_mqc.json` into `folder`."""
        parent_id, parent_name, parent_description = self.parent
        content = {
            "id": self.id,
            "section_name": self.name,
            "description": self.description,
            "helptext": self.help,
            "parent_id": parent_id,
            "parent_name": parent_name,
            "parent_description": parent_description,
            "extra": self.extra,
            "plot_type": self.plot,
            "pconfig": {"id": f"{self.id}_plot", "title": self.name, **self.config},
            "data": self.data,
        }
        if self.plot == "html":
            del content["pconfig"]
            # (a section without content would not be shown, nor what its chapter has above it)
            content["data"] = self.data or "<!-- the pictures stand above -->"
        if self.headers is not None:
            content["headers"] = self.headers
        if self.categories is not None:
            content["categories"] = self.categories
        (folder / f"{self.id}_mqc.json").write_text(json.dumps(content), encoding="utf-8")


def badge(status: str) -> str:
    """A status as a coloured word."""
    colour = STATUS_COLOURS.get(status, "#666666")
    text = "#000000" if status == "warned" else "#ffffff"
    return f'<span class="badge" style="background-color:{colour};color:{text}">{escape(status)}</span>'


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, height: int = 480) -> str:
    """A plain table that scrolls where it is cut, and says so (page.py). Cells are HTML: escape texts."""
    cells = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="tg-table" style="max-height:{height}px"><table class="table table-sm table-striped">'
        f"<thead><tr>{cells}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def legend(n_lines: int) -> dict[str, bool]:
    """Settings of a line graph: its lines are named beside it, unless there are too many to be read."""
    return {"showlegend": n_lines <= MOST_NAMED}


def count(number: int, singular: str, plural: str | None = None) -> str:
    """`1 slice`, `2 slices`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def with_spread(value: float, spread: float | None) -> str:
    """`0.61 ± 0.01`; without a spread just the value."""
    return f"{value:.2f}" + (f" ± {spread:.2f}" if spread is not None else "")


def signed(difference: float, spread: float | None) -> str:
    """`+0.02 ± 0.01`; without a spread just the difference."""
    return ("+" if difference >= 0 else "") + with_spread(difference, spread)


def p_text(p: float | None) -> str:
    """A p as tables show it, `0.012` or `2.0e-05`; empty where there is none. HTML."""
    if p is None or p != p:
        return ""
    return "&lt; 1e-300" if p < 1e-300 else f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"
