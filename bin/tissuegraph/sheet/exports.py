"""Which files for other tools a run writes: the parameter `--export`."""

from __future__ import annotations

from tissuegraph.sheet.schema import comma_names, unknown_names

EXPORTS = ("spatialdata", "loupe", "xenium_explorer", "cellxgene")


def export_names(given: str) -> tuple[list[str], list[str]]:
    """Known names of a list joined by commas, once each, and one line for each that is none."""
    names = comma_names(given)
    expected = f"expected {' or '.join(EXPORTS)}, or several joined by commas"
    problems = unknown_names("export", names, EXPORTS, expected)
    if not names:
        problems = [f"parameter --export is empty - {expected}"]
    return [name for name in EXPORTS if name in names], problems
