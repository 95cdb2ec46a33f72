"""Marker genes of each slice's domains: ranked by effect, beside what half of the counts confirms."""

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
    "tissuegraph_markers",
    "Marker genes",
    "Genes that each domain has more of than all other spots of its slice, ranked by how well they tell a "
    "spot of the domain from another spot. Full lists are in <code>slices/&lt;sample&gt;/</code>, as "
    "<code>&lt;sample&gt;.markers.csv</code>.",
)
CAPTIONS = {
    "marker_dots": "Markers by domain: a larger dot is a gene that more spots of the domain have, a lighter "
    "one a higher mean, from the lowest to the highest domain of each gene. The colour beside a gene is that "
    "of the domain that it marks.",
    "marker_heat": "More markers by domain: the lighter, the higher the mean, scaled per gene.",
    "marker_maps": "The first marker of each domain on the tissue, log-normalised; each map has a colour "
    "range of its own.",
}
TERMS = (
    (
        "AUC",
        "how often a spot of the domain has more of the gene than another spot, a tie counting half: 0.5 is "
        "no difference, 1 is always. A gene that few spots have stays near 0.5.",
    ),
    (
        "Fold change",
        "log2 of mean normalised expression inside over that outside: 1 is twice as much, 2 four times.",
    ),
    ("Inside, outside", "share of the spots of the domain, and of the other spots, that have the gene."),
    (
        "p",
        "Wilcoxon rank-sum test, adjusted over genes (Benjamini and Hochberg). Domains were found from the "
        "same counts, which makes this p too small.",
    ),
    (
        "Split p",
        "the same from half of the counts, between domains that were found in the other half: it pays for "
        "finding and testing on the same data. Spots are its units: it speaks of this slice, not of other "
        "sections or patients. Empty where half of the counts does not show the domain again.",
    ),
)


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """Top genes of every domain of every slice, and the figures; nothing where no slice has any."""
    shown = found_in(outcomes, "markers", "domains")
    if not shown:
        return []
    text = terms(TERMS) + behind_names(shown, _slice)
    chapter = [Section("marker_genes", "Markers of each domain", PARENT, "html", text)]
    pictured = [
        (sample, "", {CAPTIONS[name]: picture for name, picture in own.items() if name in CAPTIONS})
        for sample, found in shown
        if (own := found.get("pictures"))
    ]
    if pictured:
        parent = ("tissuegraph_marker_figures", "Figures of marker genes", "Of each slice, behind its name.")
        chapter.append(Section("marker_figures", parent[1], parent, "html", "", extra=gallery(pictured)))
    return chapter


def _slice(found: Mapping[str, Any]) -> str:
    rows = []
    for domain in found["domains"]:
        first = [escape(str(domain["domain"])), f"{domain['n_spots']:,}", _numbers(domain)]
        for gene in domain["top"] or [{}]:
            rows.append([*first, *_gene(gene)])
            first = ["", "", ""]
    head = [
        str(found.get("by", "domain")).capitalize(), "Spots", "Markers (split)", "Gene", "AUC", "Fold change",
        "Inside", "Outside", "p", "Split p",
    ]  # fmt: skip
    return html_table(head, rows)


def _numbers(domain: Mapping[str, Any]) -> str:
    """How many of the listed genes have a p below .05, and how many a split p below it."""
    if domain.get("n_markers") is None:
        return "not tested"
    split = domain.get("n_markers_split")
    return f"{domain['n_markers']} ({'no counterpart' if split is None else split})"


def _gene(gene: Mapping[str, Any]) -> list[str]:
    if not gene:
        return ["none", *[""] * 6]
    return [
        escape(str(gene.get("symbol") or gene["gene"])),
        f"{gene['auc']:.2f}",
        f"{gene['log2_fold_change']:+.2f}",
        f"{gene['share_inside']:.0%}",
        f"{gene['share_outside']:.0%}",
        p_text(gene.get("p_adjusted")),
        p_text(gene.get("p_adjusted_split")),
    ]
