"""The report's content: one module per section, each a function from outcomes to a MultiQC section."""

from __future__ import annotations

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

_SECTIONS = (
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


def write_sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any], content: Path) -> list[Section]:
    """Write `<id>_mqc.json` for every section that has something to show; returns them in order."""
    found = [section for module in _SECTIONS for section in module.sections(outcomes, settings)]
    for section in found:
        section.write(content)
    return found
