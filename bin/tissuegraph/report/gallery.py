"""Pictures of each slice behind its name, without scripts, within a budget of the page's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from tissuegraph.report.section import count

BUDGET = 8_000_000  # characters of pictures in one gallery


def gallery(pictured: Sequence[tuple[str, str, Mapping[str, str]]], budget: int = BUDGET) -> str:
    """HTML of (slice, note, {caption: data URI}) each; a line says how many slices the budget left out."""
    shown, left_out = "", 0
    for sample, note, pictures in pictured:
        size = sum(map(len, pictures.values()))
        if left_out or size > budget:
            left_out += 1
            continue
        budget -= size
        images = "".join(
            f'<p style="margin:8px 0 2px">{escape(caption)}</p>'
            f'<img class="tg-zoom" style="width:100%;background:#fff" '
            f'alt="{escape(caption)} of {escape(sample)}" src="{picture}">'
            for caption, picture in pictures.items()
        )
        opened = " open" if len(pictured) == 1 else ""
        shown += (
            f'<details{opened} style="margin-bottom:6px"><summary><strong>{escape(sample)}</strong>'
            f"{escape(note)}</summary>{images}</details>"
        )
    if left_out:
        shown += (
            f"<p>To keep this page light, the pictures of {count(left_out, 'further slice')} are not in it; "
            "they are in <code>slices/&lt;sample&gt;/</code>.</p>"
        )
    return shown
