"""Denoised expression of one slice, as files: the layer, how well held-out counts are told, a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph.characterise.denoise import (
    KEPT,
    PREDICTORS,
    check_fit,
    compared,
    layer_of,
    neighbours_and_itself,
    shown_genes,
    train_expected,
    verdict,
)
from tissuegraph.characterise.held_out import TARGET
from tissuegraph.characterise.output import add_figure
from tissuegraph.characterise.pictured import read_tissue
from tissuegraph.characterise.subject import Subject, read_subject
from tissuegraph.characterise.tables import rows_of, write_csv
from tissuegraph.figures.denoise import Denoised, denoise_figure
from tissuegraph.records import Record
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.preprocess import total_counts

if TYPE_CHECKING:
    from tissuegraph.stmfg.settings import Settings

SHOWN = 20  # rows of the report


def write_denoised(
    record: Record,
    h5ad: Path,
    arrays: SliceArrays,
    settings: Settings,
    *,
    seeds: range,
    device: str,
    image: np.ndarray | None,
    outdir: Path,
    formats: Sequence[str],
) -> None:
    """Write SAMPLE.denoised.csv, denoised.npz and the figure; seeds: of the comparisons, the first
    of the layer.

    A slice whose expression was inferred gets a note and no files. Raises InputError where the arrays are of
    another slice, SettingsError where the settings cannot expect counts.
    """
    subject = read_subject(h5ad)
    record.metrics["by"] = subject.by
    if subject.inferred:
        record.note("not denoised: expression is inferred from the image, so there are no counts")
        return
    columns = check_fit(subject, arrays, settings)
    words = {"device": device, "image": image, "note": record.warn}
    frame, by_seed = compared(subject, arrays, columns, settings, seeds=seeds, **words)
    expected = train_expected(arrays, settings, seed=seeds.start, **words)
    layer = layer_of(expected, len(subject.barcodes), columns, len(subject.genes))
    with open(outdir / "denoised.npz", "wb") as file:
        np.savez(
            file, data=layer.data, indices=layer.indices, indptr=layer.indptr, shape=np.asarray(layer.shape)
        )
    write_csv(frame, outdir / f"{record.sample}.denoised.csv")
    word, sentence = verdict(by_seed)
    record.note(f"denoised: {sentence}")
    best = frame.sort_values("pearson_network", ascending=False, kind="stable").dropna().head(SHOWN)
    record.metrics |= {
        "n_genes": len(columns),
        "n_compared": int(frame["pearson_network"].notna().sum()),
        "n_divisions": len(seeds),
        "share_kept": KEPT,
        "verdict": word,
        "sentence": sentence,
        "means": {name: float(by_seed[name].mean()) for name in by_seed},
        "share_network_better": _share_better(frame),
        "rows": rows_of(best),
        "settings": settings.as_dict(),
    }
    genes = shown_genes(frame)
    if genes:
        figure = denoise_figure(read_tissue(h5ad), _maps(subject, arrays, columns, layer, frame, genes))
        add_figure(record, figure, "denoised", outdir, formats)


def _share_better(frame: pd.DataFrame) -> float | None:
    """Of the genes compared, those whose held-out counts the network tells better than smoothing."""
    both = frame[[f"pearson_{name}" for name in PREDICTORS[:2]]].dropna()
    return float((both["pearson_network"] > both["pearson_smoothing"]).mean()) if len(both) else None


def _maps(
    subject: Subject,
    arrays: SliceArrays,
    columns: np.ndarray,
    layer: sparse.csr_matrix,
    frame: pd.DataFrame,
    rows: Sequence[int],
) -> list[Denoised]:
    depth = np.maximum(total_counts(subject.counts).astype(float), 1.0)
    average = neighbours_and_itself(arrays.spatial)
    found = []
    for row in rows:
        counted = subject.counts[:, [columns[row]]].toarray().ravel()
        expected = layer[:, [columns[row]]].toarray().ravel()
        rates = counted / depth, (average @ counted) / (average @ depth), expected / depth
        told = frame.loc[row]
        found.append(
            Denoised(
                str(subject.symbols[columns[row]]), *(np.log1p(rate * TARGET) for rate in rates),
                told["pearson_smoothing"], told["pearson_network"],
            )
        )  # fmt: skip
    return found
