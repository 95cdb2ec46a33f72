"""The report's content: one module per chapter, each a function from outcomes to MultiQC sections.

To add a section, write a module with `sections(outcomes, settings)` and name it in CHAPTERS.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tissuegraph.report import (
    composition,
    expression,
    graphs,
    histology,
    maps,
    methods,
    n_domains,
    overview,
    parameters,
    quality,
    scores,
    status,
    training,
)
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section

# The order in which they are read. MultiQC gets it with the content, see `write_order`.
CHAPTERS = (
    status,
    overview,
    maps,
    scores,
    n_domains,
    composition,
    expression,
    quality,
    histology,
    training,
    graphs,
    methods,
    parameters,
)
ORDER_FILE = "report_order.yaml"


def write_sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any], content: Path) -> list[Section]:
    """Write `<id>_mqc.json` for every section that has something to show, and their order; returns them."""
    found = [section for module in CHAPTERS for section in module.sections(outcomes, settings)]
    for section in found:
        section.write(content)
    write_order(found, content / ORDER_FILE)
    return found


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
