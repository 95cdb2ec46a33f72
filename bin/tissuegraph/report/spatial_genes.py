"""Genes that vary over the tissue of each slice, and those that vary beyond its domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.characterised import behind_names, found_in
from tissuegraph.report.gallery import gallery
from tissuegraph.report.glossary import terms
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, html_table, p_text

PARENT = (
    "tissuegraph_spatial_genes",
    "Spatially variable genes",
    "Genes whose expression is alike in neighbouring spots. Full lists are in "
    "<code>slices/&lt;sample&gt;/</code>, as <code>&lt;sample&gt;.spatial_genes.csv</code>.",
)
TERMS = (
    (
        "Moran's I",
        "how alike neighbours are in a gene: about 0 is chance, 1 is the most. It is lower for genes with "
        "few counts, whose noise neighbours do not share.",
    ),
    (
        "Within domains",
        "the same of what is left when each spot's value is taken less the mean of its domain: a gene with a "
        "high value varies in a way that the domains do not show. As domains were found from the same counts "
        "it is a little too low rather than too high.",
    ),
    (
        "p",
        "adjusted over genes (Benjamini and Hochberg); the chance that spots in any order would be as alike. "
        "It speaks of this slice only.",
    ),
)
CAPTION = (
    "The first genes over the tissue, then the first within domains; log-normalised, each map with a colour "
    "range of its own."
)


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """Top genes of every slice, over the tissue and within domains; nothing where no slice has any."""
    shown = found_in(outcomes, "spatial_genes", "top")
    if not shown:
        return []
    text = terms(TERMS) + behind_names(shown, _slice)
    pictured = [
        (sample, "", {CAPTION: own["spatial_genes"]})
        for sample, found in shown
        if (own := found.get("pictures"))
    ]
    return [Section("spatial_genes", PARENT[1], PARENT, "html", text, extra=gallery(pictured))]


def _slice(found: Mapping[str, Any]) -> str:
    by = str(found.get("by", "domain"))
    text = f"<p>{_words(found, by)}</p>" + _table(found["top"], by)
    if found.get("top_within"):
        text += f"<p>Highest within {by}s:</p>" + _table(found["top_within"], by)
    return text


def _words(found: Mapping[str, Any], by: str) -> str:
    total = f"{found['n_genes']:,} genes have counts in enough spots to be looked at"
    if found.get("n_spatial") is None:
        return f"{total}; their expression was inferred, so none is tested. Highest over the tissue:"
    words = f"{total}; {found['n_spatial']:,} of them vary over the tissue (adjusted p below .05)"
    if found.get("n_within") is not None:
        words += f", {found['n_within']:,} within {by}s"
    return f"{words}. Highest over the tissue:"


def _table(rows: Sequence[Mapping[str, Any]], by: str) -> str:
    cells = [
        [
            escape(str(row.get("symbol") or row["gene"])),
            _number(row.get("morans_i")),
            p_text(row.get("p_adjusted")),
            _number(row.get("morans_i_within_domains")),
            p_text(row.get("p_adjusted_within_domains")),
        ]
        for row in rows
    ]
    return html_table(["Gene", "Moran's I", "p", f"Within {by}s", "p within"], cells)


def _number(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.2f}"
