"""Denoised expression: whether the network tells held-out counts better than plain smoothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.characterised import figures_of, found_in, number
from tissuegraph.report.glossary import terms
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, html_table

STEP = "denoise"
_PARENT = (
    "tissuegraph_denoise",
    "Denoised expression",
    "What stMFG expects each spot to count, in <code>layers['denoised']</code>. A fifth of the counts was "
    "set aside, a network trained on the rest, and what it expects held against what was set aside; beside "
    "it the mean over each spot and its neighbours, and the counts themselves.",
)
TERMS = (
    (
        "Correlation",
        "Pearson, of what is expected with the held-out counts: higher is better, -1 to 1; it stays low "
        "where held-out counts are few, whatever is expected of them.",
    ),
    (
        "Deviance",
        "how far held-out counts are from what is expected: lower is better, from 0.",
    ),
)
_CAPTION = (
    "Means over genes with enough held-out counts. Denoised values are expectations of a model that looks at "
    "neighbours: tests on them find too much, and should use the counts."
)
_SCORES = [
    f"{score}_{name}" for score in ("pearson", "deviance") for name in ("network", "smoothing", "counts")
]


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """A row per slice, with the verdict in words, and the figures."""
    found = found_in(outcomes, STEP, "sentence")
    if not found:
        return []
    rows = [
        [
            escape(sample),
            *(number((each.get("means") or {}).get(name), 3) for name in _SCORES),
            "" if each.get("share_network_better") is None else f"{each['share_network_better']:.0%}",
            escape(str(each.get("sentence") or "")),
        ]
        for sample, each in found
    ]
    head = ["Slice"]
    head += [f"{s}, {n}" for s in ("Correlation", "Deviance") for n in ("network", "smoothing", "counts")]
    head += ["Genes where the network correlates better", "In words"]
    body = f"{terms(TERMS)}<p>{_CAPTION}</p>{html_table(head, rows)}"
    return [Section("denoise", "Held-out counts", _PARENT, "html", body, extra=figures_of(found, "denoised"))]
