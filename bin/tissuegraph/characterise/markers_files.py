"""Markers of one slice from its h5ad to tables, figures and a record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.characterise.false_findings import ALPHA, INFERRED
from tissuegraph.characterise.markers import LEAST_SPOTS, Markers, domain_means, find_markers, is_counted
from tissuegraph.characterise.output import add_figure
from tissuegraph.characterise.pictured import read_colours, read_tissue
from tissuegraph.characterise.subject import Subject, read_subject, without_others
from tissuegraph.characterise.tables import write_csv
from tissuegraph.figures.markers import GeneMap, Panel, dot_figure, gene_figure, heat_figure
from tissuegraph.io.text import listed
from tissuegraph.records import Record
from tissuegraph.slices.preprocess import log_normalised

DOTS, HEAT, SHOWN = 3, 8, 5  # genes of each domain in the dot plot, in the heat map, in the report
MOST_MAPS = 16
_NAMED = 20  # domains named in a sentence


def write_markers(record: Record, h5ad: Path, outdir: Path, formats: Sequence[str], seed: int) -> None:
    """Write SAMPLE.markers.csv, SAMPLE.domain_means.csv and the figures of markers; fill the record."""
    subject, tissue = read_subject(h5ad), read_tissue(h5ad)
    found = find_markers(subject, tissue.um_per_px, seed)
    write_csv(found.table, outdir / f"{record.sample}.markers.csv")
    write_csv(domain_means(subject), outdir / f"{record.sample}.domain_means.csv")
    _note_markers(record, subject, found)
    record.metrics |= {
        "by": subject.by,
        "n_genes": int(found.genes.sum()),
        "domains": [_domain(subject, found, k) for k in range(len(subject.names))],
        "pictures": {},
    }
    if found.table.empty:
        return
    colours = read_colours(h5ad, subject.by, subject.names)
    figures = {
        "marker_dots": dot_figure(_panel(subject, found, colours, DOTS)),
        "marker_heat": heat_figure(_panel(subject, found, colours, HEAT)),
        "marker_maps": gene_figure(tissue, _maps(subject, found)),
    }
    for name, figure in figures.items():
        add_figure(record, figure, name, outdir, formats)


def _note_markers(record: Record, subject: Subject, found: Markers) -> None:
    if len(subject.names) < 2:
        record.note(without_others(subject, "nothing to compare it with"))
        return
    small = [name for name, enough in zip(subject.names, found.tested, strict=True) if not enough]
    if small:
        record.note(f"fewer than {LEAST_SPOTS} spots on a side, so no markers: {listed(small, _NAMED)}")
    if not found.genes.any():
        record.note(f"no gene has counts in at least {LEAST_SPOTS} spots; none was tested")
    if subject.inferred:
        record.note(INFERRED)
    elif not is_counted(subject.counts):
        record.note("counts are no whole numbers and cannot be split: p_adjusted_split is left empty")
    elif found.split is not None:
        alone = [
            name
            for name, enough, known in zip(
                subject.names, found.tested, found.split.has_counterpart, strict=True
            )
            if enough and not known
        ]
        if alone:
            record.note(
                f"half of the counts does not show {subject.by} {listed(alone, _NAMED)} again: "
                f"p_adjusted_split is left empty there"
            )


def _domain(subject: Subject, found: Markers, k: int) -> dict[str, Any]:
    """What the report shows of one domain."""
    own = found.table[found.table["domain"] == subject.names[k]]
    split = found.split
    known = split is not None and bool(split.has_counterpart[k])
    return {
        "domain": subject.names[k],
        "n_spots": int(subject.sizes[k]),
        "overlap": round(float(split.overlap[k]), 3) if split is not None else None,
        "n_markers": None if subject.inferred else int((own["p_adjusted"] < ALPHA).sum()),
        "n_markers_split": int((own["p_adjusted_split"] < ALPHA).sum()) if known else None,
        "top": own.head(SHOWN).drop(columns="domain").to_dict("records"),
    }


def _columns(subject: Subject, found: Markers, most: int) -> tuple[list[int], list[int]]:
    """Up to `most` genes of each domain in its order, and those domains.

    A gene stands with the domain in which its AUC is highest: the next layer has much of it too.
    """
    place = {gene: column for column, gene in enumerate(subject.genes)}
    auc = np.where(found.tested[:, None], found.ranked.auc, 0.0)
    genes, owners = [], []
    for k, name in enumerate(subject.names):
        listed = found.table.loc[found.table["domain"] == name, "gene"]
        own = [place[gene] for gene in listed if auc[:, place[gene]].argmax() == k][:most]
        genes += own
        owners += [k] * len(own)
    return genes, owners


def _panel(subject: Subject, found: Markers, colours: Sequence[str], most: int) -> Panel:
    genes, owner = _columns(subject, found, most)
    ranked, sizes = found.ranked, np.maximum(subject.sizes, 1)[:, None]
    return Panel(
        genes=[str(subject.symbols[gene]) for gene in genes],
        owner=np.array(owner),
        mean=ranked.sums[:, genes] / sizes,
        share=ranked.seen[:, genes] / sizes,
        names=subject.names,
        colours=colours,
    )


def _maps(subject: Subject, found: Markers) -> list[GeneMap]:
    """The first gene of each domain."""
    genes, owner = _columns(subject, found, 1)
    genes, owner = genes[:MOST_MAPS], owner[:MOST_MAPS]
    values = log_normalised(subject.counts)[:, genes].toarray()
    return [
        GeneMap(
            str(subject.symbols[gene]),
            values[:, place],
            f"{subject.by} {subject.names[k]}, AUC {found.ranked.auc[k, gene]:.2f}",
        )
        for place, (gene, k) in enumerate(zip(genes, owner, strict=True))
    ]
