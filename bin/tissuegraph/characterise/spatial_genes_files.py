"""Spatial genes of one slice from its h5ad to a table, a figure and a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tissuegraph.characterise.false_findings import ALPHA, INFERRED
from tissuegraph.characterise.output import add_figure
from tissuegraph.characterise.pictured import read_tissue
from tissuegraph.characterise.spatial_genes import (
    LEAST_SPOTS,
    autocorrelation,
    row_normalised,
    spatial_table,
)
from tissuegraph.characterise.subject import Subject, read_subject, without_others
from tissuegraph.characterise.tables import write_csv
from tissuegraph.figures.markers import GeneMap, gene_figure
from tissuegraph.records import Record
from tissuegraph.slices.preprocess import log_normalised

N_SHOWN = 10  # rows of the report


def write_spatial_genes(record: Record, h5ad: Path, outdir: Path, formats: Sequence[str]) -> None:
    """Write SAMPLE.spatial_genes.csv and maps of the first genes; fill the record."""
    subject = read_subject(h5ad)
    values, weights = log_normalised(subject.counts).tocsc(), row_normalised(subject.graph)
    divided = len(subject.names) > 1
    whole = autocorrelation(values, weights)
    within = autocorrelation(values, weights, subject.codes) if divided else None
    seen = np.bincount(subject.counts.indices[subject.counts.data > 0], minlength=len(subject.genes))
    table = spatial_table(seen, subject.genes, whole, within)
    p_columns = [name for name in table.columns if name.startswith("p_")]
    if subject.inferred:
        table[p_columns] = np.nan
        record.note(INFERRED)
    symbols = dict(zip(subject.genes, subject.symbols, strict=True))
    if (subject.symbols != subject.genes).any():
        table["symbol"] = table["gene"].map(symbols)
    write_csv(table, outdir / f"{record.sample}.spatial_genes.csv")
    if not weights.nnz:
        record.note("no spot has a neighbour in the tissue: nothing is said of where genes lie")
    elif table.empty:
        record.note(f"no gene has counts in at least {LEAST_SPOTS} spots and varies; none was tested")
    if not divided:
        record.note(without_others(subject, "nothing can vary beyond it"))
    left = table.sort_values("morans_i_within_domains", ascending=False, kind="stable").dropna(
        subset="morans_i_within_domains"
    )
    record.metrics |= {
        "by": subject.by,
        "n_genes": len(table),
        "n_spatial": None if subject.inferred else int((table["p_adjusted"] < ALPHA).sum()),
        "n_within": None
        if subject.inferred or not divided
        else int((table["p_adjusted_within_domains"] < ALPHA).sum()),
        "top": _rows(table, symbols),
        "top_within": _rows(left, symbols),
        "pictures": {},
    }
    if not table.empty:
        chosen = list(dict.fromkeys([*table["gene"][:4], *left["gene"][:4]]))
        figure = gene_figure(read_tissue(h5ad), _spatial_maps(subject, values, table, chosen))
        add_figure(record, figure, "spatial_genes", outdir, formats)


def _spatial_maps(subject: Subject, values, table: pd.DataFrame, chosen: Sequence[str]) -> list[GeneMap]:
    rows = table.drop_duplicates("gene").set_index("gene")
    place = {gene: column for column, gene in enumerate(subject.genes)}
    maps = []
    for gene in chosen:
        note = f"I {rows.at[gene, 'morans_i']:.2f}"
        if np.isfinite(left := rows.at[gene, "morans_i_within_domains"]):
            note += f", within {subject.by}s {left:.2f}"
        maps.append(GeneMap(str(subject.symbols[place[gene]]), _column(values, place[gene]), note))
    return maps


def _column(values, gene: int) -> np.ndarray:
    return values[:, [gene]].toarray().ravel()


def _rows(table: pd.DataFrame, symbols: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = table.head(N_SHOWN).to_dict("records")
    return [row | {"symbol": symbols[row["gene"]]} for row in rows]
