"""The parameters that the run was started with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.provenance import without_secrets
from tissuegraph.report.section import Section, html_table

_LONGEST = 300  # letters of a value: a list of genes may have thousands of names


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """A table of every parameter that has a value."""
    told = without_secrets(settings)
    given = {name: value for name, value in sorted(told.items()) if value not in (None, "", {})}
    rows = [
        [f"<code>--{escape(name)}</code>", f"<code>{escape(_show(value))}</code>"]
        for name, value in given.items()
    ]
    content = html_table(["Parameter", "Value"], rows)
    parent = (
        "tissuegraph_parameters",
        "Parameters",
        "Thresholds in the samplesheet override these per slice.",
    )
    return [Section("parameters", "Parameters", parent, "html", content)]


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... ({len(text):,} letters)"
