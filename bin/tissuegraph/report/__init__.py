"""The report's content: one module per chapter, each a function from outcomes to MultiQC sections.

To add a section, write a module with `sections(outcomes, settings)` and name it in CHAPTERS.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from tissuegraph.report import (
    cohorts,
    composition,
    conditions,
    denoise,
    differential,
    enrichment,
    expression,
    graphs,
    histology,
    interactions,
    maps,
    markers,
    methods,
    n_domains,
    overview,
    parameters,
    quality,
    receipt,
    scores,
    spatial_genes,
    status,
    training,
    trajectory,
)
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section

# The order in which they are read. MultiQC gets it with the content, see `write_order`.
CHAPTERS = (
    status,
    cohorts,
    conditions,
    differential,
    overview,
    maps,
    markers,
    spatial_genes,
    trajectory,
    interactions,
    enrichment,
    denoise,
    scores,
    n_domains,
    composition,
    expression,
    quality,
    histology,
    training,
    graphs,
    methods,
    receipt,
    parameters,
)
ORDER_FILE = "report_order.yaml"


def write_sections(
    outcomes: Sequence[Outcome],
    settings: Mapping[str, Any],
    content: Path,
    told: Mapping[str, Any] | None = None,
) -> list[Section]:
    """Write `<id>_mqc.json` for every section that has something to show, and their order; returns them.

    told: the receipt of the run, see `provenance.make_receipt`.
    """
    more = {receipt: {"receipt": told}, status: {"notices": (told or {}).get("notices", ())}}
    found = _with_extras(
        [
            section
            for module in CHAPTERS
            for section in _sections_of(module, outcomes, settings, more.get(module, {}))
        ]
    )
    for section in found:
        section.write(content)
    write_order(found, content / ORDER_FILE)
    return found


def _with_extras(sections: Sequence[Section]) -> list[Section]:
    """The sections, each with what any section of its chapter wants under the chapter's description.

    MultiQC takes that from the first file of a chapter that it happens to read, and drops the others'.
    """
    extras: dict[str, str] = {}
    for section in sections:
        extras[section.parent[0]] = extras.get(section.parent[0], "") + section.extra
    return [replace(section, extra=extras[section.parent[0]]) for section in sections]


def _sections_of(
    module: Any, outcomes: Sequence[Outcome], settings: Mapping[str, Any], more: Mapping[str, Any]
) -> list[Section]:
    """The sections of a chapter. One that cannot be made says so in its place and costs no other."""
    try:
        return list(module.sections(outcomes, settings, **more))
    except Exception as error:
        traceback.print_exc()
        name = module.__name__.rpartition(".")[2]
        words = f"This chapter could not be made ({type(error).__name__}: {error})."
        parent = (f"tissuegraph_{name}", name.replace("_", " ").capitalize(), "")
        text = f'<div class="alert alert-warning" role="alert">{escape(words)}</div>'
        return [Section(f"{name}_missing", parent[1], parent, "html", text)]


def write_order(sections: Sequence[Section], path: Path) -> None:
    """Write a MultiQC configuration under which chapters and sections stand in the order given.

    Without it MultiQC orders chapters by file name and the sections of a chapter by title.
    """
    chapters = dict.fromkeys(section.parent[0] for section in sections)
    order = {
        "custom_content": {"order": list(chapters)},
        "report_section_order": {section.id: {"order": place} for place, section in enumerate(sections)},
    }
    path.write_text(json.dumps(order, indent=1) + "\n", encoding="utf-8")  # JSON is YAML
