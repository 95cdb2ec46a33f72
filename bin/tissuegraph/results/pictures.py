"""All figures of one slice: written as PNG and SVG, and as the small pictures that the report embeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd

from tissuegraph import keys
from tissuegraph.figures.domains import LabelPanel, confidence_figure, domain_figure, single_domain_figure
from tissuegraph.figures.histology import stain_figure, tiles_figure
from tissuegraph.figures.quality import quality_figure
from tissuegraph.figures.save import save, thumbnail
from tissuegraph.figures.tissue import Tissue
from tissuegraph.figures.training import training_figure
from tissuegraph.histology.features import ImageFeatures

_PANEL_PX = 300  # width of one panel in the report: four fit a laptop's page
_CARD_PX = 240


def tissue_of(data: anndata.AnnData) -> Tissue:
    """Positions and, where the slice carries one, its largest image."""
    image, scale = _image(data)
    um_per_px = data.uns.get(keys.TISSUEGRAPH, {}).get(keys.UM_PER_PX)
    position = np.asarray(data.obsm[keys.SPATIAL], dtype=float)[:, :2]
    return Tissue(position, image, scale, float(um_per_px) if um_per_px else None)


def draw_all(
    stem: Path,
    data: anndata.AnnData,
    spots: pd.DataFrame,
    kept: anndata.AnnData,
    panels: Sequence[LabelPanel],
    confidence: np.ndarray,
    curves: Mapping[str, Mapping[str, np.ndarray]],
) -> tuple[dict[str, str], dict[str, str]]:
    """Draw every figure of a slice as `stem`.<figure>.png and .svg.

    data: all spots before QC, with `spots` their QC table; kept: those that passed. The last panel's
    numbers of method panels come from the caller; panels[0] after an annotation is the final answer.
    Returns {figure: file name of its PNG} and {figure: data URI}.
    """
    tissue, before = tissue_of(kept), tissue_of(data)
    final = next(panel for panel in panels if not panel.names)
    figures = {
        "domains": domain_figure(tissue, panels),
        "confidence": confidence_figure(tissue, final.numbers, confidence),
    }
    if not data.uns.get(keys.TISSUEGRAPH, {}).get(keys.INFERRED):  # counts that were never measured
        figures["quality"] = quality_figure(
            before,
            spots[keys.TOTAL_COUNTS].to_numpy(float),
            spots[keys.N_GENES].to_numpy(float),
            spots[keys.PCT_MITO].to_numpy(float),
            spots[keys.KEEP].to_numpy(bool),
        )
    if curves:
        figures["training"] = training_figure(curves)
    files, small = _written(stem, figures)
    small["card"] = thumbnail(single_domain_figure(tissue, final.numbers), _CARD_PX)
    return files, small


def draw_histology(
    stem: Path, features: ImageFeatures, kept: anndata.AnnData, stain_method: str
) -> tuple[dict[str, str], dict[str, str]]:
    """What was made of the image: tiles on the tissue, and before and after stain normalisation.

    kept: the spots of the features. Returns file names and data URIs, as `draw_all`.
    """
    tissue = tissue_of(kept)
    figures = {"tiles": tiles_figure(features, tissue.position, features.side_px, tissue.um_per_px)}
    if stain_method != "none":
        figures["stain"] = stain_figure(features, tissue.position, stain_method, tissue.um_per_px)
    return _written(stem, figures)


def _written(stem: Path, figures: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    files, small = {}, {}
    for name, figure in figures.items():
        files[name] = save(figure, Path(f"{stem}.{name}"))[0].name
        small[name] = thumbnail(figure, round(figure.get_figwidth() / 3.4 * _PANEL_PX))
    return files, small


def _image(data: anndata.AnnData) -> tuple[np.ndarray | None, float]:
    """The first library's hires image, else lowres, and its pixels per full-resolution pixel."""
    for library in data.uns.get(keys.SPATIAL, {}).values():
        images, factors = library.get("images", {}), library.get("scalefactors", {})
        for size in ("hires", "lowres"):
            factor = factors.get(f"tissue_{size}_scalef")
            if size in images and factor:
                image = np.asarray(images[size])
                if image.dtype != np.uint8:  # some tools store 0 to 1
                    image = (np.clip(image, 0, 1) * 255).astype(np.uint8)
                return image[..., :3], float(factor)
    return None, 1.0
