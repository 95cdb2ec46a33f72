"""From a prediction to what its user takes home: an h5ad, maps of genes, a summary, and a slice to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd

from tissuegraph import keys
from tissuegraph.figures.expression import GeneMap, expression_figure
from tissuegraph.figures.save import FORMATS, save_with_picture
from tissuegraph.results.h5ad import versions
from tissuegraph.results.kept import kept_slice
from tissuegraph.results.pictures import tissue_of
from tissuegraph.slices.qc import spot_metrics, write_spots
from tissuegraph.spahgc.asked import GeneNames, find_genes
from tissuegraph.spahgc.calibration import calibrated
from tissuegraph.spahgc.counts import whole_numbers
from tissuegraph.spahgc.inference import Inference
from tissuegraph.spahgc.prediction import Prediction
from tissuegraph.spahgc.settings import Panel

N_MAPS = 6  # genes drawn
_PANEL_PX = 300  # width of one panel in the report


def gene_table(prediction: Prediction, names: GeneNames | None) -> pd.DataFrame:
    """var of the panel: identifiers and symbols as in a reference slice, and what is known of each gene.

    Reliability and what was left out to learn it, spread and error before and after calibration, whether the
    gene takes part in domains, and PCC where it was measured. names: of the panel's genes; where they are
    unknown, the genes' own stand for them.
    """
    genes = prediction.genes.astype(object)
    known = {keys.GENE_ID: names.gene_ids, keys.GENE_SYMBOL: names.symbols} if names is not None else {}
    columns = {
        name: known[name].astype(object) if len(known.get(name, ())) else genes
        for name in (keys.GENE_ID, keys.GENE_SYMBOL)
    }
    var = pd.DataFrame(columns, index=pd.Index(genes))
    var["reliability"] = prediction.reliability
    if prediction.validated_by:
        var[keys.VALIDATED_BY] = pd.Categorical([prediction.validated_by] * len(var))
    for name, values in prediction.per_gene.items():
        var[name] = values
    if prediction.goes_on is not None:
        var["reliable"] = prediction.goes_on
    if prediction.gene_pcc is not None:
        var["pcc"] = prediction.gene_pcc
    return var


def inferred_slice(
    data: anndata.AnnData, spots: pd.DataFrame, prediction: Prediction, var: pd.DataFrame, notes: Mapping
) -> anndata.AnnData:
    """Kept spots with predicted log-normalised expression in X; calibrated and measured in layers.

    data: the canonical slice, all spots; spots: its QC table. notes: what uns says beside `inferred` and what
    was left out to learn reliability.
    """
    kept = kept_slice(data, spots)
    uns = {name: value for name, value in kept.uns.items() if name != keys.TISSUEGRAPH}
    own = {**kept.uns.get(keys.TISSUEGRAPH, {}), keys.INFERRED: True, **notes, "versions": versions()}
    if prediction.validated_by:
        own[keys.VALIDATED_BY] = prediction.validated_by
    layers = {} if prediction.measured is None else {keys.MEASURED: prediction.measured}
    if prediction.per_gene:
        layers[keys.CALIBRATED] = calibrated(prediction.predicted, prediction.per_gene)
    return anndata.AnnData(
        X=prediction.predicted,
        obs=kept.obs.assign(**prediction.per_spot),
        var=var,
        obsm={keys.SPATIAL: kept.obsm[keys.SPATIAL]},
        layers=layers,
        uns={**uns, keys.TISSUEGRAPH: own},
    )


def write_slice_to_go_on(
    data: anndata.AnnData, prediction: Prediction, var: pd.DataFrame, panel: Panel, outdir: Path
) -> None:
    """Write slice.h5ad and spots.csv.gz of a slice without counts, with predicted counts in their place.

    Only genes that are reliable enough take part. data: the canonical slice, of which QC kept all N spots, as
    here: image features stay in step. See tissuegraph.spahgc.counts.
    """
    chosen = np.ones(len(var), dtype=bool) if prediction.goes_on is None else prediction.goes_on
    var = var[chosen]
    counts = whole_numbers(prediction.predicted[:, chosen], panel)
    uns = dict(data.uns)
    uns[keys.TISSUEGRAPH] = {**uns[keys.TISSUEGRAPH], keys.INFERRED: True}
    pseudo = anndata.AnnData(
        X=counts, obs=data.obs, var=var, obsm={keys.SPATIAL: data.obsm[keys.SPATIAL]}, uns=uns
    )
    pseudo.write_h5ad(outdir / "slice.h5ad", compression="lzf")
    metrics = spot_metrics(counts, *(var[name].to_numpy(str) for name in (keys.GENE_SYMBOL, keys.GENE_ID)))
    kept = np.full(data.n_obs, "", dtype=object)
    write_spots(outdir / "spots.csv.gz", data.obs_names.to_numpy(str), metrics, kept)


def asked_notes(prediction: Prediction) -> dict[str, np.ndarray]:
    """What uns says of the genes asked for: as given, and those that are not inferred; {} without any."""
    asked = prediction.asked
    if not asked.names:
        return {}
    return {
        keys.GENES_ASKED: np.array(asked.names, dtype=object),
        keys.GENES_LEFT_OUT: np.array(asked.left_out, dtype=object),
    }


def to_draw(
    markers: Sequence[str], prediction: Prediction, var: pd.DataFrame
) -> tuple[list[str], tuple[str, ...]]:
    """Genes of the panel to draw first, and the markers that are not in it.

    Markers come first, found by symbol or identifier, then, up to N_MAPS, genes asked for. var: as
    `gene_table` made it.
    """
    names = (var[name].to_numpy(str) for name in (keys.GENE_ID, keys.GENE_SYMBOL))
    found = find_genes(markers, [GeneNames(prediction.genes, *names)])
    room = max(N_MAPS - len(found.genes), 0)
    asked = [gene for gene in prediction.asked.genes if gene not in found.genes]
    return [*found.genes, *asked[:room]], found.missing


def chosen_genes(prediction: Prediction, wanted: Sequence[str]) -> list[int]:
    """Columns to draw: the wanted genes of the panel, then the most reliable ones."""
    order = np.argsort(-np.nan_to_num(prediction.reliability, nan=-2.0), kind="stable")
    place = {gene: column for column, gene in enumerate(prediction.genes)}
    named = [place[gene] for gene in dict.fromkeys(wanted) if gene in place]
    return list(dict.fromkeys([*named, *order.tolist()]))[: max(N_MAPS, len(named))]


def draw(
    inferred: anndata.AnnData,
    prediction: Prediction,
    wanted: Sequence[str],
    stem: Path,
    formats: Sequence[str] = FORMATS,
) -> tuple[dict[str, str], dict[str, str]]:
    """Write `stem`.png and .svg; returns {figure: file name} and {figure: data URI}, as the report wants."""
    maps = [
        GeneMap(
            gene=str(prediction.genes[column]),
            predicted=prediction.predicted[:, column],
            measured=None if prediction.measured is None else prediction.measured[:, column],
            note=_note(prediction, column),
        )
        for column in chosen_genes(prediction, wanted)
    ]
    figure = expression_figure(tissue_of(inferred), maps)
    (png, *_), small = save_with_picture(figure, stem, formats=formats)
    return {"inferred": png.name}, {"inferred": small}


def described(prediction: Prediction) -> dict[str, Any]:
    """What table and report say about one inferred slice, JSON-able; genes from most to least reliable."""
    order = np.argsort(-np.nan_to_num(prediction.reliability, nan=-2.0), kind="stable")
    genes = {"gene": prediction.genes[order].tolist(), "reliability": _rounded(prediction.reliability[order])}
    if prediction.gene_pcc is not None:
        genes["pcc"] = _rounded(prediction.gene_pcc[order])
    inferences = prediction.inferences
    return {
        "n_spots": len(prediction.predicted),
        "n_genes": len(prediction.genes),
        "n_seeds": len(inferences),
        "references": inferences[0].history.get("references", []),
        "epochs_chosen": [each.epochs_chosen for each in inferences],
        "inner_validation": [each.history.get("validation_pcc_of") for each in inferences],
        "seconds": sum(each.seconds for each in inferences),
        "median_reliability": _median(prediction.reliability),
        keys.VALIDATED_BY: prediction.validated_by,
        keys.REFERENCE_SIMILARITY: _median(prediction.per_spot.get(keys.REFERENCE_SIMILARITY, np.array([]))),
        "level": _level(inferences[0]),
        "calibration": {name: _median(values) for name, values in prediction.per_gene.items()},
        "n_genes_on": len(prediction.genes) if prediction.goes_on is None else int(prediction.goes_on.sum()),
        "genes": genes,
        "n_genes_asked": len(prediction.asked.names),
        keys.GENES_LEFT_OUT: list(prediction.asked.left_out),
        "scores": prediction.scores,
    }


def _level(inference: Inference) -> dict[str, float] | None:
    """What held-out references say of levels; None where nothing, or where the slide is too unlike them."""
    level = inference.history.get("level")
    return level if level and bool(level["share"]) == inference.level_told else None


def _note(prediction: Prediction, column: int) -> str:
    parts = [("reliability", prediction.reliability[column])]
    if prediction.gene_pcc is not None:
        parts.insert(0, ("PCC", prediction.gene_pcc[column]))
    return ", ".join(f"{name} {value:.2f}" for name, value in parts if np.isfinite(value))


def _rounded(values: np.ndarray) -> list[float | None]:
    return [round(float(value), 4) if np.isfinite(value) else None for value in values]


def _median(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
