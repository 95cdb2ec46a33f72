"""All figures of one slice: written as PNG and SVG, and as the small pictures that the report embeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from matplotlib.figure import Figure

from tissuegraph import keys
from tissuegraph.figures.domains import LabelPanel, confidence_figure, domain_figure, single_domain_figure
from tissuegraph.figures.histology import stain_figure, tiles_figure
from tissuegraph.figures.palette import region_number, region_numbers
from tissuegraph.figures.quality import quality_figure
from tissuegraph.figures.regions import region_figure
from tissuegraph.figures.save import FORMATS, save_with_picture, thumbnail
from tissuegraph.figures.tissue import Tissue
from tissuegraph.figures.training import training_figure
from tissuegraph.io.platforms import unit_of
from tissuegraph.methods import title_of
from tissuegraph.results.answers import Answers, numbers_of_regions
from tissuegraph.results.steps import Steps
from tissuegraph.results.summary import LossCurves, image_facts
from tissuegraph.scores.labellings import JOINT_TITLES
from tissuegraph.scores.transfer import SHOWN

_CARD_PX = 240


@dataclass(frozen=True)
class Drawn:
    """files: figure -> file name of its PNG; pictures: figure -> data URI of a small copy for the report."""

    files: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)

    def __or__(self, other: Drawn) -> Drawn:
        return Drawn(self.files | other.files, self.pictures | other.pictures)


def tissue_of(data: anndata.AnnData) -> Tissue:
    """Positions and, where the slice carries one, its largest image."""
    image, scale = _image(data)
    um_per_px = data.uns.get(keys.TISSUEGRAPH, {}).get(keys.UM_PER_PX)
    position = np.asarray(data.obsm[keys.SPATIAL], dtype=float)[:, :2]
    return Tissue(position, image, scale, float(um_per_px) if um_per_px else None)


def draw_slice(
    stem: Path, steps: Steps, answers: Answers, curves: LossCurves, formats: Sequence[str] = FORMATS
) -> Drawn:
    """Draw domains, confidence, quality and training of a slice as `stem`.<figure>.<format>."""
    tissue, numbers = tissue_of(steps.kept), answers.domain
    figures = {
        "domains": domain_figure(tissue, label_panels(steps, answers), names=_names(answers)),
        "confidence": confidence_figure(tissue, numbers, answers.confidence),
    }
    if not steps.whole.uns.get(keys.TISSUEGRAPH, {}).get(keys.INFERRED):  # counts that were never measured
        figures["quality"] = quality_figure(
            tissue_of(steps.whole),
            steps.spots[keys.TOTAL_COUNTS].to_numpy(float),
            steps.spots[keys.N_GENES].to_numpy(float),
            steps.spots[keys.PCT_MITO].to_numpy(float),
            steps.spots[keys.KEEP].to_numpy(bool),
            unit_of(steps.whole.uns.get(keys.TISSUEGRAPH, {}).get("platform")),
        )
    if steps.taught is not None:
        figures["regions"] = region_figure(
            tissue,
            region_panel(steps, answers, region_numbers(steps.taught.region)),
            steps.taught.probability,
            steps.taught.novelty,
        )
    if curves:
        figures["training"] = training_figure({title_of(method): terms for method, terms in curves.items()})
    drawn = _written(stem, figures, formats)
    return drawn | Drawn(pictures=_cards(tissue, steps, answers))


def _cards(tissue: Tissue, steps: Steps, answers: Answers) -> dict[str, str]:
    """Small pictures of domains, taught regions and annotation, for sections side by side."""
    shown = {"card": answers.domain}
    if steps.taught is not None:
        shown["card_regions"] = region_numbers(steps.taught.call)
    if steps.annotation is not None:
        shown["card_annotation"] = annotation_panel(steps, answers).numbers
    return {name: thumbnail(single_domain_figure(tissue, labels), _CARD_PX) for name, labels in shown.items()}


def label_panels(steps: Steps, answers: Answers) -> list[LabelPanel]:
    """Annotation, the final answer, the other methods, the baseline: the order in which to compare them.

    Regions that other sections taught come first where their transfer was shown, else last.
    """
    rows = {row["key"]: row for row in answers.scores}
    panels = []
    taught, shown = steps.taught, False
    if taught is not None:
        shown, called = taught.guard == SHOWN, region_panel(steps, answers, region_numbers(taught.call))
    if steps.annotation is not None:
        panels.append(annotation_panel(steps, answers))
    if shown:
        panels.append(called)
    for name in steps.joints:
        panels.append(LabelPanel(JOINT_TITLES[name], answers.columns[keys.domain(name)], _note(rows[name])))
    for method in sorted(steps.methods, key=lambda method: method.name != answers.final.name):
        numbers = answers.columns[keys.domain(method.name)]
        panels.append(LabelPanel(title_of(method.name), numbers, _note(rows[method.name])))
    numbers = answers.columns[keys.DOMAIN_BASELINE]
    panels.append(LabelPanel("Baseline: smoothed PCA", numbers, _note(rows["baseline"])))
    if taught is not None and not shown:
        panels.append(called)
    return panels


def annotation_panel(steps: Steps, answers: Answers) -> LabelPanel:
    """Annotated regions, in the colours of the domains they match, or of the regions taught."""
    numbers = numbers_of_regions(steps, answers.columns)
    spots = np.zeros(len(steps.annotation), dtype=int)
    for code, name in enumerate(steps.regions):
        spots[steps.annotation == code] = numbers[name]
    return LabelPanel("Annotation", spots, names={number: name for name, number in numbers.items()})


def _names(answers: Answers) -> dict[int, str]:
    """Number -> what the legend says beside it, such as 'L2, 81 %'."""
    return {number: f"{name.region}, {name.share:.0%}" for number, name in answers.names.items()}


def region_panel(steps: Steps, answers: Answers, numbers: np.ndarray) -> LabelPanel:
    """Regions that other sections taught; numbers: (N,) as of `region_numbers`, 0 where none is
    called."""
    taught = steps.taught
    facts = [f"{taught.coverage:.0%} called"]
    if answers.region_scores:
        facts.insert(0, f"macro-F1 {answers.region_scores['macro_f1']:.2f}")
    if taught.guard != SHOWN:
        facts.append(f"transfer {taught.guard}")
    names = {region_number(place): name for place, name in enumerate(taught.names)}
    return LabelPanel("Regions (taught)", numbers, ", ".join(facts), names=names, rest=keys.UNSURE)


def draw_image(stem: Path, steps: Steps, formats: Sequence[str] = FORMATS) -> Drawn:
    """Tiles on the tissue, and before and after stain normalisation; nothing for a slice without image."""
    image = steps.image
    if image is None:
        return Drawn()
    tissue = tissue_of(steps.kept)
    figures = {"tiles": tiles_figure(image, tissue.position, image.side_px, tissue.um_per_px)}
    stain_method = image_facts(steps)["stain_method"]
    if stain_method != "none":
        figures["stain"] = stain_figure(image, tissue.position, stain_method, tissue.um_per_px)
    return _written(stem, figures, formats)


def _note(row: Mapping[str, Any]) -> str:
    """The ARI under a panel's title; nothing without labels."""
    if row.get("ari") is None:
        return ""
    spread = f", sd {row['ari_sd']:.2f} over {row['n_seeds']} seeds" if row.get("ari_sd") is not None else ""
    return f"ARI {row['ari']:.2f}{spread}"


def _written(stem: Path, figures: Mapping[str, Figure], formats: Sequence[str]) -> Drawn:
    files, small = {}, {}
    for name, figure in figures.items():
        (png, *_), small[name] = save_with_picture(figure, Path(f"{stem}.{name}"), formats=formats)
        files[name] = png.name
    return Drawn(files, small)


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
