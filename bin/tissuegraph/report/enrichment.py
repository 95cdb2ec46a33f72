"""Gene sets of the user among the markers of each domain, beside what shuffled markers find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.characterised import behind_names, found_in
from tissuegraph.report.glossary import terms
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, html_table, p_text

PARENT = (
    "tissuegraph_enrichment",
    "Enriched gene sets",
    "Gene sets of the run's own file that hold more markers of a domain than expected. Full lists are in "
    "<code>slices/&lt;sample&gt;/</code>, as <code>&lt;sample&gt;.enrichment.csv</code>.",
)
TERMS = (
    ("Shared", "markers of the domain that are in the set, of all its genes that are measured."),
    (
        "By chance",
        "how many shuffled markers share with the set: as many genes as are markers, drawn at random among "
        "genes that as many spots have; mean over the shuffles.",
    ),
    (
        "Odds ratio",
        "odds of being in the set among markers over those among other genes: 1 is no enrichment.",
    ),
    ("p", "hypergeometric test, adjusted over sets (Benjamini and Hochberg)."),
    (
        "Shuffled p",
        "share of the shuffles that share as many genes with the set. Where p is small and this is not, "
        "abundant genes are what set and markers have in common.",
    ),
    ("Found by chance", "share of the shuffled lists for which any set has a p below .05."),
)


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """Top sets of every domain of every slice; nothing where no slice was looked at."""
    shown = found_in(outcomes, "enrichment", "domains")
    if not shown:
        return []
    text = terms(TERMS) + behind_names(shown, _slice)
    return [Section("enriched_gene_sets", "Gene sets of each domain", PARENT, "html", text)]


def _slice(found: Mapping[str, Any]) -> str:
    rows = []
    for domain in found["domains"]:
        chance = domain.get("found_by_chance")
        first = [
            escape(str(domain["domain"])), str(domain["n_markers"]), "" if chance is None else f"{chance:.0%}"
        ]  # fmt: skip
        for row in domain["top"] or [{}]:
            rows.append([*first, *_set(row)])
            first = ["", "", ""]
    head = [
        str(found.get("by", "domain")).capitalize(), "Markers", "Found by chance", "Gene set", "Shared",
        "By chance", "Odds ratio", "p", "Shuffled p",
    ]  # fmt: skip
    told = f"<p>{found['n_sets']:,} sets, {found['n_background']:,} genes as background.</p>"
    return told + html_table(head, rows)


def _set(row: Mapping[str, Any]) -> list[str]:
    if not row:
        return ["none", *[""] * 5]
    return [
        f'<span title="{escape(str(row["overlap"]))}">{escape(str(row["gene_set"]))}</span>',
        f"{row['n_overlap']} of {row['n_genes']}",
        f"{row['null_overlap_mean']:.1f}",
        f"{row['odds_ratio']:.1f}",
        p_text(row.get("p_adjusted")),
        p_text(row.get("p_shuffled")),
    ]
