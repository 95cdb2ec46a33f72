"""From the files of all steps of one slice to what its user takes home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd

from tissuegraph import keys
from tissuegraph.figures.domains import LabelPanel
from tissuegraph.methods import title_of
from tissuegraph.records import Record, read_record, step_name, worst
from tissuegraph.results import summary
from tissuegraph.results.h5ad import annotation_codes, assemble, kept_slice, number_domains
from tissuegraph.results.pictures import draw_all, draw_histology
from tissuegraph.scores.labellings import MethodResult, read_baseline, read_method
from tissuegraph.scores.metrics import agreement_scores, coherence_scores
from tissuegraph.scores.table import gain, score_table
from tissuegraph.slices.arrays import SliceArrays


@dataclass(frozen=True)
class SliceInputs:
    """The files of one slice; methods: (name, embedding npz, domains npz) each."""

    sample: str
    slice_path: Path
    spots_path: Path
    arrays: Path
    baseline: Path
    features: Path | None
    methods: tuple[tuple[str, Path, Path], ...]
    records: Sequence[Path]


def take_home(inputs: SliceInputs, final: str, outdir: Path) -> None:
    """Write <sample>.h5ad, the figures and slice.json into `outdir`; `final` names the method to trust."""
    data = anndata.read_h5ad(inputs.slice_path)
    spots = pd.read_csv(inputs.spots_path, index_col=0, dtype={0: str})
    kept = kept_slice(data, spots)
    arrays = SliceArrays.load(inputs.arrays)
    methods = [read_method(name, latent, labels, kept.n_obs) for name, latent, labels in inputs.methods]
    baseline = read_baseline(inputs.baseline, kept.n_obs)
    records = [read_record(path) for path in inputs.records]
    codes, names = annotation_codes(kept)

    columns = number_domains(methods, final, baseline, codes)
    rows = score_table(
        methods,
        baseline,
        agreement=lambda labels: agreement_scores(labels, codes) if codes is not None else {},
        coherence=lambda labels: coherence_scores(labels, arrays.position, arrays.spatial),
    )
    curves = summary.loss_curves(records, [method.name for method in methods])
    answer = next(method for method in methods if method.name == final)
    panels = _panels(columns, methods, final, codes, names, rows)
    files, pictures = draw_all(outdir / inputs.sample, data, spots, kept, panels, answer.confidence, curves)
    histology, image_files, image_pictures = _histology(inputs, kept, arrays, records, outdir)
    files, pictures = files | image_files, pictures | image_pictures
    assemble(kept, arrays, methods, final, baseline, columns, rows, records)
    kept.write_h5ad(outdir / f"{inputs.sample}.h5ad", compression="gzip", compression_opts=1)

    described = {
        **summary.quality_summary(spots),
        "histograms": summary.histograms(records),
        "n_genes": kept.n_vars,
        "n_domains": len(np.unique(columns[keys.DOMAIN])),
        "n_labelled": int((codes >= 0).sum()) if codes is not None else 0,
        "annotation_names": list(names),
        "composition": summary.composition(columns[keys.DOMAIN]),
        "annotation_composition": summary.composition(codes + 1) if codes is not None else {},
        "n_domains_evidence": summary.n_domains_evidence(records),
        "mean_confidence": float(np.nanmean(answer.confidence)),
        "final_method": final,
        "methods": [method.name for method in methods],
        "n_seeds": answer.n_seeds,
        "scores": rows,
        "gain": {method.name: gain(rows, method.name) for method in methods},
        "degrees": _degrees(arrays),
        "training": summary.thinned(curves),
        "seconds": {
            step_name(r): r.metrics["seconds"] for r in records if r.metrics.get("seconds") is not None
        },
        "steps": {step_name(record): _scalars(record) for record in records},
        "histology": histology,
        "files": files,
        "pictures": pictures,
    }
    entry = Record(
        inputs.sample,
        "assemble",
        status=worst(*(record.status for record in records)),
        reasons=list(
            dict.fromkeys(f"{record.step}: {reason}" for record in records for reason in record.reasons)
        ),
        metrics=described,
    )
    entry.write(outdir / "slice.json")


def _panels(
    columns: Mapping[str, np.ndarray],
    methods: Sequence[MethodResult],
    final: str,
    codes: np.ndarray | None,
    names: tuple[str, ...],
    rows: Sequence[Mapping[str, Any]],
) -> list[LabelPanel]:
    """Annotation, the final answer, the other methods, the baseline: the order in which to compare them."""
    by_key = {row["key"]: row for row in rows}
    panels = [LabelPanel("Annotation", codes + 1, names=names)] if codes is not None else []
    for method in sorted(methods, key=lambda method: method.name != final):
        numbers = columns[keys.domain(method.name)]
        panels.append(LabelPanel(title_of(method.name), numbers, _note(by_key[method.name])))
    numbers = columns[keys.DOMAIN_BASELINE]
    panels.append(LabelPanel("Baseline: smoothed PCA", numbers, _note(by_key["baseline"])))
    return panels


def _histology(
    inputs: SliceInputs, kept: anndata.AnnData, arrays: SliceArrays, records: Sequence[Record], outdir: Path
) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """What the image gave, and its pictures; all empty for a slice without one."""
    if inputs.features is None:
        return {}, {}, {}
    from tissuegraph.histology.features import ImageFeatures
    from tissuegraph.histology.tiles import tile_side

    found = next((record.metrics for record in records if record.step == "encode_histology"), {})
    features = ImageFeatures.load(inputs.features)
    kept.obsm[keys.HISTOLOGY] = features.features
    um_per_px = kept.uns.get(keys.TISSUEGRAPH, {}).get("um_per_px")
    side = tile_side(features.tile_um, um_per_px, arrays.pitch, lambda _reason: None)
    stain = str(found.get("stain_method", "none"))
    described = {
        "encoder": features.encoder,
        "n_features": features.features.shape[1],
        "tile_um": features.tile_um,
        "tile_px": features.tile_px,
        "mean_background": float(features.background.mean()),
        "image_source": found.get("source"),
        "stain_method": stain,
    }
    return described, *draw_histology(outdir / inputs.sample, features, kept, side, stain)


def _note(row: Mapping[str, Any]) -> str:
    if row.get("ari") is None:
        return ""
    spread = f", sd {row['ari_sd']:.2f} over {row['n_seeds']} seeds" if row.get("ari_sd") is not None else ""
    return f"ARI {row['ari']:.2f}{spread}"


def _degrees(arrays: SliceArrays) -> dict[str, dict[str, Any]]:
    """Mean, range and distribution of neighbours per spot for both graphs."""
    found = {}
    for name, graph in (("spatial", arrays.spatial), ("feature", arrays.feature)):
        degree = np.diff(graph.indptr)
        share = 100 * np.bincount(degree) / len(degree)
        found[name] = {
            "mean": float(degree.mean()),
            "min": int(degree.min()),
            "max": int(degree.max()),
            "distribution": [[k, round(float(s), 3)] for k, s in enumerate(share) if s > 0],
        }
    return found


def _scalars(record: Record) -> dict[str, Any]:
    """A record's scalar metrics: what the methods paragraph cites."""
    return {k: v for k, v in record.metrics.items() if isinstance(v, str | int | float | bool | None)}
